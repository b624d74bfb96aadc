"""The counts of a run, which add up as the contract of `sort` says."""

from collections import Counter
from collections.abc import Iterable

from medsift.contracts import MEDICAL, NON_MEDICAL, Occurrence, SourceOutcome, Verdict

SOURCE_STATES = ("done", "partial", "empty", "unchanged", "failed")


class Counts:
    """Counts what it is given, piece by piece."""

    def __init__(self) -> None:
        self._sources: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._to_review = 0

    def add_sources(self, outcomes: Iterable[SourceOutcome], occurrences: Iterable[Occurrence]) -> None:
        """Some sources, and what was found in them."""
        self._sources.update(outcome.state for outcome in outcomes)
        self._found.update(occurrence.state for occurrence in occurrences)

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Verdicts of some pictures."""
        for verdict in verdicts:
            self._labels[verdict.verdict] += 1
            self._to_review += verdict.needs_review

    def public(self) -> dict[str, dict[str, int]]:
        """The `counts` of the JSON contract."""
        return {
            "sources": {
                "given": self._sources.total(),
                **{state: self._sources[state] for state in SOURCE_STATES},
            },
            "pictures": {
                "found": self._found.total(),
                "kept": self._found["kept"],
                "exact_duplicates": self._found["exact_duplicate"],
                "rejected": self._found["rejected"],
                "failed": self._found["failed"],
                "medical": self._labels[MEDICAL],
                "non_medical": self._labels[NON_MEDICAL],
                "to_review": self._to_review,
            },
        }
