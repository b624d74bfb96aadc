"""Records survive the way through Parquet unchanged."""

import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from medsift.contracts import Leaf, Occurrence, Picture, SourceOutcome, Verdict, Vote
from medsift.steps.tables import (
    ROWS_A_PIECE,
    engine_of_vectors,
    iter_rows,
    read_rows,
    read_vectors,
    write_rows,
    write_vectors,
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
occurrences = st.builds(
    Occurrence,
    source=text, kind=text, ordinal=st.integers(0, 10**6), state=st.sampled_from(["kept", "rejected"]), reason=text,
    sha256=st.none() | text, candidate=st.none() | text, is_rebuilt=st.booleans(), page=st.none() | st.integers(1, 99),
    box=st.none() | st.tuples(numbers, numbers, numbers, numbers), frame=st.none() | st.integers(1, 9),
    url=st.none() | text, path=st.none() | text, caption=text, nearby=text, tags=st.dictionaries(text, text),
)  # fmt: skip


@given(rows=st.lists(occurrences, max_size=5))
@settings(max_examples=30)
def test_occurrences_are_read_as_they_were_written(rows: list[Occurrence], tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("tables") / "rows.parquet"
    write_rows(path, Occurrence, rows)
    assert read_rows(path, Occurrence) == rows


def test_every_record_of_the_contracts_can_be_a_table(tmp_path: Path) -> None:
    records = [
        Leaf("a", "pdf", "0000"),
        SourceOutcome("a", "pdf", "partial", "page 2: broken", found=3, pages=4),
        Picture("ab", 1, 2, "png", "cd", 3, "ff"),
        Vote("ab", "zero_shot", None),
        Verdict("ab", "medical", 0.9, 0.9, "ct", 1.0, needs_review=False),
    ]
    for number, record in enumerate(records):
        path = tmp_path / f"{number}.parquet"
        write_rows(path, type(record), [record])
        assert read_rows(path, type(record)) == [record]


def test_table_that_is_not_there_holds_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "none.parquet", Leaf) == []


def test_of_many_rows_few_are_in_memory_while_they_are_written_and_read(tmp_path: Path) -> None:
    path, count = tmp_path / "votes.parquet", 10 * ROWS_A_PIECE
    alive: weakref.WeakSet[Vote] = weakref.WeakSet()
    most = 0

    def made() -> Iterator[Vote]:
        nonlocal most
        for number in range(count):
            vote = Vote(f"{number:064x}", "zero_shot", number / count)
            alive.add(vote)
            most = max(most, len(alive))
            yield vote

    write_rows(path, Vote, made())
    assert most <= 2 * ROWS_A_PIECE
    most, read = 0, 0
    for vote in iter_rows(path, Vote):
        assert vote == Vote(f"{read:064x}", "zero_shot", read / count)
        alive.add(vote)
        most, read = max(most, len(alive)), read + 1
    assert read == count
    assert most <= 2 * ROWS_A_PIECE


def test_vectors_are_read_bit_for_bit(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    write_vectors(tmp_path / "v.parquet", list("abcde"), vectors)
    names, read = read_vectors(tmp_path / "v.parquet")
    assert names == list("abcde")
    assert np.array_equal(read, vectors)
    assert read.dtype == np.float32


def test_vectors_say_what_engine_made_them(tmp_path: Path) -> None:
    vectors = np.zeros((1, 3), np.float32)
    write_vectors(tmp_path / "told.parquet", ["a"], vectors, "torch_fp32")
    write_vectors(tmp_path / "untold.parquet", ["a"], vectors)
    assert engine_of_vectors(tmp_path / "told.parquet") == "torch_fp32"
    assert engine_of_vectors(tmp_path / "untold.parquet") == ""
