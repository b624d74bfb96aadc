"""`medsift queue` as people and scripts meet it."""

import csv
import hashlib
import io
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from medsift.contracts import Picture, Verdict, Vote
from medsift.store import LabelRow, RunRecord, Store
from medsift.topology.postgres import Urls

pytestmark = pytest.mark.postgres
SHA256S = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(3)]
SAYS = (0.55, 0.9, 0.95)


@pytest.fixture
def judged(store: Store) -> Store:
    """Three pictures judged medical, the last of them labelled otherwise."""
    store.begin_run(RunRecord("r", datetime(2026, 3, 1, tzinfo=UTC), "lite", "m", "p"))
    pictures = [Picture(sha256, 96, 96, "png", sha256, 1, sha256[:16]) for sha256 in SHA256S]
    pairs = list(zip(SHA256S, SAYS, strict=True))
    verdicts = [Verdict(sha256, "medical", p, p, "xray", 1.0, needs_review=False) for sha256, p in pairs]
    votes = [Vote(sha256, "zero_shot", p) for sha256, p in pairs]
    store.publish_pictures("r", pictures, [], votes, verdicts, "m", "p")
    store.set_current_model_set("m")
    store.add_labels([LabelRow(SHA256S[2], "non-medical", "anna")])
    return store


def queue(database: Urls, cwd: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "medsift.cli", "queue", "--set", f"database_url={database.task}", *arguments]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "COLUMNS": "80"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_queue_and_the_suspected_labels_are_shown(judged: Store, database: Urls, tmp_path: Path) -> None:
    shown = queue(database, tmp_path)
    assert shown.index(SHA256S[0]) < shown.index(SHA256S[1]) < shown.index("labels that look wrong")
    assert SHA256S[2] in shown.partition("labels that look wrong")[2]


def test_a_row_of_the_queue_is_one_line_however_narrow_the_terminal(
    judged: Store, database: Urls, tmp_path: Path
) -> None:
    first = queue(database, tmp_path).splitlines()[2].split()
    assert (first[0], first[2], first[3]) == (SHA256S[0], "medical", "0.55")


def test_the_csv_waits_for_labels_and_takes_no_kind_of_the_model_for_a_persons(
    judged: Store, database: Urls, tmp_path: Path
) -> None:
    rows = list(csv.DictReader(io.StringIO(queue(database, tmp_path, "--csv", "-", "--limit", "1"))))
    assert [(row["sha256"], row["label"], row["predicted_kind"]) for row in rows] == [(SHA256S[0], "", "xray")]
    assert "kind" not in rows[0]


def test_a_limit_that_the_database_cannot_count_to_is_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "medsift.cli", "queue", "--limit", str(10**20)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "--limit" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
