"""Labels teach: a refit raises the accuracy on pictures unlike any before, and can be rolled back."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from medsift.contracts import Occurrence, Picture, SourceOutcome, Verdict
from medsift.encoders import unit_rows
from medsift.modelsets import HELD_BACK, MANIFEST, HeldBack, ModelSet, current, save, shipped_set
from medsift.modelsets.in_use import keep, promote
from medsift.settings import Settings
from medsift.steps import refit
from medsift.steps.context import Context, Summary
from medsift.steps.fit_labelled import in_company, judge, one_by_one
from medsift.steps.labelled import labelled_in_store
from medsift.steps.profile import current_profile, encoder_digests
from medsift.steps.refit_card import card_of
from medsift.steps.refit_figures import figures_of, is_not_worse
from medsift.steps.use_model_set import promote_fitted, promote_model_set, roll_back
from medsift.store import EncodedVectors, LabelRow, RunRecord, Store
from medsift.volume import Volume

pytestmark = pytest.mark.postgres
DATE = "2026-03-01"
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def verdicts_by_path(document: dict[str, Any]) -> dict[str, tuple[str, float]]:
    """Verdict and probability of each file of a run."""
    return {
        occurrence["path"]: (picture["verdict"], picture["probability"])
        for picture in document["pictures"]
        for occurrence in picture["occurrences"]
    }


def shown(store: Store) -> dict[str, str]:
    """What `picture_labels` says now, of pictures that no person labelled."""
    with store.engine.connect() as connection:
        rows = connection.execute(text("SELECT sha256, label FROM picture_labels WHERE decided_by = 'model'"))
        return {row.sha256: row.label for row in rows}


def do_refit(settings: Settings, date: str = DATE) -> Summary:
    with Context.opened(settings, "refit") as context:
        return refit.run(context, date)


def test_200_labels_raise_the_accuracy_on_a_shifted_set_and_roll_back_restores_the_former_verdicts(
    load: Callable[..., Settings],
    do_run: Callable[..., dict[str, Any]],
    draw_source: Callable[[Path, int, int], dict[str, str]],
    store: Store,
) -> None:
    inbox = Volume(load().volume).inbox
    of_source = [draw_source(inbox / f"source-{number}", number, 30) for number in range(10)]
    truth = {path: label for labels in of_source for path, label in labels.items()}
    unlabelled = [path for labels in of_source[7:] for path in labels]

    def accuracy(document: dict[str, Any]) -> float:
        said = verdicts_by_path(document)
        return float(np.mean([said[path][0] == truth[path] for path in measured]))

    before = do_run("before")
    identity = {o["path"]: picture["sha256"] for picture in before["pictures"] for o in picture["occurrences"]}
    labelled = [path for labels in of_source[:7] for path in labels][:200]
    family = {picture["sha256"]: picture["near_duplicate_of"] or picture["sha256"] for picture in before["pictures"]}
    taught = {family[identity[path]] for path in labelled}
    measured = [path for path in unlabelled if family[identity[path]] not in taught]
    assert len(measured) > 50
    added = store.add_labels([LabelRow(identity[path], truth[path], "anna") for path in labelled])  # type: ignore[arg-type]
    assert added.added == 200
    shown_before = shown(store)

    summary = do_refit(load())
    assert summary["labels"] == 200
    assert summary["is_not_worse"], summary["sentence"]
    assert current(Volume(load().volume), "lite").digest == shipped_set("lite").digest
    promote_model_set(load(), summary["model_set"], store)
    after = do_run("after")
    assert accuracy(after) > accuracy(before) + 0.2
    assert summary["new"]["balanced_accuracy"] > summary["current"]["balanced_accuracy"]
    assert after["run"]["model_set"] == summary["model_set"]

    roll_back(load(), store)
    assert current(Volume(load().volume), "lite").digest == shipped_set("lite").digest
    assert shown(store) == shown_before
    assert verdicts_by_path(do_run("again")) == verdicts_by_path(before)


def publish(settings: Settings, store: Store, sources: dict[str, int], shift: float = 4.0) -> dict[str, str]:
    """Pictures of sources with vectors that tell the sides apart in one direction; labels by identity.

    Every encoder of the profile gets vectors of its width, under its own digest.
    """
    draw = np.random.default_rng(7)
    labels: dict[str, str] = {}
    outcomes, occurrences = [], []
    for source, count in sources.items():
        for number in range(count):
            sha256 = hashlib.sha256(f"{source} {number}".encode()).hexdigest()
            labels[sha256] = "medical" if number % 2 else "non-medical"
            occurrences.append(Occurrence(source, "pdf", number, "kept", sha256=sha256, page=1))
        outcomes.append(SourceOutcome(source, "pdf", "done", found=count))
    sign = np.array([1.0 if label == "medical" else -1.0 for label in labels.values()])
    vectors = []
    for encoder in current_profile(settings).encoders:
        rows = draw.normal(size=(len(labels), encoder.dimension))
        rows[:, 0] += shift * sign
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        vectors.append(EncodedVectors(encoder.name, encoder.digest, list(labels), units.astype(np.float32)))
    store.begin_run(RunRecord("r", BEGAN, "lite", shipped_set("lite").digest, "p"))
    pictures = [Picture(sha256, 96, 96, "png", sha256, 1, sha256[:16]) for sha256 in labels]
    store.publish_pictures("r", pictures, vectors, [], [], shipped_set("lite").digest, "p")
    store.publish_sources("r", outcomes, occurrences, "e")
    return labels


def as_of_before(settings: Settings, model_set: ModelSet) -> ModelSet:
    """The set as versions kept it that did not write down what its pictures share with others."""
    volume = Volume(settings.volume)
    built = shutil.copytree(model_set.folder, volume.model_sets / ".built", ignore=shutil.ignore_patterns(MANIFEST))
    rows = json.loads((built / HELD_BACK).read_text())
    (built / HELD_BACK).write_text(json.dumps({sha256: row[:2] for sha256, row in rows.items()}))
    save(
        built, name="before", profile="lite", encoders=model_set.encoder_digests, prompt_set=model_set.prompt_set,
        spaces=model_set.spaces, calibration=model_set.calibration, previous=model_set.previous,
    )  # fmt: skip
    return keep(volume, built)


def give(store: Store, labels: dict[str, str]) -> None:
    store.add_labels([LabelRow(sha256, label, "anna") for sha256, label in labels.items()])  # type: ignore[arg-type]


SOURCES = {f"/in/{number}.pdf": 12 for number in range(8)}


def test_without_labels_nothing_is_fitted_and_nothing_changed(load, store):
    summary = do_refit(load())
    assert summary["model_set"] == ""
    assert "0 embedded pictures are labelled medical" in summary["sentence"]
    assert not Volume(load().volume).model_sets.exists()


def test_labels_of_one_side_or_one_source_fit_nothing(load, store):
    labels = publish(load(), store, {"/in/0.pdf": 40, "/in/1.pdf": 2})
    give(store, {sha256: label for sha256, label in labels.items() if label == "medical"})
    assert "0 non-medical; 10 of each are needed" in do_refit(load())["sentence"]
    give(store, dict(list(labels.items())[:40]))
    give(store, dict.fromkeys(list(labels)[40:], "unsure"))
    assert (
        "groups of pictures labelled medical: 1, non-medical: 1; 2 of each are needed" in do_refit(load())["sentence"]
    )


def test_a_set_is_kept_registered_and_not_in_use_and_the_same_labels_fit_no_other(load, store):
    give(store, publish(load(), store, SOURCES))
    summary = do_refit(load())
    volume = Volume(load().volume)
    model_set = promote_model_set(load(), summary["model_set"][:12], store)
    assert model_set.previous == shipped_set("lite").digest
    assert len(model_set.held_back()) == summary["labels"] == 96
    assert summary["groups"] == 8
    card = model_set.card.read_text()
    assert DATE in card and model_set.previous in card and f"{summary['new']['log_loss']:.4f}" in card
    assert model_set.calibration.weights["learned"] > 0
    with store.engine.connect() as connection:
        row = connection.execute(
            text("SELECT is_current, card FROM model_sets WHERE digest = :digest"), {"digest": model_set.digest}
        ).one()
    assert row.is_current and row.card["card"] == card
    assert "no label is new" in do_refit(load())["sentence"]
    assert {path.name for path in volume.model_sets.iterdir()} == {model_set.digest, "current.json", "current.lock"}


def test_sets_are_compared_on_no_picture_whose_group_the_one_in_use_has_seen(load, store):
    labels = publish(load(), store, SOURCES)
    of_known = {sha256: label for number, (sha256, label) in enumerate(labels.items()) if number % 12 < 8}
    give(store, of_known)
    promote_model_set(load(), do_refit(load())["model_set"], store)
    give(store, labels)
    summary = do_refit(load())
    assert (summary["labels"], summary["compared"]) == (96, len(of_known)) == (96, 64)
    give(store, publish(load(), store, {"/in/new.pdf": 10}))
    assert do_refit(load())["compared"] == 74


def test_a_group_whose_labels_were_withdrawn_since_stays_seen_by_the_set_that_was_fitted_on_it(load, store):
    labels = publish(load(), store, SOURCES)
    of_known = {sha256: label for number, (sha256, label) in enumerate(labels.items()) if number % 12 < 8}
    give(store, of_known)
    promote_model_set(load(), do_refit(load())["model_set"], store)
    give(store, labels | dict.fromkeys(list(of_known)[:16], "unsure"))  # all it knows of two sources
    summary = do_refit(load())
    assert (summary["labels"], summary["compared"]) == (80, 48)


def test_a_group_stays_seen_though_its_source_has_changed_and_its_labels_were_withdrawn(load, store):
    publish(load(), store, SOURCES)
    labels = publish(load(), store, {"/in/8.pdf": 12})
    of_known, later = dict(list(labels.items())[:6]), dict(list(labels.items())[6:])
    give(store, of_known | publish(load(), store, SOURCES))
    promote_model_set(load(), do_refit(load())["model_set"], store)
    left = [Occurrence("/in/8.pdf", "pdf", number, "kept", sha256=sha256) for number, sha256 in enumerate(later)]
    store.publish_sources("r", [SourceOutcome("/in/8.pdf", "pdf", "done", found=6)], left, "e")
    give(store, later | dict.fromkeys(of_known, "unsure"))
    summary = do_refit(load())
    assert (summary["labels"], summary["compared"]) == (102, 96)


def test_of_a_set_that_did_not_keep_what_its_pictures_share_the_store_is_asked(load, store):
    labels = publish(load(), store, SOURCES)
    of_known = {sha256: label for number, (sha256, label) in enumerate(labels.items()) if number % 12 < 8}
    give(store, of_known)
    model_set = promote_model_set(load(), do_refit(load())["model_set"], store)
    promote(Volume(load().volume), as_of_before(load(), model_set))
    give(store, labels | dict.fromkeys(list(of_known)[:16], "unsure"))
    summary = do_refit(load())
    assert (summary["labels"], summary["compared"]) == (80, 48)


def test_labels_that_a_set_was_taught_wrongly_are_suspected_though_it_knows_them_by_heart(load, store):
    labels = publish(load(), store, {f"/in/{number}.pdf": 40 for number in range(8)}, shift=3.0)
    wrong = list(labels)[::20]
    turned = {"medical": "non-medical", "non-medical": "medical"}
    give(store, labels | {sha256: turned[labels[sha256]] for sha256 in wrong})
    model_set = promote_model_set(load(), do_refit(load())["model_set"], store)
    verdicts = [Verdict(sha256, "medical", 0.9, 0.9, None, 1.0, False) for sha256 in labels]  # of no use here
    store.begin_run(RunRecord("r2", BEGAN, "lite", model_set.digest, "p"))
    store.publish_pictures("r2", [], [], [], verdicts, model_set.digest, "p")
    suspected = {row.sha256: row.probability for row in store.suspected_labels(1000)}
    known = model_set.held_back()
    assert suspected == {
        sha256: known[sha256].probability
        for sha256 in labels
        if (known[sha256].probability >= 0.5) != known[sha256].is_medical
    }
    assert len(suspected.keys() & set(wrong)) >= 0.8 * len(wrong)


def test_what_labels_of_one_look_teach_leaves_pictures_unlike_them_as_they_were(load, store):
    give(store, publish(load(), store, SOURCES, shift=40.0))
    taught = promote_model_set(load(), do_refit(load())["model_set"], store)
    assert taught.calibration.weights["learned"] > 0
    data = labelled_in_store(store, encoder_digests(load()))
    draw = np.random.default_rng(3)
    off_axis = {
        name: draw.normal(size=rows.shape) * (np.arange(rows.shape[1]) > 0)
        for name, rows in data.evidence.vectors.items()
    }
    strange = {name: unit_rows(rows.astype(np.float32)) for name, rows in off_axis.items()}
    unlike = replace(data, evidence=replace(data.evidence, vectors=strange))
    said, before = (judge(load(), unlike, each) for each in (taught, shipped_set("lite")))
    assert [each.probability for each in said] == pytest.approx([each.probability for each in before])
    votes = [vote for vote in one_by_one(load(), unlike, taught) if vote.voter == "learned"]
    assert {(vote.probability, vote.reason) for vote in votes} == {(None, "unlike all of the 96 labelled pictures")}


def test_sets_are_judged_in_company_as_runs_judge(load, store):
    give(store, publish(load(), store, {f"/in/{number}.pdf": 40 for number in range(4)}, shift=40.0))
    data = labelled_in_store(store, encoder_digests(load()))
    model_set = shipped_set("lite")
    votes = one_by_one(load(), data, model_set)
    company = {vote.sha256: vote.probability for vote in in_company(load(), data, votes, model_set.calibration)}
    said = {verdict.sha256: verdict.probability for verdict in judge(load(), data, model_set)}
    assert said == pytest.approx(company)
    assert len({round(probability, 6) for probability in said.values()}) < len(data)  # some are in the same company


def test_a_set_that_stayed_out_of_use_is_not_fitted_again_from_the_same_labels(load, store):
    give(store, publish(load(), store, SOURCES))
    first = do_refit(load())
    again = do_refit(load(), "2026-12-31")
    assert (again["model_set"], again["is_not_worse"]) == ("", False)
    assert f"since {first['model_set']}, which stayed out of use," in again["sentence"]


def test_a_refit_on_refitted_labels_builds_on_what_no_label_has_touched(load, store):
    labels = publish(load(), store, SOURCES)
    give(store, dict(list(labels.items())[:72]))
    promote_model_set(load(), do_refit(load())["model_set"], store)
    give(store, labels)
    second = do_refit(load())
    again = current(Volume(load().volume), "lite")
    promote_model_set(load(), second["model_set"], store)
    alone = roll_back(load(), store).model_set
    assert alone == again
    roll_back(load(), store)
    from_shipped = do_refit(load())
    both = [promote_model_set(load(), each["model_set"], None) for each in (second, from_shipped)]
    assert both[0].calibration == both[1].calibration
    assert both[0].pins["learned.safetensors"] == both[1].pins["learned.safetensors"]


def test_a_set_that_is_worse_stays_out_of_use_and_one_that_is_not_goes_in_unless_a_person_is_asked(load, store):
    labels = publish(load(), store, SOURCES)
    give(store, labels)
    many, volume = do_refit(load()), Volume(load().volume)
    assert "promote" in promote_fitted(load(refit_promotion="ask"), many, store)
    assert current(volume, "lite").digest == shipped_set("lite").digest
    assert "is in use" in promote_fitted(load(), many, store)
    assert current(volume, "lite").digest == many["model_set"]

    give(store, dict.fromkeys(list(labels)[24:], "unsure"))
    few = do_refit(load())
    assert few["new"]["balanced_accuracy"] < few["current"]["balanced_accuracy"]
    assert few["new"]["log_loss"] > few["current"]["log_loss"]
    assert "it is worse and stays out of use" in few["sentence"]
    promote_fitted(load(), few, store)
    assert current(volume, "lite").digest == many["model_set"]


def test_few_labels_leave_the_voter_learned_silent(load, store):
    labels = publish(load(), store, SOURCES)
    give(store, dict(list(labels.items())[:24]))
    summary = do_refit(load())
    assert summary["is_learning"] is False
    model_set = promote_model_set(load(), summary["model_set"], store)
    assert model_set.learned() is None
    assert "silent: too few labels" in model_set.card.read_text()


def test_enough_stored_pictures_make_new_centres(load, store):
    give(store, publish(load(), store, SOURCES))
    summary = do_refit(load(cluster_count=3))
    assert summary["pictures"] == 96
    model_set = promote_model_set(load(), summary["model_set"], store)
    assert {len(clusters.size) for clusters in model_set.clusters().values()} == {3}


def test_what_a_set_said_of_its_own_labels_while_they_were_held_back_is_what_counts(load, store):
    give(store, publish(load(), store, SOURCES))
    model_set = promote_model_set(load(), do_refit(load())["model_set"], store)
    known = model_set.held_back()
    assert HELD_BACK in model_set.pins
    assert {type(row) for row in known.values()} == {HeldBack}
    right = np.mean([(row.probability >= 0.5) == row.is_medical for row in known.values()])
    assert 0.5 < right <= 1


def test_a_calibration_error_that_is_not_defined_is_none_and_not_the_best_there_is():
    figures = {"balanced_accuracy": 0.9, "log_loss": 0.3}
    told = {"new": figures | {"ece": None}, "current": figures | {"ece": 0.0}, "labels": 0, "medical": 0, "groups": 0}
    told |= {"folds": 0, "compared": 0, "pictures": 0, "is_learning": False, "date": DATE, "previous": ""}
    told["kinds"] = {"labels": 0, "new": 0.0, "current": 0.0}
    assert "| calibration error (ECE) | not defined | 0.0000 |" in card_of("lite", told)


def test_figures_of_probabilities_that_say_what_is_have_a_calibration_error_of_0():
    is_medical = np.array([True, False])
    assert figures_of(np.array([1.0, 0.0]), is_medical)["ece"] == 0.0
    assert figures_of(np.array([0.8, 0.2]), is_medical)["ece"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"balanced_accuracy": 0.9, "log_loss": 0.3}, True),
        ({"balanced_accuracy": 0.95, "log_loss": 0.2}, True),
        ({"balanced_accuracy": 0.89, "log_loss": 0.2}, False),
        ({"balanced_accuracy": 0.95, "log_loss": 0.31}, False),
        ({"balanced_accuracy": 0.9, "log_loss": 0.30000002}, True),
    ],
)
def test_not_worse_means_neither_less_right_nor_further_from_the_truth(new, expected):
    assert is_not_worse(new, {"balanced_accuracy": 0.9, "log_loss": 0.3}) is expected
