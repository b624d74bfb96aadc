"""The store: everything steps and commands ask of Postgres. Each method is one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from medsift.contracts import Occurrence, Picture, SourceOutcome, Verdict, Vote
from medsift.store import labels, learning, publish, queries, search
from medsift.store.connection import engine_of, sentences
from medsift.store.pages import PageStore
from medsift.store.records import (
    EncodedVectors,
    KnownSource,
    LabelRow,
    LabelsAdded,
    ModelSetRecord,
    Neighbour,
    RunRecord,
    RunState,
    SourceVerdicts,
)
from medsift.store.schema import LOCK, require_head


class Store(PageStore):
    """An open, migrated Postgres database; safe to use from several threads, to be opened anew after a fork.

    Every method raises `StoreError` with a sentence where Postgres cannot do it, and its kind `StoreLostError`
    where a later try may.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect and check; raises `StoreError` where Postgres does not answer or lacks migrations."""
        store = cls(engine_of(url))
        with store._transaction() as connection:
            require_head(connection)
        return store

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Wait until no other publisher works, and keep others waiting; ends with the connection, come what may."""
        with sentences(self.engine.url), self.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK + 2})
            try:
                yield
            finally:
                connection.invalidate()  # closes it for good, so that no pool keeps the lock alive

    def begin_run(self, run: RunRecord) -> None:
        """Record that a run is at work; begun again it keeps the time at which it began first."""
        with self._transaction() as connection:
            publish.begin_run(connection, run)

    def finish_run(self, run_id: str, state: RunState, counts: Mapping[str, Any]) -> None:
        """Record how a run ended and what it counted."""
        with self._transaction() as connection:
            publish.finish_run(connection, run_id, state, counts)

    def break_off_run(self, run_id: str, state: RunState) -> None:
        """Record that a run ended before its report; one that is not known or has ended stays as it is."""
        with self._transaction() as connection:
            publish.break_off_run(connection, run_id, state)

    def publish_pictures(
        self,
        run_id: str,
        pictures: Sequence[Picture],
        vectors: Sequence[EncodedVectors],
        votes: Sequence[Vote],
        verdicts: Sequence[Verdict],
        model_set: str,
        prompt_set: str,
    ) -> None:
        """Publish a shard: new rows, or corrected ones where this run began later than the one stored.

        Every vote must be of a picture with a verdict (`ValueError`); the model set must be that of a begun run
        or registered.
        """
        with self._transaction() as connection:
            for encoded in vectors:
                search.set_search_index_aside(connection, encoded.digest, len(encoded.sha256s))
            publish.publish_pictures(connection, run_id, pictures, vectors, votes, verdicts, model_set, prompt_set)

    def publish_sources(
        self, run_id: str, outcomes: Sequence[SourceOutcome], occurrences: Sequence[Occurrence], extraction: str
    ) -> None:
        """Publish sources after their pictures; `extraction` is the digest of what governed their reading.

        A failed or unchanged source keeps its stored digest and occurrences, whatever is given for it.
        """
        with self._transaction() as connection:
            publish.publish_sources(connection, run_id, outcomes, occurrences, extraction)

    def register_model_set(self, model_set: ModelSetRecord) -> None:
        """Make a model set known; a card given later completes one that was only named."""
        with self._transaction() as connection:
            publish.register_model_set(connection, model_set)

    def set_current_model_set(self, digest: str) -> None:
        """Make a registered model set the current one: its verdicts are those that `picture_labels` shows."""
        with self._transaction() as connection:
            publish.set_current_model_set(connection, digest)

    def current_model_set(self) -> str | None:
        """Digest of the current model set."""
        with self._transaction() as connection:
            return queries.current_model_set(connection)

    def known_sources(self, names: Sequence[str]) -> dict[str, KnownSource]:
        """Those of the sources that are stored, by name."""
        with self._transaction() as connection:
            return queries.known_sources(connection, names)

    def occurrences_of(self, sources: Sequence[str]) -> list[Occurrence]:
        """All stored occurrences of these sources, in their order."""
        with self._transaction() as connection:
            return queries.occurrences_of(connection, sources)

    def pictures(self, sha256s: Iterable[str]) -> dict[str, Picture]:
        """Those of the pictures that are stored, by identity."""
        with self._transaction() as connection:
            return queries.pictures(connection, sha256s)

    def pictures_beginning(self, beginning: str, limit: int) -> list[Picture]:
        """Stored pictures whose identity begins with these hexadecimal digits."""
        with self._transaction() as connection:
            return queries.pictures_beginning(connection, beginning, limit)

    def perceptual_hashes(self) -> Iterator[tuple[str, str, str | None]]:
        """Every stored picture with its perceptual hash and what it is a near duplicate of, oldest first, streamed."""
        with self._transaction() as connection:
            yield from queries.perceptual_hashes(connection)

    def verdicts(self, sha256s: Iterable[str], model_set: str, prompt_set: str) -> dict[str, Verdict]:
        """Stored verdicts of a model set with a prompt set, by picture."""
        with self._transaction() as connection:
            return queries.verdicts(connection, sha256s, model_set, prompt_set)

    def votes(self, sha256s: Iterable[str], model_set: str, prompt_set: str) -> list[Vote]:
        """Stored votes of a model set with a prompt set."""
        with self._transaction() as connection:
            return queries.votes(connection, sha256s, model_set, prompt_set)

    def judged_in(
        self,
        kind: Literal["folder", "study"],
        name: str,
        sources: Sequence[str],
        model_set: str,
        prompt_set: str,
        encoder_digest: str,
        most: int,
    ) -> list[str]:
        """At most so many pictures in a folder of picture files, or in a DICOM study by its keyed hash, in order.

        Those that have that verdict and vector, and lie there in other sources than these.
        """
        with self._transaction() as connection:
            keys = {"model_set": model_set, "prompt_set": prompt_set, "encoder_digest": encoder_digest}
            return queries.judged_in(connection, kind, name, sources, keys, most)

    def sources_lacking_verdicts(self, sources: Sequence[str], model_set: str, prompt_set: str) -> set[str]:
        """Those sources with a picture that this model set has not scored with this prompt set."""
        with self._transaction() as connection:
            return queries.sources_lacking_verdicts(connection, sources, model_set, prompt_set)

    def vectors(self, encoder_digest: str, sha256s: Iterable[str]) -> tuple[list[str], NDArray[np.float32]]:
        """Stored vectors of these pictures, float32 (n, width), with the picture of each row."""
        with self._transaction() as connection:
            return queries.vectors(connection, encoder_digest, sha256s)

    def lacking_vectors(self, encoder_digest: str, sha256s: Iterable[str]) -> set[str]:
        """Those pictures that have no vector by this encoder."""
        with self._transaction() as connection:
            return queries.lacking_vectors(connection, encoder_digest, sha256s)

    def count_lacking(self, encoder_digests: Sequence[str]) -> tuple[int, int]:
        """How many stored pictures lack a vector by one of these encoders, and how many there are."""
        with self._transaction() as connection:
            return queries.count_lacking(connection, encoder_digests)

    def build_search_index(self, encoder_digest: str) -> bool:
        """Build the encoder's search index unless it is there; False without pgvector, where search is off."""
        with self._transaction() as connection:
            return search.build_search_index(connection, encoder_digest)

    def nearest(self, encoder_digest: str, vector: NDArray[np.float32], limit: int = 20) -> list[Neighbour]:
        """Pictures most like a vector, float32 (width,), best first; raises `StoreError` without pgvector."""
        with self._transaction() as connection:
            return search.nearest(connection, encoder_digest, vector, limit)

    def add_labels(self, rows: Iterable[LabelRow]) -> LabelsAdded:
        """Add people's labels; those of pictures that are not stored are left out and named in the answer.

        One that says what its giver said last of the picture adds nothing, unless it has a time. `sha256` of a row is
        the identity of a picture or the digest of its stored file.
        """
        with self._transaction() as connection:
            return labels.add_labels(connection, rows)

    def newest_labels(self, sha256s: Iterable[str] | None = None) -> dict[str, LabelRow]:
        """The label that counts of each picture that has one, unsure ones too."""
        with self._transaction() as connection:
            return queries.newest_labels(connection, sha256s)

    def all_labels(self) -> Iterator[LabelRow]:
        """Every label ever given, oldest first, streamed."""
        with self._transaction() as connection:
            yield from queries.all_labels(connection)

    def places_of(self, sha256s: Iterable[str]) -> list[Occurrence]:
        """All stored occurrences of these pictures, by source and the order in it."""
        with self._transaction() as connection:
            return learning.places_of(connection, sha256s)

    def families(self, sha256s: Iterable[str]) -> list[tuple[str, str]]:
        """Each of these pictures with the one that all its near duplicates are linked to."""
        with self._transaction() as connection:
            return learning.families(connection, sha256s)

    def embedded(self, encoder_digests: Sequence[str], most: int) -> list[str]:
        """At most so many of the pictures that all these encoders have embedded, by identity."""
        with self._transaction() as connection:
            return learning.embedded(connection, encoder_digests, most)

    def verdicts_by_source(self, run_id: str) -> list[SourceVerdicts]:
        """Every source of a run with its pictures counted by the run's verdicts."""
        with self._transaction() as connection:
            return queries.verdicts_by_source(connection, run_id)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with sentences(self.engine.url), self.engine.begin() as connection:
            yield connection
