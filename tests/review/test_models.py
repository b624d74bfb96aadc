"""Model sets and figures: told to all, changed by administrators; nothing of torch in the server."""

import subprocess
import sys

import pytest

from medsift.modelsets import CARD, Calibration, save
from medsift.modelsets.in_use import keep, known_sets
from tests.review.made import Made, identity

pytestmark = pytest.mark.postgres


def test_figures_are_those_of_the_labels(bench, anna):
    bench.publish(Made(1, 0.9), Made(2, 0.9), Made(3, 0.2), Made(4, 0.6))
    labels = [
        {"sha256": identity(number), "label": label}
        for number, label in ((1, "medical"), (2, "non-medical"), (3, "non-medical"), (4, "unsure"))
    ]
    anna.post("/api/v1/labels", json={"labels": labels})
    told = anna.get("/api/v1/metrics").json()
    assert (told["n"], told["right"], told["missed_medical"], told["false_medical"]) == (3, 2, 0, 1)
    assert told["balanced_accuracy"] == pytest.approx((1 + 0.5) / 2)
    assert sum(bin["n"] for bin in told["reliability"]) == 3


def test_the_shipped_set_is_in_use_and_has_nothing_before_it(bench, anna):
    shipped = known_sets(bench.volume)[0]
    sets = anna.get("/api/v1/models").json()
    assert [(each["digest"], each["is_used"]) for each in sets if each["profile"] == "lite"] == [(shipped.digest, True)]
    answer = bench.client("root:ADMINISTER").post("/api/v1/models/rollback")
    assert answer.status_code == 422
    assert "first" in answer.json()["detail"]


def test_an_administrator_puts_a_set_into_use_in_the_database_too(bench):
    shipped = known_sets(bench.volume)[0]
    root = bench.client("root:ADMINISTER")
    assert root.post(f"/api/v1/models/{shipped.digest[:12]}/promote").json()["digest"] == shipped.digest
    assert bench.store.current_model_set() is not None
    assert root.post("/api/v1/models/abcdef/promote").status_code == 422


def kept_set(bench, temperature):
    """A set on the volume that is not in use."""
    built = bench.volume.model_sets / ".built"
    built.mkdir(parents=True)
    (built / CARD).write_text(f"temperature {temperature}")
    save(
        built, name="t", profile="lite", encoders={}, prompt_set="", spaces=(), calibration=Calibration({}, temperature)
    )
    return keep(bench.volume, built).digest


def test_roll_back_leads_to_what_was_in_use_before_and_the_page_says_to_which(bench):
    shipped = known_sets(bench.volume)[0].digest
    first, second = kept_set(bench, 2.0), kept_set(bench, 3.0)
    root = bench.client("root:ADMINISTER")
    for digest in (first, second):
        root.post(f"/api/v1/models/{digest}/promote")
    leads_to = {each["digest"]: each["rolls_back_to"] for each in root.get("/api/v1/models").json()}
    assert leads_to == {shipped: "", first: "", second: first}
    assert f"Roll back to {first[:12]}" in root.get("/metrics").text
    for expected in (first, shipped):
        assert root.post("/api/v1/models/rollback").json()["digest"] == expected
    assert "Roll back" not in root.get("/metrics").text


def test_all_of_it_never_imports_torch(database, tmp_path):
    code = f"""
import sys
from fastapi.testclient import TestClient
from medsift.review import Right, User, create_app
from medsift.settings import Settings
from medsift.store import Store
from medsift.topology.airflow_runs import AirflowRuns

async def root(request):
    return User("root", Right.ADMINISTER)

settings = Settings.load({{"volume": {str(tmp_path)!r}}}, {{}})
app = create_app(Store.open({database.task!r}), AirflowRuns("http://127.0.0.1:9", ""), root, print, settings)
client = TestClient(app, headers={{"authorization": "Bearer x"}}, raise_server_exceptions=False)
for path in ("review", "results", "submit", "export", "metrics", "api/v1/queue", "api/v1/models"):
    assert client.get("/" + path).status_code == 200, path
digest = client.get("/api/v1/models").json()[-1]["digest"]
assert client.post(f"/api/v1/models/{{digest}}/promote").status_code == 200
heavy = {{"torch", "torchvision", "openvino", "transformers", "timm", "open_clip"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
