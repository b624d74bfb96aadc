"""The index of perceptual hashes: memory, time a query and recall against comparing with all.

    python benchmarks/near_duplicates.py [--pictures 1000000] [--distance 4] [--json F]

Hashes are drawn: 32 of 64 bits set, as the hash of a picture with texture has them. Of the queries half are hashes
that differ from a stored one in up to `distance` bits, half are drawn anew. `link` is what step `shard` does with so
many pictures of which nothing is stored; a tenth of them differ from another in up to `distance` bits.
"""

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

from medsift.pictures.near_duplicates import HammingIndex, link_near_duplicates

QUERIES = 2000
PART = 50_000  # codes drawn at once
COMPARED = 200  # queries whose answer is compared with that of a comparison with all


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--distance", type=int, default=4)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    document: dict[str, Any] = {"machine": machine(), "pictures": arguments.pictures, "distance": arguments.distance}
    document |= measured(arguments.pictures, arguments.distance)
    print(json.dumps(document, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=2))


def measured(count: int, distance: int) -> dict[str, Any]:
    """What the index takes and gives for so many codes."""
    random = np.random.default_rng(0)
    codes = drawn(random, count)
    before = held_mb()
    index, begun = HammingIndex(distance), time.perf_counter()
    for code in codes.tolist():
        index.add(code)
    built, memory = time.perf_counter() - begun, held_mb() - before
    half = QUERIES // 2
    queries = np.concatenate([moved(random, random.choice(codes, half), distance), drawn(random, QUERIES - half)])
    seconds, found = [], []
    for query in queries.tolist():
        begun = time.perf_counter()
        found.append(index.first_within(query))
        seconds.append(time.perf_counter() - begun)
    del index
    return {
        "build_seconds": round(built, 2),
        "index_mb": round(memory),
        "query_ms_mean": round(float(np.mean(seconds)) * 1000, 4),
        "query_ms_p99": round(float(np.percentile(seconds, 99)) * 1000, 4),
        **recall(codes, queries, found, distance),
        "link_seconds": linked(random, codes, distance),
        "peak_mb": round(peak_mb()),
    }


def recall(codes: "np.ndarray[Any, Any]", queries: "np.ndarray[Any, Any]", found: list[int], distance: int) -> Any:
    """Share of the queries with a near code for which the very first one was found, and how many were wrong."""
    step = QUERIES // COMPARED
    near, right = 0, 0
    for query, answer in zip(queries[::step], found[::step], strict=True):
        is_near = np.bitwise_count(codes ^ query) <= distance
        expected = int(is_near.argmax()) if is_near.any() else -1
        near += expected >= 0
        right += expected >= 0 and answer == expected
        if expected < 0 <= answer:
            raise AssertionError(f"{query:016x} is near nothing, and {answer} was found")
    return {"recall": right / near, "compared_with_all": COMPARED}


def linked(random: np.random.Generator, codes: "np.ndarray[Any, Any]", distance: int) -> float:
    """Seconds to link all pictures, a tenth of them like another."""
    copies = len(codes) // 10
    codes = np.concatenate([codes[copies:], moved(random, codes[-copies:], distance)])
    names, hashes = [f"{number:064x}" for number in range(len(codes))], [f"{code:016x}" for code in codes.tolist()]
    begun = time.perf_counter()
    links = link_near_duplicates(names, hashes, distance)
    seconds = time.perf_counter() - begun
    assert len(links) >= copies * 0.99  # fewer only where a copy has too few bits left to say anything
    return round(seconds, 1)


def drawn(random: np.random.Generator, count: int) -> "np.ndarray[Any, Any]":
    """Codes of 64 bits, 32 of them set; uint64 (count,)."""
    parts = []
    for start in range(0, count, PART):
        is_set = random.random((min(PART, count - start), 64), np.float32).argsort(axis=1) < 32
        parts.append(np.packbits(is_set, axis=1).view(np.uint64).ravel())
    return np.concatenate(parts)


def moved(random: np.random.Generator, codes: "np.ndarray[Any, Any]", distance: int) -> "np.ndarray[Any, Any]":
    """The codes with up to `distance` bits turned."""
    flips = np.uint64(1) << random.integers(0, 64, (len(codes), distance), np.uint64)
    return codes ^ np.bitwise_xor.reduce(flips, axis=1)


def held_mb() -> float:
    """The memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def peak_mb() -> float:
    """The most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
