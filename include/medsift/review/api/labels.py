"""Labels: the queue of what to label, groups to label at once, giving and taking back."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.encoders import jsonable_encoder
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from medsift.kinds import as_kind
from medsift.review.desk import AtDesk, Desk
from medsift.review.files import Digest, known
from medsift.review.filtering import SetOfCluster
from medsift.review.identity import Labeller, Reader
from medsift.review.problems import Problem, problem
from medsift.store import Change, Changes, ListedPicture, PictureFilter, QueuedPicture, SaidLabel, Wish

router = APIRouter(tags=["labels"])
ALIKE, MOST_ALIKE = 0.9, 300
MOST = 5000  # pictures labelled or taken back at once
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Kind = Annotated[str, AfterValidator(as_kind)]
LabelId = Annotated[int, Field(ge=1, lt=2**63)]
TAKEN = "Somebody else has said something of these pictures meanwhile; nothing was changed."


class GivenLabel(BaseModel):
    """A label for a picture. `seen`: id of the label you saw there, null for none; another one there refuses yours.

    `kind` is the modality of a medical picture or the type of another, kept in small letters; a refit teaches it.
    """

    model_config = ConfigDict(extra="forbid")
    sha256: Sha256
    label: Literal["medical", "non-medical", "unsure"]
    kind: Kind | None = None
    seen: LabelId | None = None


class GivenLabels(BaseModel):
    """Labels given at once. With `overwrites` they count whatever others said."""

    model_config = ConfigDict(extra="forbid")
    labels: Annotated[list[GivenLabel], Field(min_length=1, max_length=MOST)]
    overwrites: bool = False


class TakenBack(BaseModel):
    """Ids of labels of yours to take back; what was said before them is said again."""

    model_config = ConfigDict(extra="forbid")
    ids: Annotated[list[LabelId], Field(min_length=1, max_length=MOST)]


class Refusal(Problem):
    """Nothing was changed; what others have said of each picture meanwhile."""

    refused: list[Change]


class Done(BaseModel):
    """How many labels the asset event told of."""

    told: int


@dataclass(frozen=True)
class Asked:
    """A picture to label; `seen` is the id of the label that counts there, which giving one has to name, and `named`
    the kind that was named with it."""

    picture: ListedPicture
    seen: int | None
    named: str | None
    worth: float


@dataclass(frozen=True)
class Queue:
    """What to label next, and how many pictures wait (at most 2,000 are counted)."""

    waiting: int
    asked: list[Asked]


@dataclass(frozen=True)
class Group:
    """Like pictures to label at once. `purity` is the larger side's share: of labels where there are any, else of
    verdicts."""

    name: str
    medical: int
    non_medical: int
    labelled: int
    purity: float | None
    asked: list[Asked]


@router.get("/queue")
def next_pictures(
    desk: AtDesk,
    user: Reader,
    limit: Annotated[int, Query(ge=1, le=200)] = 40,
    without: Annotated[str, Query(max_length=40_000, description="identities you have, with commas between")] = "",
) -> Queue:
    """The pictures whose label would teach most; those handed to somebody else within ten minutes come last."""
    have = frozenset(without.split(","))
    handed = desk.queue.hand_out(user.name, limit, have) if user.may_label else desk.queue.look(limit, have)
    return Queue(desk.queue.waiting(), _asked(desk, handed))


@router.get("/clusters/{number}")
def cluster(
    desk: AtDesk, _: Reader, number: Annotated[int, Path(ge=0, le=2**31 - 1)], model_set: SetOfCluster = None
) -> Group:
    """The pictures of a cluster of a model set, without one of that in use, least sure first, at most 2,000."""
    pictures, _rest = desk.store.page(PictureFilter(cluster=number, model_set=model_set), "least_sure", None, 2000)
    is_other = model_set != desk.store.current_model_set()
    of_set = f" of model set {model_set[:12]}" if model_set and is_other else ""
    if not pictures:
        raise HTTPException(404, f"There is no picture in cluster {number}{of_set or ' of the model set in use'}.")
    return group(desk, f"Cluster {number}{of_set}", pictures)


@router.get("/pictures/{sha256}/group")
def similar_group(desk: AtDesk, _: Reader, sha256: Digest) -> Group:
    """The picture and all that look like it: vectors with a cosine of at least 0.9, at most 300; needs pgvector."""
    alike = [each.sha256 for each in desk.store.like(sha256, MOST_ALIKE) if each.similarity >= ALIKE]
    return group(desk, "All similar", [known(desk, sha256), *desk.store.listed(alike)])


@router.post("/labels", response_model=Changes, responses={409: {"model": Refusal}})
def give_labels(request: Request, desk: AtDesk, user: Labeller, given: GivenLabels) -> Changes | Response:
    """Give labels. Those of pictures of which somebody else said something unseen are `refused`; if all are: 409."""
    wishes = [Wish(each.sha256, each.label, each.kind, each.seen) for each in given.labels]
    changes = desk.label(user, wishes, overwrites=given.overwrites)
    if changes.unknown and not changes.given:
        raise HTTPException(404, f"There is no picture {changes.unknown[0]}.")
    if changes.refused and not changes.given:
        return problem(request, 409, _who(changes), refused=jsonable_encoder(changes.refused))
    return changes


@router.post("/labels/take-back")
def take_back(desk: AtDesk, user: Labeller, taken: TakenBack) -> Changes:
    """Take labels of yours back, unless somebody has said something else since: 409."""
    changes = desk.take_back(user, taken.ids)
    if not changes.given:
        raise HTTPException(409, TAKEN if changes.refused else "None of these labels is yours.")
    return changes


@router.post("/labels/done")
def done(desk: AtDesk, user: Labeller) -> Done:
    """You have finished for now: a new model set is fitted from the labels."""
    return Done(told=desk.done(user))


def group(desk: Desk, name: str, pictures: list[ListedPicture]) -> Group:
    """Pictures as a group to be labelled."""
    said = Counter(picture.label for picture in pictures if picture.decided_by == "person")
    sides = Counter(picture.label for picture in pictures)
    counted = said or sides
    purity = max(counted.values()) / counted.total() if counted else None
    with_ids = _with_ids(desk, pictures)
    return Group(name, sides["medical"], sides["non-medical"], said.total(), purity, with_ids)


def _asked(desk: Desk, handed: list[QueuedPicture]) -> list[Asked]:
    worth = {each.sha256: each.worth for each in handed}
    return _with_ids(desk, desk.store.listed(list(worth)), worth)


def _with_ids(desk: Desk, pictures: list[ListedPicture], worth: dict[str, float] | None = None) -> list[Asked]:
    said = desk.store.said([picture.sha256 for picture in pictures])
    newest = {sha256: labels[0] for sha256, labels in said.items()}
    return [
        _one_asked(picture, newest.get(picture.sha256), (worth or {}).get(picture.sha256, 0.0)) for picture in pictures
    ]


def _one_asked(picture: ListedPicture, newest: SaidLabel | None, worth: float) -> Asked:
    return Asked(picture, newest.id if newest else None, newest.kind if newest else None, worth)


def _who(changes: Changes) -> str:
    others = sorted({change.before.labelled_by for change in changes.refused if change.before})
    return f"{TAKEN} It was {', '.join(others) or 'taken back'}."
