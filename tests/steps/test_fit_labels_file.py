"""A set of a file of labels: no database is needed."""

import pytest

from medsift.errors import NothingDoneError, UsageError
from medsift.evaluation.manifest import ManifestRow
from medsift.modelsets import shipped_set
from medsift.steps import local_context
from medsift.steps.fit_labels_file import fit_labels_file
from medsift.steps.profile import current_model_set
from medsift.steps.use_model_set import promote_fitted, roll_back


def fitted(settings, rows, root):
    with local_context(settings, [f"fit {root} {len(rows)}"]) as context:
        return fit_labels_file(context, rows, root, "2026-03-01")


@pytest.fixture
def rows(tmp_path, draw_source):
    """Twelve pictures of each of six sources, whose names only the file of labels tells."""
    return [
        ManifestRow(path.removeprefix(f"{tmp_path}/"), label, source=f"atlas {number}")
        for number in range(6)
        for path, label in draw_source(tmp_path / "all" / f"part-{number}", number, 12).items()
    ]


def test_labels_of_a_file_fit_a_set_that_knows_how_good_it_is(plain_settings, rows, tmp_path):
    gone = ManifestRow("all/gone.png", "medical", source="atlas 0")
    summary = fitted(plain_settings, [*rows, gone], tmp_path)
    assert (summary["labels"], summary["medical"], summary["groups"]) == (72, 36, 6)
    assert summary["new"]["balanced_accuracy"] > summary["current"]["balanced_accuracy"]
    told = promote_fitted(plain_settings, summary, None)
    model_set = current_model_set(plain_settings)
    assert model_set.digest in told
    assert model_set.learned().labels == 72
    assert roll_back(plain_settings, None).digest == shipped_set("lite").digest


def test_labels_that_allow_no_fit_are_a_sentence_and_leave_nothing(plain_settings, rows, tmp_path):
    few = rows[:12]
    with pytest.raises(NothingDoneError, match="6 embedded pictures are labelled medical and 6 non-medical"):
        fitted(plain_settings, few, tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        fitted(plain_settings, few, tmp_path / few[0].file)
    assert not (plain_settings.volume / "modelsets").exists()
