"""Labelled pictures with all that voters look at, and the groups that are never on both sides of a comparison."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import MEDICAL, Occurrence, Surroundings
from medsift.encoders import Floats
from medsift.sources.dicom import person_groups
from medsift.steps.shard import surroundings
from medsift.steps.vectors import Vectors
from medsift.store import Store
from medsift.voters import Evidence

PICTURE_FILES = ("folder", "dicom")  # kinds of source that are one file a picture
EVERYWHERE = 3  # sources from which on a picture, as a logo is, says nothing of how alike these are
SEED = 42
Rows = NDArray[np.intp]
Link = tuple[str, str]  # a picture, and what it shares with others


@dataclass(frozen=True)
class Labelled:
    """Pictures that a person called medical or not: `is_medical` (n,) and `groups` (n,), aligned with the evidence.

    `kinds` are those that a person named, in small letters, empty where nobody did.

    Pictures of one group are alike for other reasons than their label: a source, a patient, near duplicates. `shares`
    are digests of what links each to others, also to such as are not labelled: names of sources may name people.
    """

    evidence: Evidence
    is_medical: NDArray[np.bool_]
    groups: Rows
    shares: Sequence[tuple[str, ...]]
    kinds: Sequence[str]

    def __len__(self) -> int:
        return len(self.is_medical)

    @property
    def sha256s(self) -> Sequence[str]:
        """The pictures' identities."""
        return self.evidence.sha256s

    def part(self, rows: Rows) -> "Labelled":
        """Those of some rows."""
        evidence = Evidence(
            [self.evidence.sha256s[row] for row in rows],
            {name: vectors[rows] for name, vectors in self.evidence.vectors.items()},
            [self.evidence.captions[row] for row in rows],
            [self.evidence.tags[row] for row in rows],
        )
        shares, kinds = [self.shares[row] for row in rows], [self.kinds[row] for row in rows]
        return Labelled(evidence, self.is_medical[rows], self.groups[rows], shares, kinds)

    def groups_of(self, is_medical: bool) -> int:
        """How many groups have a picture of that side."""
        return len(np.unique(self.groups[self.is_medical == is_medical]))

    def folds(self, most: int) -> Iterator[tuple[Rows, Rows]]:
        """Rows to fit on and rows held back, so that no group is on both sides and each row is held back once.

        At most `most` folds, fewer where a side has fewer groups; none where a side has only one.
        """
        from sklearn.model_selection import StratifiedGroupKFold

        count = min(most, self.groups_of(True), self.groups_of(False))
        if count < 2:
            return
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=SEED)
        for fitted, held_back in splitter.split(np.zeros(len(self)), self.is_medical, self.groups):
            if len(fitted) and len(held_back):
                yield fitted, held_back


def labelled_in_store(store: Store, encoder_digests: Mapping[str, str]) -> Labelled:
    """Pictures whose newest label is a sure one and that all encoders have embedded."""
    sure = {sha256: row for sha256, row in sorted(store.newest_labels().items()) if row.label != "unsure"}
    labels = {sha256: (row.label == MEDICAL, row.kind or "") for sha256, row in sure.items()}
    vectors = {name: Vectors.joined([store.vectors(digest, labels)]) for name, digest in encoder_digests.items()}
    places = store.places_of(labels)
    links = joining(*shared(map(standing_of, places)), store.families(labels))
    return labelled(labels, vectors, surroundings(places, labels), links)


def shares_in_store(store: Store, sha256s: Collection[str]) -> set[str]:
    """Digests of what links these pictures to others, as the store knows it now."""
    links = joining(*shared(map(standing_of, store.places_of(sha256s))), store.families(sha256s))
    return {_digest(key) for _, key in links}


