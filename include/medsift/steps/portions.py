"""A run's pictures in the portions that `shard` cut, and the tables that later steps left of each."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from medsift.contracts import Picture, Portion, Vote
from medsift.steps.context import Context
from medsift.steps.tables import iter_rows, read_rows

ONE_BY_ONE = ("cluster", "score")  # steps whose voters look at each picture by itself
VOTING = (*ONE_BY_ONE, "ensemble")
R = TypeVar("R")


def portions_of(context: Context) -> list[Portion]:
    """The portions of a run; together they hold each of its pictures once."""
    return read_rows(context.volume.table(context.run_id, "shard", "portions"), Portion)


def pictures_of(context: Context, portion: Portion) -> list[Picture]:
    """The pictures of one portion, by identity."""
    return rows_of(context, portion, "shard", "pictures", Picture)


def rows_of(context: Context, portion: Portion, step: str, name: str, record: type[R]) -> list[R]:
    """What a step left of one portion."""
    return read_rows(context.volume.table(context.run_id, step, f"{portion.name}.{name}"), record)


def all_rows_of(context: Context, step: str, name: str, record: type[R]) -> Iterator[R]:
    """What a step left of all portions, one after the other."""
    for portion in portions_of(context):
        yield from iter_rows(context.volume.table(context.run_id, step, f"{portion.name}.{name}"), record)


def votes_of(context: Context, portion: Portion, steps: Sequence[str] = VOTING) -> list[Vote]:
    """The votes on the pictures of one portion that these steps left."""
    return [vote for step in steps for vote in rows_of(context, portion, step, "votes", Vote)]
