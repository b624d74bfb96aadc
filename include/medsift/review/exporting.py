"""Exports as streams: a CSV, COCO's JSON, a zip of folders by label; none is ever whole in memory."""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from medsift.steps.export import COLUMNS
from medsift.steps.report import csv_bytes, csv_pieces
from medsift.store import ExportRow
from medsift.volume import Volume


class _Sink(io.RawIOBase):
    """Holds what was written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: object) -> int:
        """Keep it."""
        self._parts.append(bytes(data))  # type: ignore[call-overload]  # whatever zipfile hands over
        return len(self._parts[-1])

    def take(self) -> bytes:
        """What came since the last time."""
        taken, self._parts = b"".join(self._parts), []
        return taken


def csv_stream(rows: Iterable[ExportRow]) -> Iterator[bytes]:
    """One row a picture, as `medsift export --csv` writes it."""
    yield from csv_pieces(COLUMNS, (asdict(row) for row in rows))


def coco_stream(rows: Iterable[ExportRow]) -> Iterator[bytes]:
    """COCO: a picture an image, its label an annotation over all of it, kinds as categories below their label."""
    categories: dict[tuple[str, str], int] = {}
    annotations: list[tuple[int, int, int]] = []
    yield b'{"info": {"description": "medsift export"}, "licenses": [], "images": ['
    for number, row in enumerate(rows, start=1):
        kind = (row.label, row.kind or row.label)
        annotations.append((categories.setdefault(kind, len(categories) + 1), row.width, row.height))
        image = {
            "id": number, "file_name": _file(row), "width": row.width, "height": row.height, "sha256": row.sha256,
            "decided_by": row.decided_by, "probability": row.probability, "caption": row.caption, "source": row.source,
        }  # fmt: skip
        yield (b",\n" if number > 1 else b"\n") + json.dumps(image).encode()
    yield b'\n], "annotations": ['
    for number, (category, width, height) in enumerate(annotations, start=1):
        about = {"id": number, "image_id": number, "category_id": category, "bbox": [0, 0, width, height]}
        about |= {"area": width * height, "iscrowd": 0}
        yield (b",\n" if number > 1 else b"\n") + json.dumps(about).encode()
    named = [{"id": number, "name": name, "supercategory": label} for (label, name), number in categories.items()]
    yield b'\n], "categories": ' + json.dumps(named).encode() + b"}\n"


def zip_stream(rows: Iterable[ExportRow], volume: Volume) -> Iterator[bytes]:
    """`<label>/<sha256>.<ext>` and `manifest.csv`, as `export --folders` lays them; what is gone is left out."""
    sink, listed = _Sink(), list[dict[str, object]]()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for row in rows:
            path = volume.picture(row.sha256, row.extension)
            if not path.is_file():
                continue
            archive.write(path, _file(row))
            listed.append({"file": _file(row), **asdict(row)})
            yield sink.take()
        archive.writestr("manifest.csv", csv_bytes(["file", *COLUMNS], listed))
    yield sink.take()


def _file(row: ExportRow) -> str:
    return f"{row.label}/{row.sha256}.{row.extension}"
