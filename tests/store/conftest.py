"""Made-up rows that look like a run's, and the whole content of a database for comparison."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, select, text

from medsift.contracts import Occurrence, Picture, SourceOutcome, Verdict, Vote
from medsift.store import EncodedVectors, RunRecord, Store
from medsift.store.tables import Base

BEGAN = datetime(2026, 3, 1, 2, tzinfo=UTC)
WIDTH = 8


def sha(word: object) -> str:
    return hashlib.sha256(str(word).encode()).hexdigest()


def unit_vector(sha256: str, width: int = WIDTH) -> np.ndarray:
    values = np.random.default_rng(int(sha256[:8], 16)).normal(size=width)
    return (values / np.linalg.norm(values)).astype(np.float32)


@dataclass
class Batch:
    """One run over sources `{name: pictures}`; a picture is a word, odd ones are medical."""

    run_id: str = "run-1"
    sources: dict[str, Sequence[int]] = field(default_factory=lambda: {"/in/a.pdf": [1, 2], "/in/b.pdf": [2, 3]})
    began: datetime = BEGAN
    model_set: str = "set-1"
    prompt_set: str = "prompts-1"
    probability: float = 0.9
    state: str = "done"
    extraction: str = "code-1"
    digest: str = "digest"

    @property
    def words(self) -> list[int]:
        return sorted({word for words in self.sources.values() for word in words})

    @property
    def record(self) -> RunRecord:
        settings = {"review_threshold": 0.8}
        return RunRecord(self.run_id, self.began, "lite", self.model_set, self.prompt_set, settings, "test")

    @property
    def pictures(self) -> list[Picture]:
        return [
            Picture(sha(word), 300 + word, 200, "png", sha(f"file {word}"), 1000 + word, f"{word:016x}")
            for word in self.words
        ]

    @property
    def vectors(self) -> EncodedVectors:
        keys = [sha(word) for word in self.words]
        rows = np.array([unit_vector(key) for key in keys], np.float32).reshape(len(keys), WIDTH)
        return EncodedVectors("words", "encoder-1", keys, rows)

    def p_medical(self, word: int) -> float:
        return self.probability if word % 2 else 1 - self.probability

    @property
    def verdicts(self) -> list[Verdict]:
        return [
            Verdict(
                sha(word),
                "medical" if self.p_medical(word) >= 0.5 else "non-medical",
                self.p_medical(word),
                max(self.p_medical(word), 1 - self.p_medical(word)),
                "xray" if word % 2 else "photo",
                1.0,
                needs_review=word % 3 == 0,
                review_reason="close" if word % 3 == 0 else "",
            )
            for word in self.words
        ]

    @property
    def votes(self) -> list[Vote]:
        return [
            Vote(sha(word), voter, p, "xray", 3 if voter == "cluster_cnn" else None, "" if p else "no set")
            for word in self.words
            for voter, p in (("zero_shot", self.p_medical(word)), ("cluster_cnn", None))
        ]

    @property
    def occurrences(self) -> list[Occurrence]:
        rows = []
        for source, words in self.sources.items() if self.state != "failed" else ():
            for ordinal, word in enumerate(words):
                rows.append(
                    Occurrence(
                        source,
                        "pdf",
                        ordinal,
                        "kept",
                        sha256=sha(word),
                        page=ordinal + 1,
                        box=(1.5, 2.0, 30.0, 40.25),
                        caption=f"Figure {word}",
                        nearby="words\taround\n\\ it",
                        tags={"Modality": "CT"},
                    )
                )
            rows.append(Occurrence(source, "pdf", len(words), "rejected", "It is 10 pixels wide.", page=1))
        return rows

    @property
    def outcomes(self) -> list[SourceOutcome]:
        return [
            SourceOutcome(
                source,
                "pdf",
                self.state,
                "" if self.state == "done" else f"It is {self.state}.",  # type: ignore[arg-type]
                0 if self.state == "failed" else len(words) + 1,
                f"{self.digest} {source}",
                f"etag {self.digest}",
                "yesterday",
                f"About {source}",
                9,
            )
            for source, words in self.sources.items()
        ]

    def publish(self, store: Store) -> None:
        store.begin_run(self.record)
        self.publish_pictures(store)
        store.publish_sources(self.run_id, self.outcomes, self.occurrences, self.extraction)
        store.finish_run(self.run_id, "done", {"found": len(self.occurrences)})

    def publish_pictures(self, store: Store) -> None:
        store.publish_pictures(
            self.run_id, self.pictures, [self.vectors], self.votes, self.verdicts, self.model_set, self.prompt_set
        )


CLOCK_COLUMNS = {"finished_at", "registered_at"}


def content(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, sorted, without the two columns that hold the clock."""
    found = {}
    with engine.connect() as connection:
        for name, table in Base.metadata.tables.items():
            rows = [dict(row) for row in connection.execute(select(text("*")).select_from(table)).mappings()]
            kept = [{key: value for key, value in row.items() if key not in CLOCK_COLUMNS} for row in rows]
            found[name] = sorted(kept, key=repr)
    return found


@pytest.fixture
def batch() -> Batch:
    """The run of most tests: two sources with three pictures, one of them in both."""
    return Batch()


@pytest.fixture
def make_batch() -> type[Batch]:
    """Runs that differ."""
    return Batch


@pytest.fixture
def everything() -> Callable[[Engine], dict[str, list[dict[str, Any]]]]:
    """All rows of a database."""
    return content


@pytest.fixture
def identity() -> Callable[[object], str]:
    """A picture's identity from its word."""
    return sha


@pytest.fixture
def days_later() -> Callable[[float], datetime]:
    """A time after the first run began."""
    return lambda days: BEGAN + timedelta(days=days)
