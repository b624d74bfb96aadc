"""The score of pictures whose place and label are known beforehand, as those of the sample are."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from medsift.errors import UsageError

Occurrence = dict[str, Any]

COLUMNS = ("where", "page", "box", "frame", "state", "label", "kind", "title", "note")


@dataclass(frozen=True)
class Expected:
    """A picture in its place: `where` is a path below the sample (`papers/a.pdf`, `web/b.jpg`, `folder/c.dcm`).

    `page` counts from 1 and `box` (x0, y0, x1, y1) is in points from the top left of the page as displayed, both
    for PDFs only; `frame` counts from 1 where a file holds several pictures. `label` is empty where nothing may be
    kept; `state` then is rejected or failed. `title` says what the picture is, `note` what is special about it.
    """

    where: str
    page: int | None
    box: tuple[float, ...] | None
    frame: int | None
    state: str
    label: str
    kind: str
    title: str
    note: str


class Wrong(NamedTuple):
    """A picture that was not sorted as expected; `verdict` is None where it was not found among the pictures."""

    expected: Expected
    verdict: str | None
    probability: float | None


class Score(NamedTuple):
    """How many of the pictures with a label got it."""

    right: int
    total: int
    wrong: list[Wrong]


def read_expected(path: Path) -> list[Expected]:
    """The rows of an `expected.csv`; raises `UsageError` where it is none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_row(fields) for fields in csv.DictReader(file)]
    except OSError as error:
        raise UsageError(f"The table {path} cannot be read: {error.strerror}.") from error
    except (KeyError, ValueError) as error:
        raise UsageError(f"The table {path} is no table of expected labels ({error}).") from error


def score_expected(path: Path, pictures: Sequence[dict[str, Any]]) -> Score:
    """Compare `pictures` of `medsift sort --json` with an `expected.csv`.

    A place is found by the end of its path, in a PDF also by the page and by where the middle of its box lies; a web
    picture by the path of its address. A picture that was not kept is wrong. Rows without a label are not scored.
    """
    places = list(_places(pictures))
    right, total = 0, 0
    wrong: list[Wrong] = []
    for expected in read_expected(path):
        if not expected.label:
            continue
        total += 1
        found = next((place for place in places if _is_at(expected, place[1])), None)
        if found:
            places.remove(found)
        picture = found[0] if found else {}
        if picture.get("verdict") == expected.label:
            right += 1
        else:
            wrong.append(Wrong(expected, picture.get("verdict"), picture.get("probability")))
    return Score(right, total, wrong)


def _row(fields: dict[str, str]) -> Expected:
    return Expected(
        where=fields["where"],
        page=int(fields["page"]) if fields["page"] else None,
        box=tuple(float(number) for number in fields["box"].split()) or None,
        frame=int(fields["frame"]) if fields["frame"] else None,
        state=fields["state"],
        label=fields["label"],
        kind=fields["kind"],
        title=fields["title"],
        note=fields["note"],
    )


def _places(pictures: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Occurrence]]:
    for picture in pictures:
        for occurrence in picture["occurrences"]:
            yield picture, occurrence


def _is_at(expected: Expected, occurrence: Occurrence) -> bool:
    room, _, rest = expected.where.partition("/")
    if room == "web":
        return _path_of_address(occurrence.get("url") or "") == f"/{rest}"
    name = occurrence.get("path") or occurrence["source"]
    if Path(name).parts[-2:] != (room, rest) and Path(occurrence["source"]).parts[-2:] != (room, rest):
        return False
    if expected.page is not None and occurrence.get("page") != expected.page:
        return False
    if expected.frame is not None and occurrence.get("frame") not in (None, expected.frame):
        return False
    return expected.box is None or _has_middle(expected.box, occurrence.get("box"))


def _path_of_address(url: str) -> str:
    return unquote(urlsplit(url).path)


def _has_middle(outer: Sequence[float], inner: Sequence[float] | None) -> bool:
    if not inner:
        return False
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]
