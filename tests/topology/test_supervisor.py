"""What the supervisor tells of the stack when its disk is full and when its database has moved."""

import errno
import os
import time
from pathlib import Path

import pytest

from medsift.settings import Settings
from medsift.topology import supervisor as module
from medsift.topology.layout import StackLayout, write_private
from medsift.topology.postgres import Urls
from medsift.topology.state import StackState, read_state
from medsift.topology.supervisor import Supervisor


@pytest.fixture
def supervisor(tmp_path: Path, layout: StackLayout) -> Supervisor:
    assert layout.root == tmp_path / "stack"
    return Supervisor(Settings.load({"volume": str(tmp_path)}, environment={}))


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_does_not_end_it_and_the_state_is_told_once_there_is_room(
    supervisor: Supervisor, layout: StackLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(module, "write_state", full)
        supervisor._tell("recovering", "database")
    assert read_state(layout) is None
    supervisor._tell("recovering", "database")
    told = read_state(layout)
    assert told and (told.phase, told.reason) == ("recovering", "database")


def test_a_file_that_could_not_be_written_leaves_nothing_beside_it(
    layout: StackLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_private(layout.state, "{}")
    assert not list(layout.root.glob(".state.json.*"))


def test_a_database_that_has_moved_is_told_with_its_new_address(supervisor: Supervisor, layout: StackLayout) -> None:
    supervisor.state = StackState(pid=os.getpid(), started=time.time(), database="old")
    supervisor.urls = Urls("old", "old", "old", "old", "old")
    supervisor._follow(Urls("owner", "task", "reader", "airflow", "admin"))
    supervisor._tell("ready")
    told = read_state(layout)
    assert told and told.database == "reader"
