"""`medsift db prepare`: databases and roles on a server of one's own."""

import subprocess
import sys

import pytest
from sqlalchemy import make_url

from medsift.store import Store
from medsift.topology.postgres import Urls
from tests.conftest import in_database


def prepare(typed: str, url: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin"} | ({"MEDSIFT_DATABASE_URL": url} if url else {})
    command = [sys.executable, "-m", "medsift.cli", "db", "prepare"]
    return subprocess.run(command, env=environment, input=typed, capture_output=True, text=True, check=False)


def lines_of(urls: Urls) -> str:
    accounts = [make_url(url) for url in (urls.owner, urls.task, urls.reader, urls.airflow)]
    return "".join(f"{account.username} {account.password}\n" for account in accounts)


@pytest.mark.postgres
def test_a_server_has_what_medsift_needs_and_a_second_call_changes_nothing(database: Urls) -> None:
    superuser = in_database(database.admin, "postgres")
    for _ in range(2):
        done = prepare(lines_of(database), superuser)
        assert (done.returncode, done.stdout) == (0, "The server has medsift's databases and roles.\n"), done.stderr
    Store.open(database.task).close()


@pytest.mark.parametrize(
    ("typed", "named"), [("", "no role"), ("airflow a\nmedsift \n", "airflow"), ("other x\n", "other")]
)
def test_a_role_without_a_password_is_one_sentence_and_no_password_is_shown(typed: str, named: str) -> None:
    done = prepare(typed, "postgresql://me:hidden@127.0.0.1:1/postgres")
    assert done.returncode == 2
    needed = "medsift_owner, medsift, medsift_reader, airflow"
    assert done.stderr == f"medsift: Standard input has a password for {named}; needed is one for {needed}.\n"


def test_a_server_that_does_not_answer_is_one_sentence() -> None:
    typed = "".join(f"{role} x\n" for role in ("medsift_owner", "medsift", "medsift_reader", "airflow"))
    done = prepare(typed, "postgresql://me:hidden@127.0.0.1:1/postgres")
    assert done.returncode == 1
    assert done.stderr == "medsift: Postgres at 127.0.0.1:1/postgres does not answer: Connection refused.\n"


def test_without_an_address_it_says_which_setting_it_needs() -> None:
    done = prepare("")
    assert (done.returncode, "Set MEDSIFT_DATABASE_URL" in done.stderr) == (2, True)
