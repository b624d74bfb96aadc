"""How time and memory of cluster, score, ensemble and publish grow with the pictures of a run.

    python benchmarks/growth.py [--sizes 1000,10000,100000] [--with-report] [--json F]

For each size it makes a run as the steps before `shard` leave it (papers of ten pictures, a tenth of them twice, drawn
vectors of unit length in place of `embed`'s), runs the true step `shard`, and then each step in a process of its own,
against a PostgreSQL of its own in a temporary folder. Nothing is decoded and no network is loaded.

- `publish` is of pictures whose vectors are stored already: verdicts with votes, pictures, sources and occurrences.
- `publish all` is of a run whose vectors are new: two encoders, 256 and 1280 floats a picture; `search index` is
  pgvector's HNSW over them, built at its end. Both up to 100,000 pictures.
- Apart from both: how many verdicts with their votes, and how many rows of 512 floats, go into the store a second.

Seconds are those of the step without imports and start; memory is the most that its process ever held (ru_maxrss),
without PostgreSQL's. The exponent is the slope of log seconds over log pictures from 10,000 pictures on.
"""

import argparse
import importlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from medsift.contracts import Leaf, Occurrence, Picture, SourceOutcome, Verdict, Vote
from medsift.settings import Settings
from medsift.steps import Context, plan, shard
from medsift.steps.profile import current_profile, prompted
from medsift.steps.resources import peak_memory_mb
from medsift.steps.tables import read_rows, write_rows, write_vectors
from medsift.store import EncodedVectors, RunRecord, Store, migrate
from medsift.topology.postgres import EmbeddedPostgres, Urls
from medsift.volume import Volume

RUN = "growth"
STEPS = ("cluster", "score", "ensemble", "publish")
UNJUDGED = ("search index", "report")  # measured, but no goal is set for them
PICTURES_A_SOURCE = 10
SOURCES_A_BATCH = 1000
MOST_WITH_VECTORS = 100_000  # two encoders' vectors of a million pictures are 6 GB, and as much again in Postgres
FIXED_COSTS_END = 10_000
APART_ROWS, APART_WIDTH, SHARD = 40_960, 512, 4096
GOALS = {"exponent": 1.1, "peak_mb": 2000, "verdicts_per_second": 20_000, "vectors_per_second": 10_000}


