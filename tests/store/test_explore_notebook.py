"""docs/explore.ipynb: runs from its first cell to its last as the read-only role, on an empty database too."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from medsift.store import LabelRow

pytestmark = pytest.mark.postgres
NOTEBOOK = Path(__file__).parents[2] / "docs" / "explore.ipynb"


@pytest.fixture
def executed(database, monkeypatch):
    monkeypatch.setenv("MEDSIFT_DATABASE_URL", database.reader)

    def execute():
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
        return [_text(cell) for cell in notebook.cells if cell.cell_type == "code"]

    return execute


def _text(cell):
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


def test_it_shows_what_is_stored_and_how_the_model_does_against_people(store, make_batch, identity, executed):
    make_batch("run-1", {"/in/a.pdf": [1, 2, 3], "/in/b.pdf": [3]}, model_set="set-1", probability=0.9).publish(store)
    store.set_current_model_set("set-1")
    said = {1: "non-medical", 2: "non-medical", 3: "medical"}  # the model has 1 and 3 medical, 2 not
    store.add_labels([LabelRow(identity(number), label, "vera") for number, label in said.items()])
    shown = executed()
    assert any("/in/a.pdf" in text for text in shown)
    (figures,) = [text for text in shown if "balanced_accuracy" in text and "accuracy_at_85" in text]
    assert "0.75" in figures.partition("balanced_accuracy")[2].splitlines()[0]
    assert any(identity(1)[:12] in text and "non-medical" in text for text in shown)
    assert any("run-1" in text for text in shown)


def test_an_empty_database_costs_no_error(store, executed):
    assert any("labelled pictures" in text for text in executed())


def test_it_is_kept_without_outputs():
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert not any(cell.outputs or cell.execution_count for cell in cells)
