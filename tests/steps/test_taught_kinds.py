"""People name kinds, such as have no prompt too: pictures like these are named so, also in sources nobody labelled."""

from dataclasses import replace

import numpy as np
import pytest

from medsift.evaluation.manifest import ManifestRow
from medsift.modelsets import shipped_set
from medsift.steps import local_context, refit
from medsift.steps.context import Context
from medsift.steps.fit_labels_file import fit_labels_file
from medsift.steps.labelled import labelled_in_store
from medsift.steps.profile import current_model_set, encoder_digests
from medsift.steps.use_model_set import promote_fitted, promote_model_set, roll_back
from medsift.store import LabelRow
from medsift.volume import Volume

DATE = "2026-03-01"
LOOKS = {"medical": "ring scan", "non-medical": "Stripes"}
SMALL = {name.lower() for name in LOOKS.values()}


def do_refit(settings):
    with Context.opened(settings, "refit") as context:
        return refit.run(context, DATE)


def kinds(document):
    """The kind of each file of a run."""
    return {place["path"]: picture["kind"] for picture in document["pictures"] for place in picture["occurrences"]}


@pytest.mark.postgres
def test_kinds_that_people_named_are_named_in_sources_nobody_labelled_until_rolled_back(
    load, do_run, draw_source, store
):
    inbox = Volume(load().volume).inbox
    of_source = [draw_source(inbox / f"source-{number}", number, 12) for number in range(7)]
    truth = {path: label for labels in of_source for path, label in labels.items()}
    labelled = [path for labels in of_source[:5] for path in labels]
    before = do_run("before")
    identity = {place["path"]: picture["sha256"] for picture in before["pictures"] for place in picture["occurrences"]}
    labels = [LabelRow(identity[path], truth[path], "anna", LOOKS[truth[path]]) for path in labelled]
    store.add_labels(labels)

    summary = do_refit(load())
    assert summary["kinds"]["new"] > 0.8
    assert summary["kinds"]["current"] == 0
    assert f"Of {summary['kinds']['labels']} pictures whose kind people named it names so" in summary["sentence"]
    model_set = promote_model_set(load(), summary["model_set"], store)
    assert (
        f"| of {summary['kinds']['labels']} pictures whose kind people named, named so |" in model_set.card.read_text()
    )
    after = kinds(do_run("after"))
    unlabelled = truth.keys() - set(labelled)
    assert np.mean([after[path] == LOOKS[truth[path]].lower() for path in unlabelled]) > 0.8

    assert "no label is new" in do_refit(load())["sentence"]
    store.add_labels([replace(labels[0], kind="phantom")])
    promote_model_set(load(), do_refit(load())["model_set"], store)
    # Now it knows by heart that this one is a phantom; while it was held back it could not.
    with Context.opened(load(), "refit") as context:
        data = labelled_in_store(store, encoder_digests(load()))
        said, _ = refit.held_back_by_set(context, current_model_set(load()), data)
    row = data.sha256s.index(labels[0].sha256)
    assert (data.kinds[row], said.kinds[row]) == ("phantom", "ring scan")
    roll_back(load(), store)
    roll_back(load(), store)
    assert kinds(do_run("again")) == kinds(before)
    assert not set(kinds(before).values()) & SMALL


def fitted_on_atlases(settings, folder, draw_source, kind_of):
    """The summary of a fit on four sources that a file of labels tells, each label with its kind."""
    rows = [
        ManifestRow(path.removeprefix(f"{folder}/"), label, kind_of.get(label, ""), source=f"atlas {number}")
        for number in range(4)
        for path, label in draw_source(folder / f"part-{number}", number, 12).items()
    ]
    with local_context(settings, ["fit"]) as context:
        return fit_labels_file(context, rows, folder, DATE)


def test_kinds_of_a_file_of_labels_are_taught_too(plain_settings, tmp_path, draw_source):
    summary = fitted_on_atlases(plain_settings, tmp_path, draw_source, LOOKS)
    assert summary["kinds"]["labels"] == 48
    promote_fitted(plain_settings, summary, None)
    assert {name for name, _ in current_model_set(plain_settings).examples().kinds} == SMALL


def test_labels_that_name_no_kind_leave_kinds_as_they_were(plain_settings, tmp_path, draw_source):
    summary = fitted_on_atlases(plain_settings, tmp_path, draw_source, {})
    promote_fitted(plain_settings, summary, None)
    assert current_model_set(plain_settings).examples() is None
    assert current_model_set(plain_settings).digest != shipped_set("lite").digest
    assert "whose kind people named" not in summary["sentence"]
