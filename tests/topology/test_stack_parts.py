"""Parts of the stack that need no Airflow: secrets, ports, environment, processes, permits, webhook."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from medsift.errors import StackError
from medsift.settings import MARKER, Settings
from medsift.topology.environment import airflow_environment
from medsift.topology.layout import StackLayout, ensure_secrets
from medsift.topology.permit import grant, permitted
from medsift.topology.processes import Process, free_port, processes_of, sweep
from medsift.topology.run import waiting
from medsift.topology.stack import check_room, down, status, up
from medsift.topology.state import StackState, choose_ports, is_supervised, locked, read_state, write_state
from medsift.topology.webhook import post_failure
from medsift.volume import Volume
from tests.waiting import wait_until

SLEEPER = "import time; time.sleep(600)"
PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); time.sleep(600)"


@pytest.fixture
def start(layout: StackLayout) -> Callable[..., Process]:
    def started(*arguments: str) -> Process:
        environment = {"AIRFLOW_HOME": str(layout.airflow_home), MARKER: str(layout.root)}
        process = Process("p", [sys.executable, "-c", *arguments], environment, layout.logs / "p.log")
        process.start()
        return process

    return started


def test_secrets_are_made_once_and_only_their_owner_may_read_them(layout: StackLayout) -> None:
    first = ensure_secrets(layout)
    assert ensure_secrets(layout) == first
    assert {file.stat().st_mode & 0o777 for file in (layout.secrets, layout.passwords)} == {0o600}
    assert len(first.jwt_secret) >= 64


def test_two_stacks_have_different_secrets(tmp_path: Path, layout: StackLayout) -> None:
    other = StackLayout(tmp_path / "other")
    other.prepare()
    assert not set(vars(ensure_secrets(layout)).values()) & set(vars(ensure_secrets(other)).values())


def test_a_port_is_kept_while_it_is_free_and_changed_when_it_is_taken(layout: StackLayout) -> None:
    first = choose_ports(layout, ["airflow"])["airflow"]
    assert choose_ports(layout, ["airflow"])["airflow"] == first
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        assert choose_ports(layout, ["airflow"])["airflow"] != first


def test_a_stack_takes_nothing_from_another_airflow_of_the_shell(
    layout: StackLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "postgres://somewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("MEDSIFT_BATCH_SIZE", "8")
    monkeypatch.setenv("NO_PROXY", "intranet")
    environment = airflow_environment(
        layout, ensure_secrets(layout), port=1, airflow_url="postgresql://a", product={"MEDSIFT_VOLUME": "/v"}
    )
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert not {"AIRFLOW_CONN_OTHER", "PYTHONPATH"} & set(environment)
    assert (environment["MEDSIFT_BATCH_SIZE"], environment["MEDSIFT_VOLUME"]) == ("8", "/v")
    assert environment["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_logs_stand_with_their_stack_wherever_its_airflow_cfg_was_made(layout: StackLayout) -> None:
    """Asked of Airflow itself, with a configuration that another folder's first start wrote."""
    configuration = "[logging]\nbase_log_folder = /elsewhere\ndag_processor_child_process_log_directory = /elsewhere\n"
    (layout.airflow_home / "airflow.cfg").write_text(configuration)
    environment = airflow_environment(layout, ensure_secrets(layout), port=1, airflow_url="sqlite://", product={})
    program = (
        "from airflow.configuration import conf\n"
        "for name in 'base_log_folder', 'dag_processor_child_process_log_directory':\n"
        "    print(conf.get('logging', name))"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert [Path(line).is_relative_to(layout.root) for line in done.stdout.splitlines()[-2:]] == [True, True]


def test_a_process_that_dies_is_started_again_later_and_later(start: Callable[..., Process]) -> None:
    process = start("pass")
    assert wait_until(lambda: process.pid is None, 10.0, every_s=0.05)
    assert not process.keep(), "not at once"
    assert wait_until(process.keep, 5.0, every_s=0.05)
    assert process.restarts == 1
    assert wait_until(lambda: process.pid is None, 10.0, every_s=0.05)
    begun = time.monotonic()
    assert wait_until(process.keep, 10.0, every_s=0.05)
    assert time.monotonic() - begun > 3.0
    process.kill_session()


def test_the_log_of_a_process_that_lives_for_long_does_not_grow_for_ever(
    start: Callable[..., Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medsift.topology.processes.MAX_LOG_BYTES", 3)
    process = start("import time; print('first', flush=True); time.sleep(1.0); print('x', flush=True); time.sleep(600)")
    try:
        assert wait_until(lambda: process.log.read_text() == "first\n", 10.0)
        process.trim_log()
        assert wait_until(lambda: process.log.read_text() == "x\n", 10.0)
        process.trim_log()  # not much yet
        assert (process.log.read_text(), process.log.with_suffix(".1.log").read_text()) == ("x\n", "first\n")
    finally:
        process.kill_session()


def test_what_a_dead_process_leaves_in_its_group_is_ended_with_it(
    layout: StackLayout, start: Callable[..., Process]
) -> None:
    process = start(PARENT, SLEEPER)
    assert wait_until(lambda: len(processes_of(layout.root)) == 2, 10.0, every_s=0.05)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    assert wait_until(lambda: process.pid is None, 10.0, every_s=0.05)
    process.keep()
    assert wait_until(lambda: processes_of(layout.root) == [], 10.0, every_s=0.05)


def test_a_sweep_ends_every_process_of_this_stack_and_no_other(
    tmp_path: Path, layout: StackLayout, start: Callable[..., Process]
) -> None:
    start(PARENT, SLEEPER)
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    start(stubborn)
    other = subprocess.Popen([sys.executable, "-c", SLEEPER], env={MARKER: str(tmp_path / "another")})
    try:
        assert wait_until(lambda: len(processes_of(layout.root)) == 3, 10.0, every_s=0.05)
        time.sleep(0.5)
        assert sweep(layout.root, grace_s=1.0) == 3
        assert processes_of(layout.root) == []
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_the_lock_tells_whether_a_supervisor_lives(layout: StackLayout) -> None:
    assert not is_supervised(layout)
    with locked(layout) as is_ours:
        assert is_ours
        assert is_supervised(layout)
    assert not is_supervised(layout)


def test_state_is_private_and_comes_back_as_written(layout: StackLayout) -> None:
    assert read_state(layout) is None
    state = StackState(1, 2.0, "ready", address="http://127.0.0.1:1", pids={"scheduler": 3})
    write_state(layout, state)
    assert read_state(layout) == state
    assert layout.state.stat().st_mode & 0o777 == 0o600


def test_a_stack_that_never_was_is_down_and_can_be_stopped(tmp_path: Path) -> None:
    settings = Settings.load({"volume": str(tmp_path)}, environment={})
    assert status(settings) is None
    assert not down(settings)


def test_a_stack_that_is_up_already_is_one_sentence(tmp_path: Path) -> None:
    settings = Settings.load({"volume": str(tmp_path)}, environment={})
    layout = StackLayout(tmp_path / "stack")
    layout.prepare()
    with locked(layout), pytest.raises(StackError, match=r"^The stack is up already\. `make status`"):
        up(settings, lambda what: None)


def test_of_two_that_start_it_at_once_the_slower_leaves_the_stack_to_the_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load({"volume": str(tmp_path)}, environment={})
    layout = StackLayout(tmp_path / "stack")
    layout.prepare()
    monkeypatch.setattr("medsift.topology.stack.is_supervised", lambda layout: False)  # it looked before the other
    monkeypatch.setattr("medsift.topology.stack.down", lambda settings: pytest.fail("the other's stack was stopped"))
    with locked(layout), pytest.raises(StackError, match=r"^The stack is just being started by somebody else\."):
        up(settings, lambda what: None)


def test_a_volume_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings.load({"volume": str(tmp_path / "file")}, environment={})
    with pytest.raises(Exception, match=r"cannot be written: Not a directory\."):
        up(settings, lambda what: None)


def test_a_disk_without_room_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"^There are \d+ MB free at .*; the stack needs \d+ MB\. Free some"):
        check_room(tmp_path, needed=2**60)


def test_inbox_and_watchlist_without_a_source_count_as_empty(tmp_path: Path) -> None:
    settings = Settings.load({"volume": str(tmp_path)}, environment={})
    volume = Volume(tmp_path)
    volume.prepare()
    (volume.inbox / ".gitkeep").touch()
    volume.watchlist.write_text("# addresses, one a line\n")
    assert waiting(settings, volume) == []
    volume.watchlist.write_text("https://example.org/atlas\n")
    assert waiting(settings, volume) == [str(volume.watchlist)]
    (volume.inbox / "scan.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert waiting(settings, volume) == [str(volume.inbox), str(volume.watchlist)]


def test_a_permit_gives_one_run_its_paths_hosts_and_settings_of_the_terminal(tmp_path: Path) -> None:
    terminal = Settings.load(
        {"volume": str(tmp_path), "batch_size": 8}, environment={"MEDSIFT_ALLOWED_HOSTS": "wiki:80"}
    )
    grant(terminal, "run-a", "/scans/a", ["127.0.0.1:99"])
    worker = Settings.load({"volume": str(tmp_path)}, environment={})
    assert permitted(worker, "run-b", "/scans/a") == {}
    given = permitted(worker, "run-a", "/scans/a")
    settings = Settings.load({"volume": str(tmp_path)} | given, environment={})
    assert (settings.batch_size, settings.source_roots) == (8, [Path("/")])
    assert settings.allowed_hosts == ["wiki:80", "127.0.0.1:99"]


@pytest.mark.parametrize("other", ["/scans", "/scans/a\n/etc", ""])
def test_a_run_that_takes_the_id_of_a_deleted_one_gets_nothing_for_other_sources(tmp_path: Path, other: str) -> None:
    settings = Settings.load({"volume": str(tmp_path)}, environment={})
    grant(settings, "run", "/scans/a")
    assert permitted(settings, "run", other) == {}


def test_a_permit_of_before_it_named_its_sources_gives_nothing(tmp_path: Path) -> None:
    settings = Settings.load({"volume": str(tmp_path)}, environment={})
    grant(settings, "run", "/scans/a")
    permit = tmp_path / "runs" / "run" / "permit.json"
    permit.write_text(json.dumps(json.loads(permit.read_text())["settings"]))
    assert permitted(settings, "run", "/scans/a") == {}


def test_a_permit_holds_no_secret(tmp_path: Path) -> None:
    secrets = {"database_url": "postgresql://me:hidden@h/d", "webhook_url": "http://hidden"}
    terminal = Settings.load({"volume": str(tmp_path)} | secrets, environment={})
    grant(terminal, "run", "/scans/a")
    assert "hidden" not in (tmp_path / "runs" / "run" / "permit.json").read_text()


class Listener(BaseHTTPRequestHandler):
    told: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


FAILURE = {
    "dag": "medsift_sort",
    "run": "r",
    "task": "embed",
    "map_index": 0,
    "reason": "No weights.",
    "log": "http://l",
}


def test_a_failure_is_posted_to_the_webhook() -> None:
    Listener.told = []
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/hook/secret"
        post_failure(Settings.load({"webhook_url": url}, environment={}), FAILURE)
        server.shutdown()
    (told,) = Listener.told
    assert told["text"] == "medsift: medsift_sort, task embed failed. No weights."
    assert told | FAILURE == told


def test_a_webhook_that_is_not_there_is_a_line_in_the_log_without_its_address(caplog: pytest.LogCaptureFixture) -> None:
    url = f"http://127.0.0.1:{free_port()}/hook/secret"
    post_failure(Settings.load({"webhook_url": url}, environment={}), FAILURE)
    assert "the webhook was not told (ConnectionError)" in caplog.text
    assert "secret" not in caplog.text