def main() -> None:
    """Measure, print, and write JSON where asked; with `--step`, be the process that is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000", help="pictures of each run")
    parser.add_argument("--with-report", action="store_true", help="measure the step report as well")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.step:
        print(json.dumps(measured(wanted.step[0], Path(wanted.step[1]))))
        return
    sizes = sorted(int(size) for size in wanted.sizes.split(","))
    rows = [row for size in sizes for row in rows_of_size(size, wanted.with_report)]
    apart = measured_apart()
    document = {"machine": machine(), "steps": rows, **apart, "exponents": exponents(rows)}
    document["goals"] = goals(document)
    show(document)
    if wanted.json:
        wanted.json.write_text(json.dumps(document, indent=1) + "\n")


def rows_of_size(size: int, with_report: bool) -> Iterator[dict[str, Any]]:
    """Each step over a made run of so many pictures: {step, pictures, seconds, peak_mb}."""
    with tempfile.TemporaryDirectory(prefix="medsift-growth-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "size").write_text(str(size))
        in_child("make", folder)
        embedded, aside = Volume(folder / "var").run(RUN) / "embed", folder / "embed"
        for step in STEPS[:-1]:
            yield {"step": step, "pictures": size, **in_child(step, folder)}
        embedded.rename(aside)
        with server(folder):
            found = in_child("publish", folder)
            yield {"step": "publish", "pictures": size, "seconds": found["seconds"], "peak_mb": found["peak_mb"]}
        aside.rename(embedded)
        if size <= MOST_WITH_VECTORS:
            with server(folder):
                found = in_child("publish", folder)
            index_s = found.pop("index_s")
            yield {"step": "publish all", "pictures": size, **found, "seconds": found["seconds"] - index_s}
            yield {"step": "search index", "pictures": size, "seconds": index_s, "peak_mb": found["peak_mb"]}
        if with_report:
            yield {"step": "report", "pictures": size, **in_child("report", folder)}


def in_child(step: str, folder: Path) -> dict[str, float]:
    """What a process of its own measured of a step."""
    command = [sys.executable, __file__, "--step", step, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    print(f"  {(folder / 'size').read_text():>9} {step:<12} {found['seconds']:8.2f} s {found['peak_mb']:8.0f} MB")
    return found


class TimedStore(Store):
    """Tells how long building search indexes took."""

    index_s = 0.0

    def build_search_index(self, encoder_digest: str) -> bool:
        began = time.perf_counter()
        built = super().build_search_index(encoder_digest)
        self.index_s += time.perf_counter() - began
        return built


def measured(step: str, folder: Path) -> dict[str, float]:
    """Run a step in this process; seconds and the most memory that was held."""
    url = folder / "database_url"
    settings = Settings.load({"volume": str(folder / "var")}, {})
    store = TimedStore.open(url.read_text()) if step == "publish" else None
    context = Context(RUN, settings, Volume(settings.volume), store)
    if store or step == "make":
        plan.begin(context, "cli")  # names the run, in the database too
    began = time.perf_counter()
    if step == "make":
        make_run(context, int((folder / "size").read_text()))
    else:
        importlib.import_module(f"medsift.steps.{step}").run(context)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak_mb": peak_memory_mb(), **({"index_s": store.index_s} if store else {})}


@contextmanager
def server(folder: Path) -> Iterator[Urls]:
    """A migrated, empty PostgreSQL; its address lies in `database_url` while it is there."""
    postgres = EmbeddedPostgres(folder / "postgres")
    try:
        urls = postgres.ensure_running()
        migrate(urls.owner)
        (folder / "database_url").write_text(urls.task)
        yield urls
    finally:
        (folder / "database_url").unlink(missing_ok=True)
        postgres.remove()


def make_run(context: Context, size: int) -> None:
    """The tables of a run of `size` pictures up to `shard`, the shards by the step itself, and vectors for them."""
    prompted(context.settings)  # as `embed` does: the prompts' vectors are kept on the volume
    sources = math.ceil(size / PICTURES_A_SOURCE)
    batches = {f"{n:04d}": range(start, min(start + SOURCES_A_BATCH, sources))
               for n, start in enumerate(range(0, sources, SOURCES_A_BATCH))}  # fmt: skip
    leaves = [Leaf(source_name(n), "pdf", batch) for batch, numbers in batches.items() for n in numbers]
    write_rows(context.volume.table(RUN, "plan", "leaves"), Leaf, leaves)
    for batch, numbers in batches.items():
        make_batch(context, batch, numbers, size)
    cut = shard.run(context, list(batches))["shards"]
    for entry in cut:
        members = read_rows(context.volume.table(RUN, "shard", f"{entry['shard']}.pictures"), Picture)
        for encoder in current_profile(context.settings).encoders:
            path = context.volume.table(RUN, "embed", f"{entry['shard']}.{encoder.name}")
            drawn = drawn_vectors(int(entry["shard"]), len(members), encoder.dimension)
            write_vectors(path, [picture.sha256 for picture in members], drawn)


def make_batch(context: Context, batch: str, numbers: range, size: int) -> None:
    """What `extract` and `preprocess` leave of a batch of papers; a tenth of the pictures stand in two places."""
    pictures: list[Picture] = []
    places: list[Occurrence] = []
    for number in numbers:
        mine = range(number * PICTURES_A_SOURCE, min(size, (number + 1) * PICTURES_A_SOURCE))
        again = [mine.start // 2] if mine.start else []
        for ordinal, picture in enumerate([*mine, *again]):
            places.append(made_occurrence(number, ordinal, picture))
        rejected = "It is 10 pixels wide."
        places.append(Occurrence(source_name(number), "pdf", len(mine) + len(again), "rejected", rejected, page=1))
        pictures += map(made_picture, mine)
    outcomes = [SourceOutcome(source_name(n), "pdf", "done", digest=identity(f"paper {n}"), pages=9) for n in numbers]
    write_rows(context.volume.table(RUN, "extract", f"{batch}.sources"), SourceOutcome, outcomes)
    write_rows(context.volume.table(RUN, "preprocess", f"{batch}.occurrences"), Occurrence, places)
    write_rows(context.volume.table(RUN, "preprocess", f"{batch}.pictures"), Picture, pictures)


def made_occurrence(source: int, ordinal: int, picture: int) -> Occurrence:
    """A picture with a caption and words around it; one in twenty has a tag."""
    return Occurrence(
        source_name(source), "pdf", ordinal, "kept", sha256=identity(picture), page=1 + ordinal // 2,
        box=(72.0, 90.5, 300.0, 240.25), caption=f"Figure {ordinal}. Axial slice of the subject {picture} at baseline.",
        nearby="as can be seen in the figure, the lesion is hyperintense and well defined " * 3,
        tags={"Modality": "CT"} if picture % 20 == 0 else {},
    )  # fmt: skip


def made_picture(number: int) -> Picture:
    """Its perceptual hash has so few bits that near duplicates are not searched for: that is step `shard`'s work."""
    key = identity(number)
    few_bits = int(key[:16], 16) & int(key[16:32], 16) & int(key[32:48], 16)
    return Picture(key, 640, 480, "png", identity(f"file {number}"), 40_000, f"{few_bits:016x}")


def source_name(number: int) -> str:
    """Where a paper would lie."""
    return f"/data/papers/{number // 1000:04d}/paper-{number:07d}.pdf"


def identity(word: object) -> str:
    """A SHA-256 in hex."""
    return sha256(str(word).encode()).hexdigest()


