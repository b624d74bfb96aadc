"""Pictures of one folder or document that are alike have a say in one another's verdict: the votes on them, brought
together."""

import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import IO, Literal, NamedTuple

import numpy as np

from medsift.contracts import Occurrence, Vote
from medsift.encoders import Floats
from medsift.modelsets import Calibration, ModelSet
from medsift.modelsets.calibrating import NEIGHBOURS, combine
from medsift.sources.dicom import STUDY_GROUP
from medsift.steps.context import Context
from medsift.steps.header import RunHeader
from medsift.steps.portions import ONE_BY_ONE, pictures_of, portions_of, votes_of
from medsift.steps.profile import current_profile
from medsift.steps.tables import iter_rows
from medsift.steps.vectors import Vectors, of_portion
from medsift.strategies import Tally, log_odds_of
from medsift.strategies.weighted_log_odds import UNFITTED
from medsift.voters import abstain
from medsift.voters.neighbours import MOST_COMPARED, NO_MEASURE, Company, Pairs, Said, VectorsOf, alike

NO_PAIRS: Pairs = np.zeros((0, 2), np.intp)
NOTHING_SAID = Said([], np.zeros(0), [])


class Container(NamedTuple):
    """What pictures lie in together: the study of DICOM files, the folder of picture files, else the source itself."""

    kind: Literal["study", "folder", "source"]
    name: str

    @classmethod
    def of(cls, place: Occurrence) -> "Container":
        """That of a picture in one of its places."""
        if study := place.tags.get(STUDY_GROUP):
            return cls("study", study)
        if place.kind == "folder":
            return cls("folder", place.source.rpartition("/")[0])
        return cls("source", place.source)


def votes_of_pile(
    sha256s: Sequence[str],
    vectors: Floats,
    votes: Sequence[Vote],
    calibration: Calibration,
    places: Iterable[tuple[str, object]],
) -> list[Vote]:
    """The votes of `neighbours` on pictures, all of them at hand, with vectors (n, d), as in a run.

    `places` are pictures with what each lies in, a picture as often as it lies somewhere; others are passed over.
    """
    if calibration.alike_from is None:
        return abstain(NEIGHBOURS, sha256s, NO_MEASURE)
    meeting = _Meeting(_said_of(sha256s, votes, calibration), calibration.alike_from)
    together: dict[object, set[str]] = defaultdict(set)
    for sha256, container in places:
        if sha256 in meeting.row_of:
            together[container].add(sha256)
    for members in together.values():
        meeting.meet(members, lambda names: vectors[[meeting.row_of[name] for name in names]])
    return meeting.company().votes(sha256s)


class CompanyOfRun:
    """The voter `neighbours` over a run; abstains where no model set says what is alike.

    In folders of which the run has only a part (new files by night), it asks the store's pictures too.
    """

    def __init__(self, context: Context, model_set: ModelSet | None) -> None:
        self._context = context
        self._words = current_profile(context.settings).words
        is_fitted_for = model_set is not None and model_set.encoder_digests.get(self._words.name) == self._words.digest
        self._calibration = model_set.calibration if model_set and is_fitted_for else UNFITTED
        alike_from = self._calibration.alike_from
        self._company = self._meet(alike_from) if alike_from is not None else None

    def votes(self, sha256s: Sequence[str]) -> list[Vote]:
        """One vote on each of these pictures of the run."""
        return self._company.votes(sha256s) if self._company else abstain(NEIGHBOURS, sha256s, NO_MEASURE)

    def _meet(self, alike_from: float) -> Company:
        known = _KnownBefore(self._context, self._words.digest)
        # On disk, since a run may have more vectors than fit into memory.
        with tempfile.TemporaryFile(prefix="medsift-") as file:
            said, vectors = self._said_and_seen(file)
            meeting = _Meeting(said, alike_from)

            def vectors_of(names: Sequence[str]) -> Floats:
                rows = np.array([meeting.row_of.get(name, len(said)) for name in names])
                of_run = rows < len(said)
                found = np.zeros((len(names), vectors.shape[1]), np.float32)
                found[of_run] = vectors[rows[of_run]]
                found[~of_run] = known.vectors(list(compress(names, ~of_run)))
                return found

            for container, rows in self._containers(meeting.row_of).items():
                members = {said.sha256s[row] for row in rows}
                meeting.meet({*members, *known.beside(container)}, vectors_of)
        return meeting.company(_said_of(meeting.others, known.votes(meeting.others), self._calibration))

    def _said_and_seen(self, file: IO[bytes]) -> tuple[Said, Floats]:
        """What is said of all pictures of the run, and their vectors (n, d), kept in the file."""
        portions = portions_of(self._context)
        count = sum(portion.pictures for portion in portions)
        vectors = np.memmap(file, np.float32, "w+", shape=(max(count, 1), self._words.dimension))
        parts = [NOTHING_SAID]
        for portion in portions:
            sha256s = [picture.sha256 for picture in pictures_of(self._context, portion)]
            made = of_portion(self._context, self._words.name, self._words.digest, portion, sha256s)
            said = _said_of(sha256s, votes_of(self._context, portion, ONE_BY_ONE), self._calibration)
            has_vector = np.array([sha256 in made.row_of for sha256 in sha256s], bool)
            first = sum(map(len, parts))
            vectors[first + np.flatnonzero(has_vector)] = made.of(list(compress(sha256s, has_vector)))
            parts.append(replace(said, log_odds=np.where(has_vector, said.log_odds, np.nan)))
        return Said.joined(parts), vectors

    def _containers(self, row_of: Mapping[str, int]) -> dict[Container, list[int]]:
        together: dict[Container, list[int]] = defaultdict(list)
        for place in iter_rows(self._context.volume.table(self._context.run_id, "shard", "occurrences"), Occurrence):
            if (row := row_of.get(place.sha256 or "")) is not None:
                together[Container.of(place)].append(row)
        return together


