"""Why a picture got its verdict: what each voter saw, what it is like, and which parts of it speak for which side."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Surroundings, Verdict, Vote
from medsift.encoders import Floats, Pixels, Profile
from medsift.errors import StoreError, UsageError
from medsift.modelsets import assign
from medsift.modelsets.calibrating import NEIGHBOURS
from medsift.pictures.batches import by_side
from medsift.sandbox import Sandbox
from medsift.settings import Settings
from medsift.sources.folder import FolderSource, read_head
from medsift.steps.context import Context
from medsift.steps.expand import kind_of
from medsift.steps.networks import loaded_profile
from medsift.steps.operating_point import at_operating_point, check_operating_point
from medsift.steps.preprocess import check_file
from medsift.steps.profile import current_model_set, prompt_set, prompted, usable_model_set, verdict_keys
from medsift.steps.shard import surroundings
from medsift.store import Neighbour, Store
from medsift.strategies import STRATEGIES, log_odds_of
from medsift.voters import Evidence, abstain, cast_votes

CELLS = 8  # of the heat map, along either side
PROMPTS = 3  # of either side, the best fitting
ALIKE = 5
BLANK = Surroundings("", "")
ITSELF = "0"  # the picture's row among the covered ones
BY_ITSELF = "the picture is judged by itself"


@dataclass(frozen=True)
class Subject:
    """The picture that is explained. `sha256` is empty for a file that was named by its path."""

    path: Path
    sha256: str
    around: Surroundings


@dataclass(frozen=True)
class PromptFit:
    """How well a prompt fits: the cosine between its vector and the picture's."""

    text: str
    kind: str
    is_medical: bool
    cosine: float


@dataclass(frozen=True)
class ClusterFit:
    """The cluster that the picture falls into in an encoder's space: its members when it was fitted."""

    encoder: str
    number: int
    size: int
    probability: float
    purity: float


@dataclass(frozen=True)
class Alike:
    """A stored picture that looks like it; `label` is what `decided_by` (person or model) says of it, if anything."""

    sha256: str
    cosine: float
    label: str = ""
    decided_by: str = ""


@dataclass(frozen=True)
class Explanation:
    """`pulls`: by how much each voter moves the log-odds of the verdict, against its not voting at all. Those of
    `neighbours` are against the picture by itself, all others are of the picture by itself.

    `heat` (cells, cells): by how much each part does, against its being covered; above 0 speaks for medical. `png` is
    the picture under it. `alike_off` says why nothing alike is shown.
    """

    subject: Subject
    verdict: Verdict
    votes: Sequence[Vote]
    pulls: Mapping[str, float]
    prompts: Sequence[PromptFit]
    clusters: Sequence[ClusterFit]
    alike: Sequence[Alike]
    alike_off: str
    heat: NDArray[np.float64]
    png: bytes

    def document(self) -> dict[str, Any]:
        """All of it but the PNG, as JSON has it."""
        return {
            "picture": self.subject.sha256 or str(self.subject.path),
            "caption": self.subject.around.captions,
            "verdict": asdict(self.verdict),
            "votes": [asdict(vote) | {"pull": self.pulls[vote.voter]} for vote in self.votes],
            "prompts": [asdict(fit) for fit in self.prompts],
            "clusters": [asdict(fit) for fit in self.clusters],
            "alike": [asdict(picture) for picture in self.alike],
            "heat": self.heat.round(4).tolist(),
        }


def stored_subject(context: Context, beginning: str) -> Subject:
    """The stored picture whose identity begins so, with the words around it; for none or several `UsageError`."""
    if context.store is None:
        raise StoreError("No database is set.", "Start the embedded stack with `make up`, or name a picture file.")
    found = context.store.pictures_beginning(beginning.lower(), 2)
    if not found:
        raise UsageError(f"No stored picture has the SHA-256 {beginning}.", "`medsift export` lists them all.")
    if len(found) > 1:
        raise UsageError(f"Several stored pictures begin with {beginning}.", "Give more of the SHA-256.")
    (stored,) = found
    sha256 = stored.sha256
    around = surroundings(context.store.places_of([sha256]), [sha256])[sha256]
    return Subject(context.volume.picture(sha256, stored.extension), sha256, around)


def file_subject(path: Path) -> Subject:
    """A picture file; raises `UsageError` where it is a container of pictures."""
    kind = kind_of(str(path), read_head(path))
    if kind not in ("", FolderSource.name):
        raise UsageError(
            f"{path} is no picture file ({kind}).",
            "Name its pictures by the sha256 that `medsift export` tells, or the files that `medsift extract` writes.",
        )
    return Subject(path.absolute(), "", BLANK)


def explain(context: Context, subject: Subject) -> Explanation:
    """Everything at once; takes some seconds.

    Raises `PictureError` or `SourceError` where it cannot be decoded, or is a file that a run would reject.
    """
    settings = context.settings
    check_operating_point(settings)
    if not subject.sha256:
        check_file(context, subject.path)
    profile = loaded_profile(settings)
    arguments = {"path": str(subject.path), "max_pixels": settings.max_pixels}
    views = {"views": [asdict(view) for view in profile.views]}
    (seen,) = _ask(context, "views:views", {**arguments, **views})
    vectors = profile.encode_pictures(_pixels(profile, [seen]))
    votes = _votes(context, subject, vectors)
    company = _company(context, subject)
    covered = _ask(context, "occlusion:covered_views", {**arguments, **views, "cells": CELLS})
    heat = _heat(context, subject, profile, covered)
    (png,) = _ask(context, "occlusion:heat_map", {**arguments, "heat": heat.tolist()})
    alike, alike_off = _alike(context, subject, profile, vectors)
    return Explanation(
        subject,
        _decide(context, [*votes, *company])[0],
        [*votes, *company],
        _pulls(context, votes) | _pull_of(context, votes, company),
        _prompts(context, vectors),
        _clusters(context, vectors),
        alike,
        alike_off,
        heat,
        png,
    )


