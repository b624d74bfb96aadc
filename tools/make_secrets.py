"""Write .env for docker-compose.yaml: every secret it asks for, made by chance once, readable by its owner alone.

    python tools/make_secrets.py [--gpu] [FILE]

Run again it keeps the secrets that are there and adds what is missing. With --gpu the GPU worker is started, and the
other worker leaves its queue to it; without, there is no GPU worker and the other takes both queues.
"""

import argparse
import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def password() -> str:
    return secrets.token_urlsafe(24)


SECRETS: dict[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": password,
    "DATABASE_OWNER_PASSWORD": password,
    "DATABASE_TASK_PASSWORD": password,
    "DATABASE_READER_PASSWORD": password,
    "DATABASE_AIRFLOW_PASSWORD": password,
    "REDIS_PASSWORD": password,
    "FERNET_KEY": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "JWT_SECRET": lambda: secrets.token_hex(48),
    "SESSION_SECRET": lambda: secrets.token_hex(32),
    "FIRST_USER": lambda: "admin",
    "FIRST_USER_PASSWORD": password,
}
GPU = {"COMPOSE_PROFILES": "gpu", "MEDSIFT_CPU_QUEUES": "default"}  # one without the other leaves tasks to nobody


def read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def completed(before: dict[str, str], has_gpu: bool) -> dict[str, str]:
    kept = {name: value for name, value in before.items() if name not in GPU}
    made = {name: make() for name, make in SECRETS.items() if not kept.get(name)}
    return kept | made | (GPU if has_gpu else {})


def write(path: Path, values: dict[str, str]) -> None:
    lines = ["# Written by `make secrets`. Whoever has this file has the stack: keep it private."]
    lines += [f"{name}={value}" for name, value in values.items()]
    temporary = path.with_name(f"{path.name}.part")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    temporary.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", action="store_true", help="start the GPU worker")
    parser.add_argument("file", nargs="?", type=Path, default=Path(".env"))
    arguments = parser.parse_args()
    values = completed(read(arguments.file), arguments.gpu)
    write(arguments.file, values)
    queues = values.get("MEDSIFT_CPU_QUEUES", "default,gpu")
    print(f"{arguments.file} has all secrets. The CPU worker takes the queues {queues}.")
    print(f"The first user is {values['FIRST_USER']}, with the password FIRST_USER_PASSWORD of that file.")


if __name__ == "__main__":
    main()
