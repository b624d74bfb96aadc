"""What a run found and decided, in the shapes that people and scripts rely on (house contract of `sort`)."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from medsift import __version__
from medsift.contracts import MEDICAL, NON_MEDICAL, Assignment, Occurrence, Picture, SourceOutcome, Verdict, Vote
from medsift.steps.context import Context
from medsift.steps.header import RunHeader
from medsift.steps.portions import VOTING, all_rows_of
from medsift.steps.tables import read_rows

SOURCE_STATES = ("done", "partial", "empty", "unchanged", "failed")
OCCURRENCE_COLUMNS = ("source", "page", "caption")
CLASSIFY_COLUMNS = (
    "path", "frame", "sha256", "state", "reason", "verdict", "probability", "confidence", "kind", "needs_review",
    "near_duplicate_of",
)  # fmt: skip


@dataclass(frozen=True)
class RunResult:
    """All records of a run, joined."""

    header: RunHeader
    sources: list[SourceOutcome]
    occurrences: list[Occurrence]
    pictures: list[Picture]
    verdicts: dict[str, Verdict]
    votes: list[Vote]
    assignments: list[Assignment]

    @classmethod
    def of(cls, context: Context) -> "RunResult":
        """Read what the steps left."""

        def rows(step: str, name: str, record: type[Any]) -> list[Any]:
            return read_rows(context.volume.table(context.run_id, step, name), record)

        return cls(
            RunHeader.read(context.volume.run_header(context.run_id)),
            rows("shard", "sources", SourceOutcome),
            rows("shard", "occurrences", Occurrence),
            rows("shard", "pictures", Picture),
            {verdict.sha256: verdict for verdict in all_rows_of(context, "ensemble", "verdicts", Verdict)},
            [vote for step in VOTING for vote in all_rows_of(context, step, "votes", Vote)],
            list(all_rows_of(context, "cluster", "assignments", Assignment)),
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Counts that add up as the contract says."""
        states = Counter[str](outcome.state for outcome in self.sources)
        found = Counter[str](occurrence.state for occurrence in self.occurrences)
        labels = Counter[str](verdict.verdict for verdict in self.verdicts.values())
        return {
            "sources": {"given": len(self.sources), **{state: states[state] for state in SOURCE_STATES}},
            "pictures": {
                "found": len(self.occurrences),
                "kept": found["kept"],
                "exact_duplicates": found["exact_duplicate"],
                "rejected": found["rejected"],
                "failed": found["failed"],
                "medical": labels[MEDICAL],
                "non_medical": labels[NON_MEDICAL],
                "to_review": sum(verdict.needs_review for verdict in self.verdicts.values()),
            },
        }

    def as_json(self) -> dict[str, Any]:
        """The document that `medsift sort --json` writes."""
        return {
            "version": __version__,
            "run": self.header.public(),
            "counts": self.counts(),
            "sources": self.sources_json(),
            "pictures": [self._picture(picture) for picture in self.pictures],
            "rejected": self.rejected_json(),
        }

    def sources_json(self) -> list[dict[str, Any]]:
        """The document's part `sources`: what became of each leaf source."""
        return [
            {"source": o.source, "kind": o.kind, "state": o.state, "reason": o.reason, "found": o.found}
            for o in self.sources
        ]

    def rejected_json(self) -> list[dict[str, Any]]:
        """The document's part `rejected`: pictures that were not kept, and why."""
        return [
            {"source": o.source, "where": where(o), "state": o.state, "reason": o.reason}
            for o in self.occurrences
            if o.state in ("rejected", "failed")
        ]

    def rows(self) -> tuple[list[str], list[dict[str, Any]]]:
        """Columns and rows of `medsift sort --csv`: one row an occurrence."""
        clusters = sorted({assignment.encoder for assignment in self.assignments})
        voters = sorted({vote.voter for vote in self.votes})
        columns = [*OCCURRENCE_COLUMNS, *CLASSIFY_COLUMNS]
        columns += [f"cluster_{name}" for name in clusters] + [f"vote_{name}" for name in voters]
        return columns, [self._row(occurrence) for occurrence in self.occurrences]

    @cached_property
    def votes_of(self) -> dict[str, dict[str, Vote]]:
        """Votes by picture and voter."""
        votes: dict[str, dict[str, Vote]] = defaultdict(dict)
        for vote in self.votes:
            votes[vote.sha256][vote.voter] = vote
        return votes

    @cached_property
    def clusters_of(self) -> dict[str, dict[str, int]]:
        """Clusters by picture and encoder."""
        clusters: dict[str, dict[str, int]] = defaultdict(dict)
        for assignment in self.assignments:
            clusters[assignment.sha256][assignment.encoder] = assignment.cluster
        return clusters

    @cached_property
    def _places_of(self) -> dict[str, list[Occurrence]]:
        places: dict[str, list[Occurrence]] = defaultdict(list)
        for occurrence in self.occurrences:
            if occurrence.sha256:
                places[occurrence.sha256].append(occurrence)
        return places

    @cached_property
    def _near(self) -> dict[str, str | None]:
        return {picture.sha256: picture.near_duplicate_of for picture in self.pictures}

    def _picture(self, picture: Picture) -> dict[str, Any]:
        verdict = self.verdicts[picture.sha256]
        return {
            "sha256": picture.sha256,
            "width": picture.width,
            "height": picture.height,
            "verdict": verdict.verdict,
            "probability": verdict.probability,
            "confidence": verdict.confidence,
            "kind": verdict.kind,
            "needs_review": verdict.needs_review,
            "near_duplicate_of": picture.near_duplicate_of,
            "votes": {name: vote.probability for name, vote in sorted(self.votes_of[picture.sha256].items())},
            "occurrences": [
                {
                    "source": o.source, "kind": o.kind, "page": o.page, "box": list(o.box) if o.box else None,
                    "url": o.url, "path": o.path, "caption": o.caption,
                }
                for o in self._places_of[picture.sha256]
            ],
        }  # fmt: skip

    def _row(self, occurrence: Occurrence) -> dict[str, Any]:
        row: dict[str, Any] = {
            "source": occurrence.source, "page": occurrence.page, "caption": occurrence.caption,
            "path": occurrence.path, "frame": occurrence.frame, "sha256": occurrence.sha256,
            "state": occurrence.state, "reason": occurrence.reason,
        }  # fmt: skip
        verdict = self.verdicts.get(occurrence.sha256 or "")
        if verdict is None:
            return row
        row |= {
            "verdict": verdict.verdict, "probability": round(verdict.probability, 6),
            "confidence": round(verdict.confidence, 6), "kind": verdict.kind, "needs_review": verdict.needs_review,
            "near_duplicate_of": self._near.get(verdict.sha256),
        }  # fmt: skip
        for name, vote in self.votes_of[verdict.sha256].items():
            row[f"vote_{name}"] = None if vote.probability is None else round(vote.probability, 6)
        row |= {f"cluster_{name}": cluster for name, cluster in self.clusters_of[verdict.sha256].items()}
        return row


def where(occurrence: Occurrence) -> str:
    """The place of an occurrence for a person: page, also of a file within the source, address or path."""
    if occurrence.page is not None:
        within = (occurrence.path or "").removeprefix(occurrence.source).removeprefix("/")
        return f"{within} page {occurrence.page}".lstrip()
    place = occurrence.url or occurrence.path or ""
    return f"{place} frame {occurrence.frame}" if occurrence.frame else place