def labelled(
    labels: Mapping[str, tuple[bool, str]],
    vectors: Mapping[str, Vectors],
    around: Mapping[str, Surroundings],
    links: Iterable[Link],
) -> Labelled:
    """Those labelled pictures that have finite vectors by every encoder, in the order of the labels: whether each is
    medical, and its kind, empty where nobody named it."""
    embedded = [sha256 for sha256 in labels if all(sha256 in known.row_of for known in vectors.values())]
    rows = {name: known.of(embedded) for name, known in vectors.items()}
    usable = np.flatnonzero(finite(rows))
    sha256s = [embedded[row] for row in usable]
    blank = Surroundings("", "")
    evidence = Evidence(
        sha256s,
        {name: values[usable] for name, values in rows.items()},
        [around.get(sha256, blank).captions for sha256 in sha256s],
        [around.get(sha256, blank).tags for sha256 in sha256s],
    )
    is_medical = np.array([labels[sha256][0] for sha256 in sha256s], bool)
    kinds = [labels[sha256][1].lower() for sha256 in sha256s]  # older labels have capitals
    known = list(links)
    return Labelled(evidence, is_medical, group_numbers(sha256s, known), _shares(sha256s, known), kinds)


def _shares(sha256s: Sequence[str], links: Iterable[Link]) -> list[tuple[str, ...]]:
    of: dict[str, set[str]] = {sha256: set() for sha256 in sha256s}
    for sha256, key in links:
        if sha256 in of:
            of[sha256].add(_digest(key))
    return [tuple(sorted(digests)) for digests in of.values()]


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def finite(vectors: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Of which pictures all vectors, (n, d) by encoder, hold only numbers: (n,)."""
    parts = [np.isfinite(rows).all(axis=1) for rows in vectors.values()]
    every: NDArray[np.bool_] = np.logical_and.reduce(parts)
    return every


def group_numbers(sha256s: Sequence[str], links: Iterable[Link]) -> Rows:
    """The number of each picture's group: those that share something, directly or through others, have the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    row_of = {sha256: row for row, sha256 in enumerate(sha256s)}
    shared: dict[str, int] = {}
    pairs = [(row_of[sha256], shared.setdefault(key, len(shared))) for sha256, key in links if sha256 in row_of]
    rows, keys = np.array(pairs, np.intp).reshape(-1, 2).T
    size = len(row_of) + len(shared)
    graph = coo_array((np.ones(len(rows)), (rows, len(row_of) + keys)), shape=(size, size))
    _, numbers = connected_components(graph, directed=False)
    groups: Rows = numbers[: len(row_of)].astype(np.intp)
    return groups


def source_of(source: str, kind: str) -> str:
    """What a person calls the source of a picture: of a picture file the folder it lies in.

    DICOM files whose path is hidden all count as of one: those of one person cannot be told.
    """
    return str(PurePosixPath(source).parent) if kind in PICTURE_FILES else source


@dataclass(frozen=True)
class Standing:
    """Where a picture stands: `source` as `source_of` has it, `told` where a person has named another."""

    sha256: str
    tags: Mapping[str, str]
    source: str
    told: str = ""


def shared(standing: Iterable[Standing]) -> tuple[list[Link], list[Link]]:
    """Links to persons and links to sources.

    A DICOM file of a known person belongs to that and not to its folder, which may hold those of many patients; to a
    source that a person has named it belongs all the same.
    """
    persons: list[Link] = []
    sources: list[Link] = []
    for place in standing:
        of_person = [(place.sha256, person) for person in person_groups(place.tags)]
        persons += of_person
        if source := place.told or ("" if of_person else place.source):
            sources.append((place.sha256, source))
    return persons, sources


def standing_of(place: Occurrence) -> Standing:
    """Where a picture stands that the store knows."""
    return Standing(place.sha256 or "", place.tags, source_of(place.source, place.kind))


def joining(persons: Iterable[Link], sources: Iterable[Link], families: Iterable[Link]) -> Iterator[Link]:
    """What makes groups: persons, near duplicates (`families`, linked to their first), and sources that hold them.

    Near duplicates that lie in `EVERYWHERE` sources or more join none of these, but what else lies in just the same:
    one logo would make a single group of all documents.
    """
    first_of, of_sources = dict(families), list(sources)
    spread: dict[str, set[str]] = defaultdict(set)
    for sha256, source in of_sources:
        spread[first_of.get(sha256, sha256)].add(source)
    for sha256, source in of_sources:
        around = spread[first_of.get(sha256, sha256)]
        yield sha256, source if len(around) < EVERYWHERE else " and ".join(sorted(around))
    yield from persons
    yield from first_of.items()