def drawn_vectors(seed: int, count: int, width: int) -> np.ndarray:
    """Float32 (count, width), rows of unit length."""
    rows = np.random.default_rng(seed).standard_normal((count, width), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def measured_apart() -> dict[str, float]:
    """Rows a second of verdicts with three votes each, and of vectors, into a store that knows the pictures."""
    with tempfile.TemporaryDirectory(prefix="medsift-growth-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with server(folder) as urls:
            store = Store.open(urls.task)
            record = RunRecord("apart", datetime(2026, 1, 1, tzinfo=UTC), "lite", identity("set"), identity("prompts"))
            store.begin_run(record)
            pictures = sorted(map(made_picture, range(APART_ROWS)), key=lambda picture: picture.sha256)  # as in a run
            publish_parts(store, record, lambda part: (pictures[part], [], [], []))
            keys = [picture.sha256 for picture in pictures]
            votes = {key: made_votes(key) for key in keys}
            verdicts = [Verdict(key, "medical", 0.9375, 0.9375, "ct", 1.0, needs_review=False) for key in keys]
            drawn = drawn_vectors(0, APART_ROWS, APART_WIDTH)
            rates = {
                "verdicts_per_second": publish_parts(
                    store, record,
                    lambda part: ([], [], [vote for key in keys[part] for vote in votes[key]], verdicts[part]),
                ),
                "vectors_per_second": publish_parts(
                    store, record,
                    lambda part: ([], [EncodedVectors("drawn", "drawn", keys[part], drawn[part])], [], []),
                ),
            }  # fmt: skip
            store.close()
            return rates


def made_votes(key: str) -> list[Vote]:
    """As the three voters cast them."""
    probability = int(key[:8], 16) / 16**8
    return [
        Vote(key, "clusters", probability, cluster=17, reason="cluster 17 of 212 pictures is medical"),
        Vote(key, "zero_shot", probability, "ct", reason="looks most like ct", kind_otherwise="photo"),
        Vote(key, "dicom", None, reason="no DICOM tag"),
    ]


def publish_parts(store: Store, run: RunRecord, part_of: Callable[[slice], tuple[Any, ...]]) -> float:
    """Publish in shards; pictures a second."""
    parts = [part_of(slice(start, start + SHARD)) for start in range(0, APART_ROWS, SHARD)]
    began = time.perf_counter()
    for part in parts:
        store.publish_pictures(run.id, *part, run.model_set, run.prompt_set)
    return APART_ROWS / (time.perf_counter() - began)


def exponents(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Slope of log seconds over log pictures by step, where fixed costs do not dominate."""
    found = {}
    for step in dict.fromkeys(row["step"] for row in rows):
        points = [(row["pictures"], row["seconds"]) for row in rows
                  if row["step"] == step and row["pictures"] >= FIXED_COSTS_END]  # fmt: skip
        if len(points) > 1:
            found[step] = float(np.polyfit(*np.log(np.array(points)).T, 1)[0])
    return found


def goals(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Each goal with what was measured: {goal, value, limit, is_met}; both None for what these sizes do not tell."""
    slopes = [slope for step, slope in document["exponents"].items() if step not in UNJUDGED]
    peaks = [row["peak_mb"] for row in document["steps"] if row["step"] not in UNJUDGED]
    values = {"exponent": max(slopes, default=None), "peak_mb": max(peaks)}
    values |= {name: document[name] for name in ("verdicts_per_second", "vectors_per_second")}
    found = []
    for name, value in values.items():
        limit, is_rate = GOALS[name], name.endswith("_per_second")
        is_met = None if value is None else value >= limit if is_rate else value <= limit
        found.append({"goal": name, "value": value, "limit": limit, "is_met": is_met})
    return found


def machine() -> dict[str, Any]:
    """Processor, cores that may be used, memory, date."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"processor": name, "cores": len(os.sched_getaffinity(0)), "memory_gb": round(memory),
            "date": datetime.now(UTC).date().isoformat()}  # fmt: skip


def show(document: dict[str, Any]) -> None:
    """The table and the goals."""
    print(", ".join(f"{name} {value}" for name, value in document["machine"].items()))
    print(f"{'step':<14}{'pictures':>10}{'seconds':>10}{'a second':>12}{'peak MB':>10}")
    for row in document["steps"]:
        rate = row["pictures"] / row["seconds"]
        print(f"{row['step']:<14}{row['pictures']:>10,}{row['seconds']:>10.2f}{rate:>12,.0f}{row['peak_mb']:>10,.0f}")
    print("exponents: " + ", ".join(f"{step} {slope:.2f}" for step, slope in document["exponents"].items()))
    for goal in document["goals"]:
        met = {True: "met", False: "NOT met", None: "not measured"}[goal["is_met"]]
        value = "-" if goal["value"] is None else f"{goal['value']:,.2f}"
        print(f"{goal['goal']:<22}{value:>12}   goal {goal['limit']:>10,}   {met}")


if __name__ == "__main__":
    main()
