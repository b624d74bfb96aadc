"""A step goes on where it was killed, and begins anew where anything it rests on has changed."""

import contextlib
from pathlib import Path

import pytest

from medsift.contracts import Vote
from medsift.steps.journal import Journal, digest_of

VOTE = Vote("ab", "zero_shot", 0.5)


def test_finished_part_is_found_again_by_the_next_try(tmp_path: Path) -> None:
    Journal(tmp_path / "batch", digest_of("inputs")).record("1", votes=(Vote, [VOTE]))
    again = Journal(tmp_path / "batch", digest_of("inputs"))
    assert again.has("1")
    assert again.rows("1", "votes", Vote) == [VOTE]


def test_other_inputs_begin_anew_and_remove_what_is_stale(tmp_path: Path) -> None:
    Journal(tmp_path / "batch", digest_of("inputs")).record("1", votes=(Vote, [VOTE]))
    assert not Journal(tmp_path / "batch", digest_of("others")).has("1")
    assert list(tmp_path.iterdir()) == []


def test_finished_step_leaves_no_parts_so_that_clearing_it_does_it_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "batch", digest_of("inputs"))
    journal.record("1", votes=(Vote, [VOTE]))
    journal.finish(lambda: None)
    assert not Journal(tmp_path / "batch", digest_of("inputs")).has("1")


def test_parts_of_a_step_that_failed_to_write_its_tables_stay(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "batch", digest_of("inputs"))
    journal.record("1", votes=(Vote, [VOTE]))

    def no_room() -> None:
        raise OSError(28, "No space left on device")

    with contextlib.suppress(OSError):
        journal.finish(no_room)
    assert Journal(tmp_path / "batch", digest_of("inputs")).has("1")


def test_kill_while_parts_are_removed_leaves_none_that_look_finished(tmp_path: Path, monkeypatch) -> None:
    journal = Journal(tmp_path / "batch", digest_of("inputs"))
    journal.record("1", votes=(Vote, [VOTE]))

    def killed(folder: Path, **options: bool) -> None:
        next(Path(folder).glob("*.parquet")).unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr("medsift.steps.journal.shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        journal.finish(lambda: None)
    monkeypatch.undo()
    assert not Journal(tmp_path / "batch", digest_of("inputs")).has("1")
    assert list(tmp_path.iterdir()) == []


def test_part_whose_table_is_gone_is_loud(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "batch", digest_of("inputs"))
    journal.record("1", votes=(Vote, [VOTE]))
    with pytest.raises(FileNotFoundError):
        journal.rows("1", "others", Vote)
