"""Mutated PDFs: each ends in pictures, reasons or one sentence; the parent neither falls nor waits for ever."""

from pathlib import Path

import pytest

from tests.sources.pdf_cases import CASES
from tests.sources.test_pdf_attachments import document, picture
from tools.fuzz_pdfs import files_of, fuzzed, mutated

PDFS = Path(__file__).parents[3] / "shared" / "pdfs"
IN_CI, IN_THE_LONG_RUN, AT_ONCE = 200, 20_000, 1000


def _wrong(files: list[bytes], seeds: range, keep: Path) -> list[str]:
    outcomes = fuzzed(files, seeds, keep)
    assert outcomes.total() == len(seeds)
    return [ended for ended in outcomes if ended.startswith("WRONG")]


def test_mutations_of_made_files_end_in_rows_or_a_reason(tmp_path: Path) -> None:
    made = [make().document.tobytes() for make in CASES.values()]
    made += [document({"a.png": picture(1), "b.jpg": picture(2, "JPEG")}).tobytes()] * 5
    assert _wrong(made, range(IN_CI), tmp_path) == []


@pytest.mark.corpus
@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("first", range(0, IN_THE_LONG_RUN, AT_ONCE))
def test_mutations_of_real_files_end_in_rows_or_a_reason(tmp_path: Path, first: int) -> None:
    assert _wrong(files_of(PDFS), range(first, first + AT_ONCE), tmp_path) == []


def test_the_same_seed_gives_the_same_mutation() -> None:
    files = [bytes(range(256)) * 20, b"%PDF-1.4 /Type /Page 12 0 R " * 50]
    assert [mutated(files, seed) for seed in range(50)] == [mutated(files, seed) for seed in range(50)]
    assert len({mutated(files, seed) for seed in range(50)}) > 45
