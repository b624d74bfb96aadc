"""How fast pictures of papers get their verdicts, against a plain pipeline in the same run.

    python benchmarks/speed.py [--papers 20] [--pictures 13] [--folder DIR ...] [--profile P ...] [--engine E ...]
                               [--json F]

Makes papers of pictures from the folders, then measures, each in a process of its own: the straightforward pipeline
(benchmarks/reference_pipeline.py), and medsift in each profile and engine. Imports and the loading of models are
reported apart on both sides. `random-clip` is profile clip with random values of the true shapes: as fast, and no
measure of accuracy.

Then, in another process that finds exports and choices of engines as the first one left them: how long loading takes
(imports, networks, self-tests, prompts) as a share of a shard, a minute of work; and how fast stored pictures become
vectors, against the forward pass alone over pixels that are ready.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedding import forward_rate, ready_batch, stored_to_vector_rate
from machine import machine, matrix_limits
from made_papers import make_papers
from processes import PeakMemory, parents, pss_mb, with_children

if TYPE_CHECKING:
    from medsift.settings import Settings

SHARED = Path(__file__).parents[2] / "shared"
FOLDERS = [SHARED / "originals", SHARED / "corpus"]
PROFILES = ["random-clip", "lite"]
REFERENCE = "reference"
GOALS = {"random-clip": 8.0, "lite": 12.0}
SHARD_S = 60.0
LOADING_GOAL, STORED_GOAL = 0.05, 0.8
RATE_S = 10.0


def main() -> None:
    """Measure everything asked for, print it, and write JSON where asked."""
    arguments = parse_arguments()
    if arguments.worker:
        print(json.dumps(reloaded(arguments) if arguments.again else work(arguments)))
        return
    with tempfile.TemporaryDirectory(prefix="medsift-speed-") as scratch:
        papers = Path(scratch) / "papers"
        make_papers(papers, arguments.folder, arguments.papers, arguments.pictures)
        document: dict[str, Any] = {"machine": machine(), "limit": matrix_limits()}
        print(json.dumps(document, indent=1), flush=True)
        document["reference"] = measured(papers, Path(scratch), REFERENCE, "")
        document["runs"] = [
            {
                "profile": profile,
                "engine": engine,
                **measured(papers, Path(scratch), profile, engine),
                **measured(papers, Path(scratch), profile, engine, again=True),
            }
            for profile in arguments.profile
            for engine in arguments.engine
        ]
    for run in document["runs"]:
        run["ratio"] = run["pictures_per_second"] / document["reference"]["pictures_per_second"]
    show(document)
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


def parse_arguments() -> argparse.Namespace:
    """The command line; `--worker` is one measurement in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=20)
    parser.add_argument("--pictures", type=int, default=13, help="in each paper")
    parser.add_argument("--folder", type=Path, nargs="+", default=FOLDERS, help="where pictures are taken from")
    parser.add_argument("--profile", nargs="+", default=PROFILES)
    parser.add_argument("--engine", nargs="+", default=["torch_fp32", "auto"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(papers: Path, scratch: Path, profile: str, engine: str, *, again: bool = False) -> dict[str, Any]:
    """One measurement, in a process that did nothing else before."""
    command = [sys.executable, __file__, "--worker", profile, "--scratch", str(scratch), "--folder", str(papers)]
    command += ["--again"] if again else []
    done = subprocess.run([*command, "--engine", engine], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{profile} {engine}: {json.dumps(found)}", flush=True)
    return found


def work(arguments: argparse.Namespace) -> dict[str, Any]:
    """Load, run over the papers, and say how long what took."""
    (folder,) = arguments.folder
    papers = sorted(folder.glob("*.pdf"))
    begun = time.perf_counter()
    if arguments.worker == REFERENCE:
        run = reference_run()
    else:
        run = product_run(arguments.worker, arguments.engine[0], arguments.scratch)
    loading_s = time.perf_counter() - begun
    with PeakMemory(lambda: pss_mb(with_children({os.getpid()}, parents()))) as peak:
        begun = time.perf_counter()
        pictures, seconds_by_step, embed_peak_mb = run(papers)
        seconds = time.perf_counter() - begun
    return {
        "pictures": pictures,
        "pictures_per_second": pictures / seconds,
        "seconds": seconds,
        "loading_s": loading_s,
        "seconds_by_step": seconds_by_step,
        "peak_mb": peak.mb,
        "embed_peak_mb": embed_peak_mb,
    }


def reference_run() -> Any:
    """The plain pipeline, loaded."""
    import pymupdf  # noqa: F401  imports are reported apart
    import sklearn.cluster  # noqa: F401
    from reference_pipeline import ReferencePipeline

    pipeline = ReferencePipeline()

    def run(papers: list[Path]) -> tuple[int, dict[str, float], float]:
        with tempfile.TemporaryDirectory() as folder:
            return pipeline.run(papers, Path(folder)), pipeline.seconds_by_step, 0.0

    return run


def loaded(profile_name: str, engine: str, scratch: Path) -> "Settings":
    """The settings of a measurement, the networks that they name loaded and the prompts at hand."""
    import pandas  # noqa: F401  pyarrow imports it where it is installed; imports are reported apart
    import pyarrow.parquet  # noqa: F401
    import random_profile  # noqa: F401  registers profile random-clip

    from medsift.settings import Settings
    from medsift.steps.networks import loaded_profile
    from medsift.steps.profile import prompted

    settings = Settings.load({"profile": profile_name, "engine": engine, "volume": scratch / "volume"})
    settings.volume.mkdir(exist_ok=True)
    loaded_profile(settings)
    prompted(settings)
    return settings


def reloaded(arguments: argparse.Namespace) -> dict[str, float]:
    """Loading from what is kept, then stored pictures to vectors and the forward pass alone."""
    begun = time.perf_counter()
    settings = loaded(arguments.worker, arguments.engine[0], arguments.scratch)
    reloading_s = time.perf_counter() - begun

    from medsift.contracts import Picture
    from medsift.steps import find_pictures, local_context
    from medsift.steps.profile import current_profile
    from medsift.steps.tables import read_rows

    profile, sources = current_profile(settings), [str(paper) for paper in sorted(arguments.folder[0].glob("*.pdf"))]
    with local_context(settings, sources) as context:
        find_pictures(context, sources)
        found = read_rows(context.volume.table(context.run_id, "shard", "pictures"), Picture)
        pictures = [(each.sha256, context.volume.picture(each.sha256, each.extension)) for each in found]
        batch = ready_batch(pictures, profile.views, settings)
        forward = forward_rate(profile.encode_pictures, batch, RATE_S)
        stored = stored_to_vector_rate(pictures, profile.views, profile.encode_pictures, settings, RATE_S)
    return {
        "reloading_s": reloading_s,
        "reloading_share_of_shard": reloading_s / SHARD_S,
        "forward_pictures_per_second": forward,
        "stored_pictures_per_second": stored,
        "stored_share_of_forward": stored / forward,
    }


def product_run(profile_name: str, engine: str, scratch: Path) -> Any:
    """medsift's own steps, its networks loaded and its prompts at hand."""
    from medsift.steps import cluster, embed, ensemble, extract, local_context, plan, preprocess, report, score, shard

    settings = loaded(profile_name, engine, scratch)

    def run(papers: list[Path]) -> tuple[int, dict[str, float], float]:
        sources, seconds = [str(paper) for paper in papers], {}
        embed_peak = 0.0

        def timed(step: str, *arguments: Any) -> Any:
            begun = time.perf_counter()
            done = steps[step](context, *arguments)
            seconds[step] = seconds.get(step, 0.0) + time.perf_counter() - begun
            return done

        steps = {
            "plan": plan.run, "extract": extract.run, "preprocess": preprocess.run, "shard": shard.run,
            "embed": embed.run, "cluster": cluster.run, "score": score.run, "ensemble": ensemble.run,
            "report": report.run,
        }  # fmt: skip
        with local_context(settings, sources) as context:
            batches = [entry["batch"] for entry in timed("plan", sources, "cli")["batches"]]
            for batch in batches:
                timed("extract", batch)
                timed("preprocess", batch)
            planned = timed("shard", batches)
            with PeakMemory(lambda: pss_mb(with_children({os.getpid()}, parents()))) as peak:
                for entry in planned["shards"]:
                    timed("embed", entry["shard"])
            embed_peak = peak.mb
            for step in ("cluster", "score", "ensemble", "report"):
                timed(step)
        return planned["pictures"], seconds, embed_peak

    return run


def show(document: dict[str, Any]) -> None:
    """Tables for people."""
    reference = document["reference"]
    print(f"\n{'':28}pictures/s   ratio  peak MB  of embed")
    print(f"{'plain pipeline':28}{reference['pictures_per_second']:10.1f}     1.0{reference['peak_mb']:9.0f}")
    for run in document["runs"]:
        goal = GOALS.get(run["profile"])
        met = "" if goal is None else f"  goal {goal:g}: {'met' if run['ratio'] >= goal else 'not met'}"
        print(
            f"{_name(run):28}{run['pictures_per_second']:10.1f}{run['ratio']:8.1f}{run['peak_mb']:9.0f}"
            f"{run['embed_peak_mb']:10.0f}{met}"
        )
    print(f"\n{'':28}loading again   share of a shard   forward/s   stored/s   share of forward")
    for run in document["runs"]:
        loading, stored = run["reloading_share_of_shard"], run["stored_share_of_forward"]
        print(
            f"{_name(run):28}{run['reloading_s']:11.1f} s{loading:19.1%}{run['forward_pictures_per_second']:12.1f}"
            f"{run['stored_pictures_per_second']:11.1f}{stored:19.0%}"
            f"  goals {LOADING_GOAL:.0%}: {'met' if loading < LOADING_GOAL else 'not met'},"
            f" {STORED_GOAL:.0%}: {'met' if stored >= STORED_GOAL else 'not met'}"
        )


def _name(run: dict[str, Any]) -> str:
    return f"{run['profile']} {run['engine']}"


if __name__ == "__main__":
    main()
