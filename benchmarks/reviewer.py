"""In how many actions a reviewer who follows the queue settles pictures whose labels are known, in a real browser.

Usage: PYTHONPATH=. python benchmarks/reviewer.py PREDICTIONS.csv [--pictures 1000] [--seed 0] [--json F]

PREDICTIONS.csv is what `medsift evaluate` or tools/train_alignment.py wrote: what was said of pictures, by votes and
verdicts, and what they are. So many of them, drawn by chance, are published to a PostgreSQL of its own. The reviewer
sees the Review page in Debian's Chromium: on each sheet the pictures that the model has wrong are clicked and labelled
by key, then one key says of the rest that the model is right. Every click and every key is an action. At the end all
labels are compared with what the pictures are.
"""

import argparse
import csv
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from own_postgres import new_store
from playwright.sync_api import Page
from review_pages import reviewer

from medsift.contracts import Picture, Verdict, Vote
from medsift.review import create_app
from medsift.settings import Settings
from medsift.store import RunRecord, Store
from medsift.topology.airflow_runs import AirflowRuns
from medsift.volume import Volume
from tests.review.browsing import Visitors, chromium, served
from tests.review.made import BEGAN, MODEL_SET, PROMPTS, png

GOAL = 150
KEYS = {"medical": "m", "non-medical": "n"}
OPEN = """() => [...document.querySelectorAll("#sheet .tile:not([data-said])")].map((tile) => tile.dataset.sha256)"""
IS_QUIET = """() => document.body.getAttribute("aria-busy") === "false"
  && (document.querySelectorAll("#sheet .tile:not([data-said])").length
    || document.getElementById("set-about").textContent === "Nothing more waits.")"""


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    rows = drawn(wanted.predictions, wanted.pictures, wanted.seed)
    with new_store() as (store, folder):
        settings = Settings.load({"volume": str(folder / "volume")}, {})
        published(store, Volume(settings.volume), rows)
        app = create_app(store, AirflowRuns("http://127.0.0.1:9", ""), reviewer, lambda _user, _count: None, settings)
        with served(app) as address, chromium() as browser:
            page = Visitors(browser, address).visit("/review")
            page.wait_for_selector("body[data-ready]")
            begun = time.perf_counter()
            actions = settled(page, rows)
            seconds = time.perf_counter() - begun
        said = {sha256: label.label for sha256, label in store.newest_labels().items()}
    wrong = sum(row["verdict"] != row["label"] for row in rows.values())
    right = sum(said.get(sha256) == row["label"] for sha256, row in rows.items())
    result = {"machine": machine(), "pictures": len(rows), "model_wrong": wrong, "labelled_right": right,
              "actions": actions, "seconds": round(seconds, 1), "goal": GOAL, "is_met": actions <= GOAL}  # fmt: skip
    print(f"{len(rows)} pictures, {wrong} of which the model has wrong, settled in {actions} actions (goal {GOAL}): "
          f"{right} labels are right; {seconds:.0f} s for the browser")  # fmt: skip
    if wanted.json:
        wanted.json.write_text(json.dumps(result, indent=1) + "\n")


def drawn(predictions: Path, count: int, seed: int) -> dict[str, dict[str, str]]:
    """Rows of pictures that have a verdict, by an identity of the file's name."""
    with predictions.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["state"] == "kept" and row["probability"]]
    chosen = np.random.default_rng(seed).permutation(len(rows))[:count]
    return {hashlib.sha256(rows[at]["file"].encode()).hexdigest(): rows[at] for at in chosen}


def published(store: Store, volume: Volume, rows: dict[str, dict[str, str]]) -> None:
    """The rows as a run leaves them, with drawn pictures for files: the reviewer knows them by their identity."""
    store.begin_run(RunRecord("predicted", BEGAN, "lite", MODEL_SET, PROMPTS))
    pictures, votes, verdicts = [], list[Vote](), []
    for number, (sha256, row) in enumerate(rows.items()):
        data = png(number)
        volume.put(volume.picture(sha256, "png"), data)
        volume.put(volume.thumbnail(sha256), data)
        stored = hashlib.sha256(data).hexdigest()
        pictures.append(Picture(sha256, 240, 180, "png", stored, len(data), f"{number:016x}", None))
        voted = {name: float(p) for name, p in voters(row).items()}
        votes += [Vote(sha256, name, p, cluster=0 if name == "clusters" else None) for name, p in voted.items()]
        is_medical = row["verdict"] == "medical"
        agreement = float(np.mean([(p >= 0.5) == is_medical for p in voted.values()]))
        verdicts.append(verdict(sha256, row, agreement))
    store.publish_pictures("predicted", pictures, [], votes, verdicts, MODEL_SET, PROMPTS)
    store.set_current_model_set(MODEL_SET)


def voters(row: dict[str, str]) -> dict[str, str]:
    """What each voter that did not abstain said."""
    return {name.removeprefix("vote_"): said for name, said in row.items() if name.startswith("vote_") and said}


def verdict(sha256: str, row: dict[str, Any], agreement: float) -> Verdict:
    """The verdict as the row has it."""
    probability, confidence = float(row["probability"]), float(row["confidence"])
    needs_review = row["needs_review"] == "true"
    return Verdict(sha256, row["verdict"], probability, confidence, row["predicted_kind"], agreement, needs_review, "")


def settled(page: Page, rows: dict[str, dict[str, str]]) -> int:
    """Label until the queue is empty; how many actions that took."""
    actions = 0
    while shown := page.evaluate(OPEN):
        for sha256 in shown:
            if (row := rows[sha256])["verdict"] != row["label"]:
                page.locator(f".tile[data-sha256='{sha256}']").click()
                page.keyboard.press(KEYS[row["label"]])
                actions += 2
        if page.evaluate(OPEN):
            page.keyboard.press("y")
            actions += 1
        page.wait_for_function(IS_QUIET, timeout=30_000)
    return actions


if __name__ == "__main__":
    main()
