"""Labels given one by one by several people at once: nobody overwrites what somebody else said unseen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from medsift.store.catalogue import await_others
from medsift.store.labels import say_labels
from medsift.store.records import LabelRow, PersonLabel

HISTORY = """
SELECT id, sha256, label, kind, labelled_by, labelled_at, is_withdrawn FROM labels WHERE sha256 = ANY(:sha256s)
ORDER BY sha256, labelled_at DESC, id DESC
"""
# Of several of one picture the first is the one before which all of them were not said yet.
TAKEN_BACK = """
SELECT DISTINCT ON (sha256) id, sha256 FROM labels WHERE id = ANY(:ids) AND labelled_by = :labelled_by
ORDER BY sha256, labelled_at, id
"""


@dataclass(frozen=True)
class SaidLabel:
    """A label as it is stored; of two of one picture the one that was given later counts."""

    id: int
    sha256: str
    label: PersonLabel
    kind: str | None
    labelled_by: str
    labelled_at: datetime
    is_withdrawn: bool


@dataclass(frozen=True)
class Wish:
    """A label that a person wants to give; `seen` is the id of the label that the person saw, None for none."""

    sha256: str
    label: PersonLabel
    kind: str | None = None
    seen: int | None = None
    is_withdrawn: bool = False


@dataclass(frozen=True)
class Change:
    """What became of a wish: what was said before and what now; refused, `after` is None."""

    sha256: str
    before: SaidLabel | None
    after: SaidLabel | None


@dataclass(frozen=True)
class Changes:
    """`refused`: somebody else had said something meanwhile; `unknown`: no such picture."""

    given: tuple[Change, ...]
    refused: tuple[Change, ...]
    unknown: tuple[str, ...]


def history(connection: Connection, sha256s: Sequence[str]) -> dict[str, list[SaidLabel]]:
    """All labels of these pictures, the one that counts first."""
    found: dict[str, list[SaidLabel]] = {}
    for row in connection.execute(text(HISTORY), {"sha256s": list(sha256s)}):
        found.setdefault(row.sha256, []).append(SaidLabel(*row))
    return found


def give(connection: Connection, wishes: Sequence[Wish], labelled_by: str, *, overwrites: bool) -> Changes:
    """Store those labels whose giver saw what counts now or said it, or all where the giver `overwrites`."""
    await_others(connection)
    sha256s = list(dict.fromkeys(wish.sha256 for wish in wishes))
    before = {sha256: said[0] for sha256, said in history(connection, sha256s).items()}
    free = [wish for wish in wishes if overwrites or _was_seen(wish, before.get(wish.sha256), labelled_by)]
    rows = [
        LabelRow(wish.sha256, wish.label, labelled_by, wish.kind, is_withdrawn=wish.is_withdrawn)
        for wish in {wish.sha256: wish for wish in free}.values()
    ]
    unknown = say_labels(connection, rows).unknown
    after = history(connection, [row.sha256 for row in rows])
    given = {sha256: Change(sha256, before.get(sha256), said[0]) for sha256, said in after.items()}
    refused = {sha256: Change(sha256, before.get(sha256), None) for sha256 in sha256s if sha256 not in given}
    return Changes(
        tuple(given.values()),
        tuple(change for change in refused.values() if change.sha256 not in unknown),
        unknown,
    )


def take_back(connection: Connection, ids: Sequence[int], labelled_by: str) -> Changes:
    """Say again what was said before these labels, given by this person; refused where somebody else came after."""
    await_others(connection)
    mine = connection.execute(
        text(TAKEN_BACK),
        {"ids": list(ids), "labelled_by": labelled_by},
    ).all()
    said = history(connection, [row.sha256 for row in mine])
    wishes = [_as_before(row.sha256, row.id, said[row.sha256]) for row in mine]
    return give(connection, wishes, labelled_by, overwrites=False)


def _as_before(sha256: str, undone: int, said: list[SaidLabel]) -> Wish:
    earlier = next((said[number + 1] for number, label in enumerate(said[:-1]) if label.id == undone), None)
    if earlier is None:
        return Wish(sha256, "unsure", seen=undone, is_withdrawn=True)
    return Wish(sha256, earlier.label, earlier.kind, undone, earlier.is_withdrawn)


def _was_seen(wish: Wish, newest: SaidLabel | None, labelled_by: str) -> bool:
    """An answer may be lost on its way: what a person said last the person knows without having seen it."""
    return wish.seen == newest.id or newest.labelled_by == labelled_by if newest else wish.seen is None
