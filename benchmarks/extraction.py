"""How fast pictures come out of PDFs: in sandboxed children, in the same loop without them, and by bare PyMuPDF.

    python benchmarks/extraction.py --json extraction.json

Each way reads the same made papers on as many cores as it is given, workers warmed by one paper before the
clock starts. `plain` is the code that the children run, in ordinary processes: the sandbox costs the difference.
`pymupdf` takes each page's pictures as they are stored (`get_images`, `extract_image`): neither masks nor colours nor
places nor words, and nothing is checked.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pymupdf
from machine import machine
from made_papers import make_papers

from medsift.contracts import Candidate, Leaf
from medsift.sandbox import Limits, Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools
from medsift.sources._pdf.reader import pictures

SHARED = Path(__file__).parents[2] / "shared"
FOLDERS = [SHARED / "originals", SHARED / "corpus"]
Timed = tuple[float, int]  # seconds, pictures


def plain(path: Path) -> int:
    """Pictures of a paper by the reader itself, in this process."""
    arguments = {"path": str(path), "first_page": 1, "max_pixels": Settings().max_pixels, "budget_s": 1e9}
    return sum(header["type"] == "picture" for header, _data in pictures(arguments, b""))


def bare(path: Path) -> int:
    """Pictures of a paper as they are stored in it."""
    with pymupdf.open(path) as document:
        return sum(
            bool(document.extract_image(entry[0])["image"]) for page in document for entry in page.get_images(full=True)
        )


def in_processes(count: Callable[[Path], int], papers: list[Path], cores: int) -> Timed:
    """Papers shared out among ordinary processes."""
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(count, papers[:cores]))
        return _timed(pool.map(count, papers))


def in_sandboxes(papers: list[Path], cores: int) -> Timed:
    """Papers shared out among sandboxes, as a run does it."""
    settings, free = Settings(), SimpleQueue[Sandbox]()
    sandboxes = [Sandbox(Limits.of(settings)) for _ in range(cores)]

    def read(path: Path) -> int:
        sandbox = free.get()
        try:
            leaf = Leaf(str(path), "pdf", "b", path=str(path))
            items = KINDS.get("pdf")().extract(leaf, Tools(settings, sandbox, None))  # type: ignore[arg-type]  # no web
            return sum(isinstance(item, Candidate) for item in items)
        finally:
            free.put(sandbox)

    for sandbox in sandboxes:
        free.put(sandbox)
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(read, papers[:cores]))
        timed = _timed(pool.map(read, papers))
    for sandbox in sandboxes:
        sandbox.close()
    return timed


def _timed(counts: Iterable[int]) -> Timed:
    began = time.perf_counter()
    found = sum(counts)
    return time.perf_counter() - began, found


def measured(papers: list[Path], cores: int, repeats: int) -> dict[str, object]:
    """The fastest of some runs, taken in turns so that a change of the machine's mood meets all ways."""
    ways: dict[str, Callable[[], Timed]] = {
        "sandbox": lambda: in_sandboxes(papers, cores),
        "plain": lambda: in_processes(plain, papers, cores),
        "pymupdf": lambda: in_processes(bare, papers, cores),
    }
    taken: dict[str, list[Timed]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            taken[name].append(way())
    pages = sum(len(pymupdf.open(path)) for path in papers)
    rows = {}
    for name, runs in taken.items():
        seconds, found = min(runs)
        rows[name] = {
            "seconds": round(seconds, 2), "pages": pages, "pictures": found,
            "pages_per_second": round(pages / seconds, 1), "pictures_per_second": round(found / seconds, 1),
        }  # fmt: skip
    cost = min(taken["sandbox"])[0] / min(taken["plain"])[0] - 1
    return {"ways": rows, "isolation_costs": round(cost, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, nargs="+", default=FOLDERS, help="folders of pictures")
    parser.add_argument("--papers", type=int, default=20)
    parser.add_argument("--pictures", type=int, default=13, help="of each paper")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="medsift-extraction-") as folder:
        papers = make_papers(Path(folder), options.folder, options.papers, options.pictures)
        document = {"machine": machine(), "cores": options.cores, **measured(papers, options.cores, options.repeats)}
    print(json.dumps(document, indent=1))
    if options.json:
        options.json.write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
