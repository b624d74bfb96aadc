"""A run goes portion by portion: how it is cut changes no row, and no more than a portion is held at once."""

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from medsift.contracts import Occurrence, Portion
from medsift.settings import Settings
from medsift.steps import Context, RunResult, cluster, embed, ensemble, extract, plan, preprocess, publish, score, shard
from medsift.steps.portions import pictures_of, portions_of
from medsift.steps.profile import verdict_keys
from medsift.store import Store
from medsift.topology.postgres import Urls
from medsift.volume import Volume
from medsift.voters.zero_shot import ZeroShot

CUTS = {shard.MAX_SHARD: [4], 2: [2, 2], 1: [1, 1, 1, 1]}


def judge(context: Context, world: Path, max_shard: int) -> list[Portion]:
    """All steps up to `ensemble`, with shards of at most so many pictures."""
    batches = [entry["batch"] for entry in plan.run(context, [str(world)], "cli")["batches"]]
    for batch in batches:
        extract.run(context, batch)
        preprocess.run(context, batch)
    for entry in shard.run(context, batches, max_shard)["shards"]:
        embed.run(context, entry["shard"])
    for step in (cluster, score, ensemble):
        step.run(context)
    return portions_of(context)


def document(context: Context) -> dict[str, Any]:
    """The run's document without what differs from run to run."""
    return {name: part for name, part in RunResult.of(context).as_json().items() if name != "run"}


def rounded(value: Any) -> Any:
    """The same, to be compared to five digits: products of matrices of other shapes differ in the last ones."""
    if isinstance(value, float):
        return pytest.approx(value, abs=1e-5)
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def test_a_picture_has_the_tags_of_all_its_places_and_the_first_place_wins():
    drawn = Occurrence("/in/a.pdf", "pdf", 0, "kept", sha256="s", tags={"xref": "7"})
    scanned = Occurrence("/in/a.dcm", "dicom", 0, "kept", sha256="s", tags={"Modality": "CT"})
    again = Occurrence("/in/b.dcm", "dicom", 0, "kept", sha256="s", tags={"Modality": "MR"})
    around = shard.surroundings([drawn, scanned, again], ["s"])
    assert around["s"].tags == {"xref": "7", "Modality": "CT"}


@pytest.mark.parametrize("max_shard", CUTS)
def test_pictures_are_cut_by_identity_into_shards_of_like_size(
    max_shard: int, small_world: Path, plain_settings: Settings
) -> None:
    context = Context("run", plain_settings, Volume(plain_settings.volume))
    portions = judge(context, small_world, max_shard)
    assert [portion.pictures for portion in portions] == CUTS[max_shard]
    identities = [picture.sha256 for portion in portions for picture in pictures_of(context, portion)]
    assert identities == sorted({picture.sha256 for picture in RunResult.of(context).pictures})


def test_many_small_shards_give_the_verdicts_of_one(small_world: Path, plain_settings: Settings) -> None:
    whole, cut = (Context(name, plain_settings, Volume(plain_settings.volume)) for name in ("whole", "cut"))
    judge(whole, small_world, shard.MAX_SHARD)
    judge(cut, small_world, 1)
    assert len(document(cut)["pictures"]) == 4
    assert document(cut) == rounded(document(whole))


def test_no_voter_is_shown_more_pictures_than_a_shard_has(
    small_world: Path, plain_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    vote = ZeroShot.vote

    def watched(self: ZeroShot, evidence: Any, *others: Any) -> Any:
        shown.append(len(evidence.sha256s))
        return vote(self, evidence, *others)

    monkeypatch.setattr(ZeroShot, "vote", watched)
    judge(Context("run", plain_settings, Volume(plain_settings.volume)), small_world, 2)
    assert shown == [2, 2]


@pytest.fixture
def new_store(database: Urls, new_database: Urls) -> Iterator[Store]:
    """A store over an empty database of its own, copied of one just emptied: search indexes stay when rows go."""
    opened = Store.open(new_database.task)
    yield opened
    opened.close()


@pytest.mark.postgres
@pytest.mark.parametrize("max_shard", CUTS)
def test_what_a_run_decided_is_published_however_it_is_cut(
    max_shard: int,
    small_world: Path,
    plain_settings: Settings,
    new_store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publish, "SOURCES_A_TRANSACTION", max_shard)
    context = Context("run", plain_settings, Volume(plain_settings.volume), new_store)
    judge(context, small_world, max_shard)
    assert publish.run(context) == {"pictures": 4, "occurrences": 7, "sources": 7}
    decided, by_key = RunResult.of(context), attrgetter("sha256", "voter")
    keys, of_run = sorted(decided.verdicts), verdict_keys(plain_settings)
    assert new_store.pictures(keys) == {picture.sha256: picture for picture in decided.pictures}
    assert new_store.verdicts(keys, *of_run) == decided.verdicts
    assert new_store.votes(keys, *of_run) == sorted(decided.votes, key=by_key)
    stored = new_store.occurrences_of([outcome.source for outcome in decided.sources])
    assert stored == [replace(place, candidate=None) for place in decided.occurrences]
    with new_store.engine.connect() as connection:
        assert connection.scalars(text("SELECT sha256 FROM run_pictures ORDER BY 1")).all() == keys


@pytest.mark.postgres
def test_pictures_with_stored_vectors_are_judged_again_without_being_embedded(
    small_world: Path, plain_settings: Settings, new_store: Store
) -> None:
    first, second = (Context(name, plain_settings, Volume(plain_settings.volume), new_store) for name in ("one", "two"))
    judge(first, small_world, 2)
    publish.run(first)
    portions = judge(second, small_world, 3)
    assert portions == [Portion("known-0000", 2), Portion("known-0001", 2)]
    assert not (second.volume.run("two") / "embed").exists()
    publish.run(second)
    was, now = ({p["sha256"]: p["votes"] for p in document(run)["pictures"]} for run in (first, second))
    assert now == rounded(was)
