"""Rules of docs/architecture.md that import-linter cannot hold: who reads the environment, who speaks SQL, who
reaches the network."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

LIBRARY = Path(__file__).parents[1] / "include" / "medsift"
NETWORK = {"requests", "urllib3", "socket", "httpx", "aiohttp", "ftplib", "smtplib", "http.client", "urllib.request"}
SQL = re.compile(r"\b(SELECT\s|INSERT INTO\s|UPDATE\s+\w+\s+SET\s|DELETE FROM\s|(CREATE|ALTER|DROP|GRANT)\s+[A-Z]{4,})")


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(LIBRARY.rglob("*.py")):
        yield str(path.relative_to(LIBRARY)), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def is_of_network(name: str) -> bool:
    return any(name == known or name.startswith(f"{known}.") for known in NETWORK)


def reads_environment(tree: ast.Module) -> bool:
    is_attribute = any(
        isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv") for node in ast.walk(tree)
    )
    return is_attribute or not imported(tree).isdisjoint({"os.environ", "os.environb", "os.getenv"})


def test_only_settings_reads_the_environment_and_others_hand_it_to_programs_they_start() -> None:
    assert {name for name, tree in modules() if reads_environment(tree)} == {
        "settings.py",
        "cli/db.py",  # to psql
        "topology/environment.py",  # to Airflow's processes
        "topology/stack.py",  # to the supervisor
    }


def test_sql_stands_only_in_the_store() -> None:
    speaking = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value)
    }
    assert "store/queries.py" in speaking
    assert {name for name in speaking if not name.startswith("store/")} == set()


def test_the_network_is_reached_only_where_the_architecture_says() -> None:
    reaching = {name for name, tree in modules() if any(map(is_of_network, imported(tree)))}
    assert {name for name in reaching if not name.startswith("topology/")} == {
        "sources/http.py",
        "sources/_web/addresses.py",  # parts of that door
        "sources/_web/wire.py",
        "weights/fetch.py",
        "volume.py",  # only the name of this machine
    }
    assert {name for name in reaching if name.startswith("topology/")} == {
        "topology/airflow_client.py",  # loopback, as the next two
        "topology/postgres.py",
        "topology/processes.py",
        "topology/webhook.py",
    }