def _ask(context: Context, function: str, arguments: Mapping[str, Any]) -> list[bytes]:
    """All answers of a function that opens the picture in a child process."""

    def work(sandbox: Sandbox, given: Mapping[str, Any]) -> list[bytes]:
        return [data for _, data in sandbox.stream(f"medsift.pictures.{function}", given)]

    (answers,) = context.workers.map(work, [arguments])
    return answers


def _pixels(profile: Profile, rows: Sequence[bytes]) -> dict[int, Pixels]:
    return by_side(rows, [view.size for view in profile.views])


def _votes(context: Context, subject: Subject, vectors: Mapping[str, Floats]) -> list[Vote]:
    """Of every voter on every row of the vectors, with the words and tags of the picture."""
    count = len(next(iter(vectors.values())))
    evidence = Evidence(
        [str(row) for row in range(count)], vectors, [subject.around.captions] * count, [subject.around.tags] * count
    )
    return cast_votes(evidence, prompted(context.settings), usable_model_set(context.settings))


def _company(context: Context, subject: Subject) -> list[Vote]:
    """What the pictures alike of the run that judged it last say; an abstention where none has."""
    stored = context.store.votes([subject.sha256], *verdict_keys(context.settings)) if context.store else []
    said = [replace(vote, sha256=ITSELF) for vote in stored if vote.voter == NEIGHBOURS]
    return said or abstain(NEIGHBOURS, [ITSELF], BY_ITSELF)


def _decide(context: Context, votes: Sequence[Vote]) -> list[Verdict]:
    rows = list(dict.fromkeys(vote.sha256 for vote in votes))
    decide = STRATEGIES.get(context.settings.strategy)
    model_set = at_operating_point(context.settings, current_model_set(context.settings))
    return decide(rows, votes, model_set, context.settings.review_threshold)


def _log_odds(verdicts: Sequence[Verdict]) -> NDArray[np.float64]:
    return log_odds_of(np.array([verdict.probability for verdict in verdicts]))


def _pulls(context: Context, votes: Sequence[Vote]) -> dict[str, float]:
    whole = _log_odds(_decide(context, votes))[0]
    pulls = {}
    for silent in votes:
        others = [Vote(v.sha256, v.voter, None) if v.voter == silent.voter else v for v in votes]
        pulls[silent.voter] = float(whole - _log_odds(_decide(context, others))[0])
    return pulls


def _pull_of(context: Context, votes: Sequence[Vote], company: Sequence[Vote]) -> dict[str, float]:
    """Of the pictures alike: against the picture by itself."""
    together, alone = (_log_odds(_decide(context, cast))[0] for cast in ([*votes, *company], votes))
    return {NEIGHBOURS: float(together - alone)}


def _heat(context: Context, subject: Subject, profile: Profile, covered: Sequence[bytes]) -> NDArray[np.float64]:
    size = context.settings.batch_size
    parts = [
        profile.encode_pictures(_pixels(profile, covered[start : start + size]))
        for start in range(0, len(covered), size)
    ]
    vectors = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    odds = _log_odds(_decide(context, _votes(context, subject, vectors)))
    heat: NDArray[np.float64] = (odds[0] - odds[1:]).reshape(CELLS, CELLS)
    return heat


def _prompts(context: Context, vectors: Mapping[str, Floats]) -> list[PromptFit]:
    known, told = prompted(context.settings), prompt_set(context.settings).prompts
    cosines = known.vectors @ vectors[known.encoder][0]
    fits = [
        PromptFit(prompt.text, prompt.kind, prompt.is_medical, float(cosine))
        for prompt, cosine in zip(told, cosines, strict=True)
    ]
    fits.sort(key=lambda fit: -fit.cosine)
    return [fit for side in (True, False) for fit in [f for f in fits if f.is_medical == side][:PROMPTS]]


def _clusters(context: Context, vectors: Mapping[str, Floats]) -> list[ClusterFit]:
    model_set = usable_model_set(context.settings)
    if model_set is None:
        return []
    clusters = model_set.clusters()
    return [
        ClusterFit(
            encoder,
            number := int(members[0]),
            int(clusters[encoder].size[number]),
            float(clusters[encoder].probability[number]),
            float(clusters[encoder].purity[number]),
        )
        for encoder, members in assign(vectors, model_set).items()
    ]


def _alike(
    context: Context, subject: Subject, profile: Profile, vectors: Mapping[str, Floats]
) -> tuple[list[Alike], str]:
    """Stored pictures nearest to it in the space of words, or none and the reason."""
    if context.store is None:
        return [], "No database is set."
    words = profile.words
    try:
        found = context.store.nearest(words.digest, vectors[words.name][0], ALIKE + 1)
    except StoreError as error:
        return [], str(error)
    others = [neighbour for neighbour in found if neighbour.sha256 != subject.sha256][:ALIKE]
    return _labelled(context.settings, context.store, others), ""


def _labelled(settings: Settings, store: Store, found: Sequence[Neighbour]) -> list[Alike]:
    sha256s = [neighbour.sha256 for neighbour in found]
    verdicts = store.verdicts(sha256s, *verdict_keys(settings))
    said: dict[str, tuple[str, str]] = {sha256: (row.verdict, "model") for sha256, row in verdicts.items()}
    newest = store.newest_labels(sha256s)
    said |= {sha256: (row.label, "person") for sha256, row in newest.items() if not row.is_withdrawn}
    return [Alike(each.sha256, each.similarity, *said.get(each.sha256, ())) for each in found]
