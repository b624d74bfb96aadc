"""Step `report`: what a person looks at after a run; fails last if a batch died, with its rows published."""

import csv
import io
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from medsift.errors import MedsiftError
from medsift.evaluation.run_report import contact_sheet_html, run_report_html
from medsift.steps.context import Context, Summary
from medsift.steps.extract import leaves_of
from medsift.steps.resources import log_rate
from medsift.steps.result import RunResult
from medsift.steps.uploads import forget_abandoned, forget_uploads
from medsift.volume import Volume, write_atomically

log = logging.getLogger(__name__)
STEP = "report"
PIECE = 1 << 16  # characters of CSV handed on at once
FREE_TEXT = ("caption", "reason", "kind")  # written by strangers or people; paths and addresses must stay what they are
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class LostBatchError(MedsiftError):
    """Some batch never finished; the rest of the run is published."""

    code = "lost_batch"


def run(context: Context) -> Summary:
    """Write result.json, verdicts.csv, report.html and contact_sheet.html; log counts that add up.

    Raises `LostBatchError` at the end where a batch of the run never finished.
    """
    result = RunResult.of(context)
    folder = context.volume.report(context.run_id)
    with log_rate(log, STEP, "pictures", len(result.pictures)) as rate:
        document = result.as_json()
        write_atomically(folder / "result.json", json.dumps(document, indent=1, ensure_ascii=False).encode())
        write_atomically(folder / "verdicts.csv", csv_bytes(*result.rows()))
        thumbnails = Thumbnails(context.volume, result)
        write_atomically(folder / "report.html", run_report_html(document, thumbnails).encode())
        write_atomically(folder / "contact_sheet.html", contact_sheet_html(document, thumbnails).encode())
        context.volume.tidy(context.run_id)
        rate.step(len(result.pictures))
    _log_counts(result.counts())
    log.info("report: %s", folder)
    lost = _lost_batches(context)
    forget_uploads(context, lost)
    forget_abandoned(context)
    if context.store is not None:
        context.store.finish_run(context.run_id, "failed" if lost else "done", result.counts())
    if lost:
        raise LostBatchError(f"Batches that never finished: {', '.join(lost)}; all other rows are published.")
    return {**result.counts(), "folder": str(folder), "seconds": document["run"]["seconds"]}


def csv_bytes(columns: list[str], rows: Iterable[dict[str, Any]]) -> bytes:
    """The named columns of rows as UTF-8 CSV, as `csv_pieces` makes it."""
    return b"".join(csv_pieces(columns, rows))


def csv_pieces(columns: list[str], rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """The named columns of rows as UTF-8 CSV, some lines at a time.

    Free text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(name, value) for name, value in row.items()})
        if text.tell() > PIECE:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _cell(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if name in FREE_TEXT and isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


class Thumbnails(Mapping[str, bytes]):
    """WebP bytes by identity, read when they are asked for: a run may have more than fit into memory."""

    def __init__(self, volume: Volume, result: RunResult) -> None:
        self._paths = {picture.sha256: volume.thumbnail(picture.sha256) for picture in result.pictures}

    def __getitem__(self, sha256: str) -> bytes:
        try:
            return self._paths[sha256].read_bytes()
        except FileNotFoundError:
            raise KeyError(sha256) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _lost_batches(context: Context) -> list[str]:
    """Batches that were planned and left no table of their sources."""
    batches = {leaf.batch for leaf in leaves_of(context) if leaf.state == "new"}
    tables = context.volume.run(context.run_id)
    return sorted(b for b in batches if not (tables / "preprocess" / f"{b}.occurrences.parquet").exists())


def _log_counts(counts: dict[str, dict[str, int]]) -> None:
    for what, numbers in counts.items():
        log.info("%s: %s", what, ", ".join(f"{name} {number}" for name, number in numbers.items()))
