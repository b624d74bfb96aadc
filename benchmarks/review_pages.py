"""How long pages of the Review app take with many pictures in Postgres, and a key until the next picture shows.

Usage: PYTHONPATH=. python benchmarks/review_pages.py [--pictures 100000] [--no-browser] [--json F]
It starts a PostgreSQL of its own in a temporary folder and removes it afterwards. Pages are asked for 20 times each, as
the server makes them, rendered; the key is pressed 200 times in Debian's Chromium.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from machine import machine
from own_postgres import new_store

from medsift.contracts import Occurrence, SourceOutcome, Verdict, Vote
from medsift.encoders import unit_rows
from medsift.review import Right, User, create_app
from medsift.settings import Settings
from medsift.store import EncodedVectors, RunRecord, Store
from medsift.topology.airflow_runs import AirflowRuns
from medsift.volume import Volume
from tests.review.browsing import Visitors, chromium, served
from tests.review.made import BEGAN, MODEL_SET, PROMPTS, Made, identity, picture_row, png

SHARD, SOURCES, TIMES, KEYS, SHOWN = 4096, 400, 20, 200, 400
CLUSTERS, ENCODER, WIDTH = 64, "encoder-1", 256  # as wide as the vectors of profile lite that the search compares
KINDS = ("xray", "ct", "mri", "ultrasound", "plot", "photo", "diagram", "table")
PAGES = {
    "results, all": "/results",
    "results, medical X-rays, least sure first": "/results?label=medical&kind=xray&sort=least_sure",
    "results, words in captions": "/results?words=tumour+section",
    "results, voters disagree, of one source": "/results?disputed=true&source=/in/7.pdf",
    "results, the next page": "/results/more?sort=surest&after=0.9~" + "8" * 64,
    "results, sources counted": "/results/sources",
    "a picture": "/picture/{first}",
    "a picture, more like it": "/picture/{first}/similar",
    "review, the page": "/review",
    "review, the queue": "/api/v1/queue",
    "export, the page": "/export?label=medical",
    "metrics": "/metrics",
    "REST: pictures": "/api/v1/pictures?limit=100",
    "REST: totals": "/api/v1/totals",
}


def main() -> None:
    """Measure and print one line a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    with new_store() as (store, folder):
        result = {"machine": machine(), "pictures": wanted.pictures, "filled_s": filled(store, wanted.pictures)}
        settings = Settings.load({"volume": str(folder / "volume")}, {})
        app = create_app(store, AirflowRuns("http://127.0.0.1:9", ""), reviewer, lambda _user, _count: None, settings)
        result["pages_ms"] = page_times(app)
        if not wanted.no_browser:
            result["key_to_next_ms"] = key_times(app, store, Volume(settings.volume))
        print(json.dumps(result, indent=1))
        if wanted.json:
            wanted.json.write_text(json.dumps(result, indent=1))


async def reviewer(_request: Request) -> User:
    """One who may label."""
    return User("anna", Right.LABEL)


def filled(store: Store, count: int) -> float:
    """Publish so many made-up pictures of 400 sources, as runs do, and build the search index; seconds."""
    begun, random = time.perf_counter(), np.random.default_rng(0)
    centres = random.normal(size=(CLUSTERS, WIDTH))
    store.begin_run(RunRecord("many", BEGAN, "lite", MODEL_SET, PROMPTS))
    words = ["tumour", "section", *(f"word{number}" for number in range(3000))]
    often = 1 / np.arange(10, len(words) + 10)
    occurrences: dict[str, list[Occurrence]] = {}
    for start in range(0, count, SHARD):
        numbers = range(start + 1, min(count, start + SHARD) + 1)
        p = random.beta(0.4, 0.4, len(numbers))
        rows = [
            Made(
                number,
                float(p[at]),
                int(random.integers(CLUSTERS)),
                f"/in/{number % SOURCES}.pdf",
                kind=KINDS[number % 8],
            )
            for at, number in enumerate(numbers)
        ]
        near = centres[[row.cluster for row in rows]] + random.normal(size=(len(rows), WIDTH))
        vectors = EncodedVectors("lite", ENCODER, [row.sha256 for row in rows], unit_rows(near.astype(np.float32)))
        pictures = [picture_row(row) for row in rows]
        store.publish_pictures("many", pictures, [vectors], *judged(rows, random), MODEL_SET, PROMPTS)
        for row in rows:
            caption = " ".join(random.choice(words, 12, p=often / often.sum()))
            of_source = occurrences.setdefault(row.source, [])
            of_source.append(
                Occurrence(row.source, "pdf", len(of_source), "kept", sha256=row.sha256, page=1, caption=caption)
            )
    store.set_current_model_set(MODEL_SET)
    for source, placed in occurrences.items():
        outcome = SourceOutcome(source, "pdf", "done", found=len(placed), digest=identity(0))
        store.publish_sources("many", [outcome], placed, "code")
    store.build_search_index(ENCODER)
    return round(time.perf_counter() - begun, 1)


def judged(rows: list[Made], random: np.random.Generator) -> tuple[list[Vote], list[Verdict]]:
    """Two votes a picture, and its verdict."""
    votes = [
        Vote(row.sha256, voter, float(np.clip(row.probability + random.normal(0, 0.1), 0, 1)), cluster=cluster)
        for row in rows
        for voter, cluster in (("clusters", row.cluster), ("zero_shot", None))
    ]
    verdicts = [
        Verdict(row.sha256, row.verdict, row.probability, max(row.probability, 1 - row.probability), row.kind,  # type: ignore[arg-type]
                1.0 if row.number % 5 else 0.5, row.number % 9 == 0, "")
        for row in rows
    ]  # fmt: skip
    return votes, verdicts


def page_times(app: FastAPI) -> dict[str, dict[str, float]]:
    """First, median and longest of some answers of each page, in milliseconds."""
    client, found = TestClient(app), {}
    for name, path in PAGES.items():
        took = []
        for _ in range(TIMES):
            begun = time.perf_counter()
            answer = client.get(path.format(first=identity(1)))
            took.append(1000 * (time.perf_counter() - begun))
            answer.raise_for_status()
        found[name] = {
            "first": round(took[0]),
            "median": round(float(np.median(took))),
            "longest": round(max(took[1:])),
        }
        print(f"{name:44} {found[name]}")
    return found


def key_times(app: FastAPI, store: Store, volume: Volume) -> dict[str, float]:
    """From a key until the next picture is decoded, in milliseconds; the queue's first pictures get real files."""
    for row in store.review_queue(SHOWN):
        volume.put(volume.picture(row.sha256, "png"), png(int(row.sha256[:6], 16), 1200))
        volume.put(volume.thumbnail(row.sha256), png(int(row.sha256[:6], 16)))
    with served(app) as address, chromium() as browser:
        page = Visitors(browser, address).visit("/review")
        page.wait_for_selector("body[data-ready]")
        page.wait_for_timeout(1000)
        took = [page.evaluate(PRESS, "mn"[number % 2]) for number in range(KEYS)]
    return {"median": round(float(np.median(took))), "p95": round(float(np.percentile(took, 95)))}


PRESS = """async (key) => {
  const before = document.body.dataset.shown, begun = performance.now();
  document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  while (document.body.dataset.shown === before) await new Promise((done) => setTimeout(done, 1));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  const took = performance.now() - begun;
  await new Promise((done) => setTimeout(done, 300));
  return took;
}"""


if __name__ == "__main__":
    main()
