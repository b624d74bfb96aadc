"""Mutates PDFs and reads them: every mutation must end in pictures, reasons or a sentence, never in anything else.

    python tools/fuzz_pdfs.py ../shared/pdfs --mutations 20000 --minutes 60 --keep var/fuzz

The same folder and seeds give the same mutations; small files, which are read quickly, are taken more often than large
ones. --keep holds how far it came, from where the same command goes on, and each file that ended otherwise.
"""

import argparse
import json
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from medsift.contracts import About, Candidate, Leaf, Missed
from medsift.errors import SandboxError, SourceError
from medsift.sandbox import Limits, Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools
from medsift.volume import write_atomically

LARGEST = 2_000_000  # bytes of a file that is mutated
LIGHT = 20_000  # bytes: files much smaller than this are taken equally often
PROGRESS = "progress.json"
AT_ONCE = 100  # mutations between two notes of how far it came
TIME_S = 20  # of a child for one file; the file as a whole may take that and a second a page
HANG_S = 300.0  # then the limits themselves would have failed: a file of 103 pages may take 123 s
SLOW = {
    "patent-103pages.pdf", "made-600pages-large-pictures.pdf", "made-same-picture-1200pages.pdf",
    "made-bomb-1bit-40000.pdf", "made-bomb-rgb-30000.pdf",
}  # fmt: skip
NUMBERS = (b"0", b"-1", b"1", b"65535", b"65536", b"2147483647", b"2147483648", b"4294967295", b"99999999999", b"0.5")
Mutation = Callable[[random.Random, bytearray, bytes], None]


def _flip_bits(chance: random.Random, data: bytearray, _other: bytes) -> None:
    for _ in range(chance.choice((1, 4, 64))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _overwrite(chance: random.Random, data: bytearray, _other: bytes) -> None:
    start, size = chance.randrange(len(data)), chance.choice((1, 8, 100, 2000))
    data[start : start + size] = chance.randbytes(size)


def _cut_out(chance: random.Random, data: bytearray, _other: bytes) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 10, 1000))]


def _cut_off(chance: random.Random, data: bytearray, _other: bytes) -> None:
    del data[chance.randrange(len(data)) :]


def _repeat(chance: random.Random, data: bytearray, _other: bytes) -> None:
    start, size = chance.randrange(len(data)), chance.choice((4, 100, 4000))
    data[start:start] = data[start : start + size] * chance.choice((1, 3, 50))


def _mix(chance: random.Random, data: bytearray, other: bytes) -> None:
    start, size = chance.randrange(len(other)), chance.choice((20, 500, 5000))
    place = chance.randrange(len(data))
    data[place : place + size] = other[start : start + size]


def _change_number(chance: random.Random, data: bytearray, _other: bytes) -> None:
    found = list(re.finditer(rb"(?<=[ /\[<])-?\d+", data[:LARGEST]))
    for match in chance.sample(found, min(len(found), chance.choice((1, 3)))):
        number = chance.choice(NUMBERS)
        data[match.start() : match.end()] = number[: len(match[0])].ljust(len(match[0]))


def _change_name(chance: random.Random, data: bytearray, _other: bytes) -> None:
    found = list(re.finditer(rb"/[A-Za-z]{2,}", data[:LARGEST]))
    if len(found) > 1:
        one, other = chance.sample(found, 2)
        data[one.start() : one.end()] = bytes(data[other.start() : other.end()])


MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits, _overwrite, _cut_out, _cut_off, _repeat, _mix, _change_number, _change_name,
)  # fmt: skip


def mutated(files: Sequence[bytes], seed: int) -> bytes:
    """One of the files with one to three mutations, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  no secret hangs on it
    weights = [1 / (len(file) + LIGHT) for file in files]
    data, other = map(bytearray, chance.choices(files, weights, k=2))
    for _ in range(chance.choice((1, 1, 2, 3))):
        if data:
            chance.choice(MUTATIONS)(chance, data, other)
    return bytes(data)


def outcome(data: bytes, path: Path, sandbox: Sandbox) -> str:
    """How reading a file ended, in a word; raises what must never be raised."""
    path.write_bytes(data)
    pictures = missed = 0
    try:
        leaf = Leaf(str(path), "pdf", "b", path=str(path))
        for item in KINDS.get("pdf")().extract(leaf, Tools(Settings(child_timeout_s=TIME_S), sandbox, None)):
            assert isinstance(item, Candidate | Missed | About)
            assert not isinstance(item, Missed) or item.reason
            pictures += isinstance(item, Candidate)
            missed += isinstance(item, Missed)
    except SandboxError as error:
        return f"refused: {error}"
    except SourceError as error:
        assert len(str(error)) > 10
        return "refused with a reason"
    return "pictures" if pictures else "reasons" if missed else "nothing in it"


def fuzzed(files: Sequence[bytes], seeds: Sequence[int], keep: Path) -> Counter[str]:
    """Outcomes of all mutations; what went wrong is kept as a file and counted as `WRONG`."""
    outcomes = Counter[str]()
    with Sandbox(Limits(timeout_s=TIME_S, memory_mb=2048)) as sandbox, tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            data, began = mutated(files, seed), time.monotonic()
            try:
                ended = outcome(data, Path(folder) / "mutated.pdf", sandbox)
                if time.monotonic() - began > HANG_S:
                    raise TimeoutError(f"{time.monotonic() - began:.0f} s")
            except Exception as error:  # noqa: BLE001  that is what is looked for
                ended = f"WRONG: {type(error).__name__}"
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{seed}.pdf").write_bytes(data)
            outcomes[ended] += 1
    return outcomes


def fuzzed_on(files: Sequence[bytes], mutations: int, keep: Path, minutes: float) -> dict[str, Any]:
    """Go on where `keep` says that it came to; at most so many mutations in all, and so many minutes now."""
    keep.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {"mutations": 0, "minutes": 0.0, "outcomes": {}}
    if (keep / PROGRESS).exists():
        told = json.loads((keep / PROGRESS).read_text())
    begun = at = time.monotonic()
    while told["mutations"] < mutations and at - begun < 60 * minutes:
        seeds = range(told["mutations"], min(told["mutations"] + AT_ONCE, mutations))
        outcomes = Counter(told["outcomes"]) + fuzzed(files, seeds, keep)
        took, at = time.monotonic() - at, time.monotonic()
        told = {"mutations": outcomes.total(), "minutes": round(told["minutes"] + took / 60, 2),
                "date": time.strftime("%Y-%m-%d"), "outcomes": dict(outcomes.most_common())}  # fmt: skip
        write_atomically(keep / PROGRESS, json.dumps(told, indent=2).encode())
        print(f"{told['mutations']} in {told['minutes']:.1f} min: {told['outcomes']}", flush=True)
    return told


def files_of(folder: Path) -> list[bytes]:
    """The PDFs of a folder that are small enough to be read thousands of times."""
    found = [path for path in sorted(folder.glob("*.pdf")) if 0 < path.stat().st_size <= LARGEST]
    return [path.read_bytes() for path in found if path.name not in SLOW]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mutations", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=1e9, help="of this start")
    parser.add_argument("--keep", type=Path, default=Path("var/fuzz"))
    options = parser.parse_args()
    print(json.dumps(fuzzed_on(files_of(options.folder), options.mutations, options.keep, options.minutes), indent=2))


if __name__ == "__main__":
    main()
