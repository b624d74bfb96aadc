"""Made-up pictures that look like a run's: rows in Postgres, files on a volume."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from PIL import Image, ImageDraw

from medsift.contracts import Occurrence, Picture, SourceOutcome, Verdict, Vote
from medsift.store import EncodedVectors, RunRecord, Store
from medsift.volume import Volume

BEGAN = datetime(2026, 3, 1, 2, tzinfo=UTC)
MODEL_SET, PROMPTS, ENCODER = "set-1", "prompts-1", "encoder-1"


@dataclass(frozen=True)
class Made:
    """A picture to be: its probability and cluster by the model, where it stands and what is written there."""

    number: int
    probability: float
    cluster: int = 1
    source: str = "/in/paper.pdf"
    caption: str = ""
    kind: str = "xray"
    agreement: float = 1.0
    near_duplicate_of: str | None = None

    @property
    def sha256(self) -> str:
        return identity(self.number)

    @property
    def verdict(self) -> str:
        return "medical" if self.probability >= 0.5 else "non-medical"


def identity(number: int) -> str:
    return hashlib.sha256(f"picture {number}".encode()).hexdigest()


def png(number: int, side: int = 240) -> bytes:
    """A picture that shows its number, each with a colour of its own."""
    colour = tuple(int(value) for value in np.random.default_rng(number).integers(40, 200, 3))
    image = Image.new("RGB", (side, side * 3 // 4), colour)
    ImageDraw.Draw(image).text((side // 2 - 20, side // 3), f"{number}", fill="white", font_size=40)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def vector(made: Made) -> np.ndarray:
    """Pictures of one cluster point nearly the same way."""
    centre = np.random.default_rng(made.cluster).normal(size=8)
    values = centre / np.linalg.norm(centre) + 0.02 * np.random.default_rng(1000 + made.number).normal(size=8)
    return (values / np.linalg.norm(values)).astype(np.float32)


def picture_row(made: Made) -> Picture:
    """The picture as a run hands it on."""
    return Picture(
        made.sha256, 240, 180, "png", identity(-made.number - 1), 900, f"{made.number:016x}", made.near_duplicate_of
    )


def verdict_of(made: Made) -> Verdict:
    """The verdict as a run hands it on."""
    return Verdict(
        made.sha256, made.verdict, made.probability, max(made.probability, 1 - made.probability),  # type: ignore[arg-type]
        made.kind, made.agreement, made.probability < 0.8, "not sure" if made.probability < 0.8 else "",
    )  # fmt: skip


def publish(
    store: Store, volume: Volume, pictures: Sequence[Made], run: str = "run-1", model_set: str = MODEL_SET
) -> None:
    """Rows and files of a run that found these; its model set is then the one in use."""
    for made in pictures:
        volume.put(volume.picture(made.sha256, "png"), png(made.number))
        small = io.BytesIO()
        Image.open(io.BytesIO(png(made.number))).save(small, "WEBP")
        volume.put(volume.thumbnail(made.sha256), small.getvalue())
    store.begin_run(RunRecord(run, BEGAN, "words", model_set, PROMPTS, {}, "test"))
    rows = [*map(picture_row, pictures)]
    verdicts = [*map(verdict_of, pictures)]
    votes = [
        Vote(each.sha256, voter, p, None, cluster, "because of a test")
        for each in pictures
        for voter, p, cluster in (("clusters", each.probability, each.cluster), ("zero_shot", 0.5, None))
    ]
    vectors = EncodedVectors("words", ENCODER, [each.sha256 for each in pictures], np.stack([*map(vector, pictures)]))
    store.publish_pictures(run, rows, [vectors], votes, verdicts, model_set, PROMPTS)
    store.set_current_model_set(model_set)
    sources = list(dict.fromkeys(each.source for each in pictures))
    outcomes = [SourceOutcome(source, "pdf", "done", found=1, digest=identity(0), pages=9) for source in sources]
    occurrences = [
        Occurrence(each.source, "pdf", number, "kept", sha256=each.sha256, page=1, box=(10.0, 10.0, 60.0, 60.0),
                   caption=each.caption)
        for number, each in enumerate(pictures)
    ]  # fmt: skip
    store.publish_sources(run, outcomes, occurrences, "code-1")
    store.finish_run(run, "done", {"pictures": {"kept": len(pictures)}})


MANY = [
    Made(
        number, probability=(number % 20) / 20 + 0.01, cluster=number % 7, kind="xray" if number % 2 else "plot",
        source=f"/in/{number % 3}.pdf", caption=f"Figure {number} shows something", agreement=1.0 - 0.25 * (number % 2),
        near_duplicate_of=identity(0) if number == 5 else None,
    )
    for number in range(150)
]  # fmt: skip
