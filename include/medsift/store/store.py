"""The store: everything steps and commands ask of Postgres, each method one transaction."""

from typing import Self

from sqlalchemy import Engine

from medsift.store import connection


class Store:
    """An open Postgres database, migrated. Safe to use from several threads; not across a fork."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect and check; raises `StoreError` where Postgres does not answer or lacks migrations."""
        engine = connection.engine_of(url)
        with connection.sentences(engine.url), engine.connect():
            return cls(engine)

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()
