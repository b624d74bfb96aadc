"""What pages and the REST API ask of the store. Each method is one transaction."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from medsift.store import details as detail
from medsift.store import gallery, labelling, review, search
from medsift.store.records import ExportRow, Neighbour, PictureFilter


class PageStore(ABC):
    """The part of the store that serves people in a browser."""

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[Connection]:
        """A transaction of its own, committed at the end of the block."""

    def page(
        self, wanted: PictureFilter, sort: str, after: str | None, most: int
    ) -> tuple[list[gallery.ListedPicture], str | None]:
        """At most so many pictures that pass, and the mark that the next page goes on `after`, None at the end.

        Raises `UsageError` for a sort or a mark that is none.
        """
        with self._transaction() as connection:
            return gallery.page(connection, wanted, sort, after, most)

    def listed(self, sha256s: Sequence[str]) -> list[gallery.ListedPicture]:
        """These pictures, in the order given; those that are not known or not judged are left out."""
        with self._transaction() as connection:
            return gallery.listed(connection, list(sha256s))

    def totals(self, wanted: PictureFilter) -> gallery.Totals:
        """Pictures that pass, counted in all the ways that the results page shows."""
        with self._transaction() as connection:
            return gallery.totals(connection, wanted)

    def by_source(self, wanted: PictureFilter, most: int) -> list[gallery.SourceCount]:
        """The sources with most pictures that pass."""
        with self._transaction() as connection:
            return gallery.by_source(connection, wanted, most)

    def export_rows(self, wanted: PictureFilter | None = None) -> Iterator[ExportRow]:
        """Pictures that pass the filter, each with one place where it stands, streamed from the server."""
        with self._transaction() as connection:
            yield from gallery.export_rows(connection, wanted or PictureFilter())

    def details(self, sha256: str) -> detail.PictureDetails | None:
        """All that is known of a picture; None where it is not known or was never judged."""
        with self._transaction() as connection:
            return detail.details(connection, sha256)

    def like(self, sha256: str, limit: int) -> list[Neighbour]:
        """Pictures most like a stored one, best first and without itself; raises `StoreError` without pgvector."""
        with self._transaction() as connection:
            return search.like(connection, sha256, limit)

    def has_picture_on(self, document: str, page: int) -> bool:
        """Whether a picture was found on that page of that PDF."""
        with self._transaction() as connection:
            return detail.has_picture_on(connection, document, page)

    def judged_labels(self) -> Sequence[detail.JudgedLabel]:
        """Every sure label of a picture that a model has judged."""
        with self._transaction() as connection:
            return detail.judged_labels(connection)

    def recent_runs(self, most: int) -> Sequence[detail.PastRun]:
        """The newest runs."""
        with self._transaction() as connection:
            return detail.recent_runs(connection, most)

    def review_queue(self, most: int) -> list[review.QueuedPicture]:
        """At most so many pictures of which nobody said anything, those whose label would teach most first."""
        with self._transaction() as connection:
            return review.queue(connection, most)

    def suspected_labels(self, most: int) -> list[review.SuspectedLabel]:
        """At most so many labels that the current model set contradicts, the surest contradiction first."""
        with self._transaction() as connection:
            return review.suspected_labels(connection, most)

    def said(self, sha256s: Sequence[str]) -> dict[str, list[labelling.SaidLabel]]:
        """All labels of these pictures, the one that counts first."""
        with self._transaction() as connection:
            return labelling.history(connection, sha256s)

    def give_labels(
        self, wishes: Sequence[labelling.Wish], labelled_by: str, *, overwrites: bool = False
    ) -> labelling.Changes:
        """Store labels whose giver saw what counts now, or all where the giver `overwrites` what others said."""
        with self._transaction() as connection:
            return labelling.give(connection, wishes, labelled_by, overwrites=overwrites)

    def take_back_labels(self, ids: Sequence[int], labelled_by: str) -> labelling.Changes:
        """Say again what was said before these labels, given by this person; refused where another came after."""
        with self._transaction() as connection:
            return labelling.take_back(connection, ids, labelled_by)
