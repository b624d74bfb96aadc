"""Pictures of one folder or document that are alike have a say in one another's verdict: the votes on them, brought
together."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import compress
from typing import Literal, NamedTuple

import numpy as np

from medsift.contracts import Occurrence, Portion, Vote
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
from medsift.voters.neighbours import MOST_COMPARED, NO_MEASURE, NO_PAIRS, Company, Rows, Said, VectorsOf, alike

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
        if sha256 in meeting.own:
            together[container].add(sha256)
    for members in together.values():
        meeting.meet(members, lambda names: vectors[meeting.rows_of(names)])
    return meeting.company().votes(sha256s)


class CompanyOfRun:
    """The voter `neighbours` over a run; abstains where no model set says what is alike.

    In folders and studies of which the run has only a part (new files by night), it asks the store's pictures too.
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
        portions = portions_of(self._context)
        shape = (max(1, sum(portion.pictures for portion in portions)), self._words.dimension)
        # On disk, since a run may have more vectors than fit into memory.
        with self._context.volume.scratch(self._context.run_id, 4 * shape[0] * shape[1]) as file:
            vectors = np.memmap(file, np.float32, "r+", shape=shape)
            meeting = _Meeting(self._said_and_seen(portions, vectors), alike_from)

            def vectors_of(names: Sequence[str]) -> Floats:
                rows = meeting.rows_of(names)
                found = vectors[rows]
                if (are_others := rows < 0).any():
                    found[are_others] = known.vectors(list(compress(names, are_others)))
                return found

            for container, (members, sources) in self._containers(meeting.own).items():
                meeting.meet({*members, *known.beside(container, sources)}, vectors_of)
        others = meeting.others
        return meeting.company(_said_of(others, known.votes(others), self._calibration))

    def _said_and_seen(self, portions: Sequence[Portion], vectors: Floats) -> Said:
        """What is said of all pictures of the run; their vectors are written into `vectors` (n, d), row by row."""
        parts = [NOTHING_SAID]
        for portion in portions:
            sha256s = [picture.sha256 for picture in pictures_of(self._context, portion)]
            made = of_portion(self._context, self._words.name, self._words.digest, portion, sha256s)
            said = _said_of(sha256s, votes_of(self._context, portion, ONE_BY_ONE), self._calibration)
            has_vector = np.array([sha256 in made.row_of for sha256 in sha256s], bool)
            first = sum(map(len, parts))
            vectors[first + np.flatnonzero(has_vector)] = made.of(list(compress(sha256s, has_vector)))
            parts.append(replace(said, log_odds=np.where(has_vector, said.log_odds, np.nan)))
        return Said.joined(parts)

    def _containers(self, own: Collection[str]) -> dict[Container, tuple[list[str], list[str]]]:
        """Pictures of the run, and the sources that it took them from, by what these lie in."""
        together: dict[Container, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
        for place in iter_rows(self._context.volume.table(self._context.run_id, "shard", "occurrences"), Occurrence):
            members, sources = together[Container.of(place)]
            sources.append(place.source)
            if place.sha256 and place.sha256 in own:
                members.append(place.sha256)
        return together


class _Meeting:
    """Finds which pictures are alike, one container after the other; a pile's own, and others that they meet."""

    def __init__(self, said: Said, alike_from: float) -> None:
        self._said = said
        self._alike_from = alike_from
        self._pairs = [NO_PAIRS]
        self.own = {sha256: row for row, sha256 in enumerate(said.sha256s)}
        self._others: dict[str, int] = {}

    @property
    def others(self) -> list[str]:
        """Those that pictures of the pile are like, and of which nothing is said yet."""
        return list(self._others)

    def rows_of(self, sha256s: Sequence[str]) -> Rows:
        """Rows (n,) of what is said of them; -1 for others."""
        return np.array([self.own.get(sha256, -1) for sha256 in sha256s], np.intp)

    def meet(self, sha256s: Collection[str], vectors_of: VectorsOf) -> None:
        """The pictures of one container, of the pile and others; those that nobody could judge are passed over."""
        names = sorted(filter(self._has_say, sha256s))
        rows = self.rows_of(names)
        asked = np.flatnonzero(rows >= 0)
        if len(names) < 2 or not len(asked):
            return
        pairs = alike(names, asked, vectors_of, self._alike_from)
        for number in np.unique(pairs[:, 1]):
            if rows[number] < 0:
                rows[number] = len(self.own) + self._others.setdefault(names[number], len(self._others))
        self._pairs.append(rows[pairs])

    def company(self, of_others: Said = NOTHING_SAID) -> Company:
        """All that were met, with what is said of the others."""
        return Company(Said.joined([self._said, of_others]), np.concatenate(self._pairs))

    def _has_say(self, sha256: str) -> bool:
        row = self.own.get(sha256)
        return row is None or not np.isnan(self._said.log_odds[row])


class _KnownBefore:
    """Pictures that lie beside those of a run and that its model set judged before: nothing without a store."""

    def __init__(self, context: Context, encoder_digest: str) -> None:
        self._store = context.store
        header = RunHeader.read(context.volume.run_header(context.run_id))
        self._keys = header.model_set, header.prompt_set_digest
        self._encoder_digest = encoder_digest

    def beside(self, container: Container, sources: Sequence[str]) -> list[str]:
        """The pictures of a folder or study that come from none of these sources; a source is read whole."""
        if self._store is None or container.kind == "source":
            return []
        keys = (*self._keys, self._encoder_digest)
        return self._store.judged_in(container.kind, container.name, sources, *keys, MOST_COMPARED)

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
