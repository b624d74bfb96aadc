"""Write .env for docker-compose.yaml: every secret it asks for, made by chance once, readable by its owner alone.

    python tools/make_secrets.py [--gpu] [FILE]

Run again it keeps what is in the file, comments too, and adds what is missing. With --gpu the GPU worker is started,
and the other worker leaves its queue to it; without, there is no GPU worker and the other takes both queues.
"""

import argparse
import base64
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

HEADER = "# Written by `make secrets`. Whoever has this file has the stack: keep it private."


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


def read(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else [HEADER]


def name_of(line: str) -> str:
    """What a line sets, if anything."""
    return "" if line.lstrip().startswith("#") else line.partition("=")[0].strip()


def values_of(lines: Iterable[str]) -> dict[str, str]:
    return {name_of(line): line.partition("=")[2].strip() for line in lines if name_of(line) and "=" in line}


def completed(lines: Iterable[str], has_gpu: bool) -> list[str]:
    """What a person has written stays where it stands; a secret without a value gets one."""
    kept = [line for line in lines if name_of(line) not in GPU]
    values = values_of(kept)
    missing = {name: make() for name, make in SECRETS.items() if not values.get(name)}
    added = missing | (GPU if has_gpu else {})
    return [line for line in kept if name_of(line) not in missing] + [f"{name}={added[name]}" for name in added]


def write(path: Path, lines: Iterable[str]) -> None:
    temporary = path.with_name(f"{path.name}.part")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    temporary.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", action="store_true", help="start the GPU worker")
    parser.add_argument("file", nargs="?", type=Path, default=Path(".env"))
    arguments = parser.parse_args()
    lines = completed(read(arguments.file), arguments.gpu)
    write(arguments.file, lines)
    values = values_of(lines)
    queues = values.get("MEDSIFT_CPU_QUEUES", "default,gpu")
    print(f"{arguments.file} has all secrets. The CPU worker takes the queues {queues}.")
    print(f"The first user is {values['FIRST_USER']}, with the password FIRST_USER_PASSWORD of that file.")


if __name__ == "__main__":
    main()