class _Meeting:
    """Finds which pictures are alike, one container after the other."""

    def __init__(self, said: Said, alike_from: float) -> None:
        self._said = said
        self._alike_from = alike_from
        self._pairs = [NO_PAIRS]
        self.row_of = {sha256: row for row, sha256 in enumerate(said.sha256s)}

    @property
    def others(self) -> list[str]:
        """Those met of which nothing is said yet, that pictures of the pile are like."""
        return list(self.row_of)[len(self._said) :]

    def meet(self, sha256s: Collection[str], vectors_of: VectorsOf) -> None:
        """The pictures of one container, of the pile and others; those that nobody could judge are passed over."""
        names = sorted(filter(self._has_say, sha256s))
        if len(names) < 2:
            return
        rows = np.array([self.row_of.get(name, -1) for name in names])
        pairs = alike(names, vectors_of, self._alike_from)
        of_pile = rows[pairs[:, 0]]
        pairs = pairs[(of_pile >= 0) & (of_pile < len(self._said))]
        for number in np.unique(pairs[:, 1]):
            rows[number] = self.row_of.setdefault(names[number], len(self.row_of))
        self._pairs.append(rows[pairs])

    def company(self, of_others: Said = NOTHING_SAID) -> Company:
        """All that were met, with what is said of the others."""
        return Company(Said.joined([self._said, of_others]), np.concatenate(self._pairs))

    def _has_say(self, sha256: str) -> bool:
        row = self.row_of.get(sha256, len(self._said))
        return row >= len(self._said) or not np.isnan(self._said.log_odds[row])


class _KnownBefore:
    """Pictures of a run's folders that the store knows, judged by the run's model set: nothing without a store."""

    def __init__(self, context: Context, encoder_digest: str) -> None:
        self._store = context.store
        header = RunHeader.read(context.volume.run_header(context.run_id))
        self._keys = header.model_set, header.prompt_set_digest
        self._encoder_digest = encoder_digest

    def beside(self, container: Container) -> list[str]:
        """The pictures of a folder; of what is read whole in every run, none."""
        if self._store is None or container.kind != "folder":
            return []
        return self._store.judged_in(container.name, *self._keys, self._encoder_digest, MOST_COMPARED)

    def vectors(self, sha256s: Sequence[str]) -> Floats:
        """Their vectors (n, d)."""
        found = Vectors.joined([self._store.vectors(self._encoder_digest, sha256s)] if self._store else [])
        return found.of(sha256s)

    def votes(self, sha256s: Sequence[str]) -> list[Vote]:
        """What was said of them one by one."""
        votes = self._store.votes(sha256s, *self._keys) if self._store else []
        return [vote for vote in votes if vote.voter != NEIGHBOURS]


def _said_of(sha256s: Sequence[str], votes: Sequence[Vote], calibration: Calibration) -> Said:
    """What these votes together say of pictures."""
    tally = Tally.of(sha256s, votes)
    return Said(sha256s, log_odds_of(combine(tally.log_odds(), tally.voters, calibration)), tally.kinds)
