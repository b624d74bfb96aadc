"""Stored pictures to vectors on a GPU: decoding, transfer, forward pass and end to end, and what holds them up.

    python benchmarks/gpu.py [--device cuda|cpu] [--engine torch_fp16] [--pictures 512] [--batch 256] [--seconds 10]
                             [--json F]

CLIP ViT-B/32 with random values of the true shapes: as fast. Drawn JPEGs of 640 x 480 are decoded in child processes,
one a core. The forward pass is over pixels that lie on the device; transfer is from ordinary memory through pinned
memory; end to end is what step `embed` does. Beside the forward pass stands the limit: the card's products a second by
its data sheet (benchmarks/cards.py), and the bandwidth of its memory over what has to be read at the least, weights
once a batch and each picture's pixels. `--device cpu` goes the same way without a GPU, with the limit of a large matrix
product measured there. Where there is no CUDA: one sentence, exit status 2.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cards import known_card
from drawn_files import draw_files
from embedding import Stored, decoding_rate, pictures_per_second, ready_batch, stored_to_vector_rate
from engines import CLIP, SIDE, WORK, networks
from machine import machine, matrix_limit

from medsift.encoders import View
from medsift.encoders.engines import ENGINES
from medsift.encoders.engines.torch_engine import TorchEngine
from medsift.settings import Settings

SIZE = (640, 480)
VIEWS = [View(SIDE, "crop", SIDE)]
PIXEL_BYTES = SIDE * SIDE * 3
WEIGHTS_BYTES = 2 * 87.85e6  # the picture half of ViT-B/32 in half precision
QUEUED = {"cuda": 8, "cpu": 1}  # forward passes before the device is waited for; a CPU does each at once
PARTS = ("decode", "transfer", "forward")
DEFAULT_ENGINES = {"cuda": "torch_fp16", "cpu": "torch_fp32"}
END_TO_END_GOAL, FORWARD_GOAL, GOAL_CORES, GOAL_CARD = 2500.0, 25_000.0, 16, "H100"


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=list(DEFAULT_ENGINES), default="cuda")
    parser.add_argument("--engine", help="torch_fp16 on cuda, torch_fp32 on cpu unless another is named")
    parser.add_argument("--pictures", type=int, default=512, help="files, which are taken over and over")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each part")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    engine_name = wanted.engine or DEFAULT_ENGINES[wanted.device]
    require_usable(wanted.device, engine_name)
    document = {"machine": machine(), "device": wanted.device, "engine": engine_name, "batch": wanted.batch}
    document |= measured(wanted.device, engine_name, wanted)
    document["goals"] = goals(document)
    show(document)
    if wanted.json:
        wanted.json.write_text(json.dumps(document, indent=1) + "\n")


def require_usable(device: str, engine: str) -> None:
    """End with status 2 and one sentence where the device or the engine is not there."""
    import torch

    sentence = ""
    if device == "cuda" and not torch.cuda.is_available():
        sentence = "torch finds no CUDA device here; --device cpu goes the same way without one."
    else:
        usable = [name for name in ENGINES.names() if name.startswith("torch") and ENGINES.get(name).runs_on(device)]
        if engine not in usable:
            sentence = f"engine {engine} cannot be measured on {device}; it must be one of {', '.join(usable)}."
    if sentence:
        print(sentence, file=sys.stderr)
        sys.exit(2)


def measured(device: str, engine_name: str, wanted: argparse.Namespace) -> dict[str, Any]:
    """Pictures a second of each part and of all together, the limit of the forward pass, and the slowest part."""
    (network,) = (each for each in networks() if each.name == CLIP)
    kind = ENGINES.get(engine_name)
    engine = kind.make(network, device=device, batch_size=wanted.batch, folder=None)
    assert isinstance(engine, TorchEngine)
    settings = Settings.load({"batch_size": str(wanted.batch), "device": device})
    with tempfile.TemporaryDirectory(prefix="medsift-gpu-") as name:
        stored: Stored = [(file.stem, file) for file in draw_files(Path(name), wanted.pictures, SIZE)]
        pixels = ready_batch(stored, VIEWS, settings).pixels[SIDE][:, 0]
        wait = waiting(device)
        rates = {
            "decode": decoding_rate(stored, VIEWS, settings, wanted.seconds),
            "transfer": pictures_per_second(transfers(engine, pixels, wait), wanted.seconds),
            "forward": pictures_per_second(passes(engine, pixels, wait, QUEUED[device]), wanted.seconds),
            "end_to_end": stored_to_vector_rate(
                stored, VIEWS, lambda batch: engine.features(batch[SIDE][:, 0]), settings, wanted.seconds
            ),
        }
    limit = limit_of(device, kind.precision, wanted.batch)
    bottleneck = min(PARTS, key=lambda part: rates[part])
    most = limit["pictures_per_second"]
    return {
        "pictures_per_second": {part: round(rate, 3) for part, rate in rates.items()},
        "transfer_gb_per_second": round(rates["transfer"] * PIXEL_BYTES / 1e9, 2),
        "limit": limit,
        "forward_share_of_limit": round(rates["forward"] / most, 3) if most else None,
        "bottleneck": bottleneck,
        "end_to_end_share_of_bottleneck": round(rates["end_to_end"] / rates[bottleneck], 3),
    }


def waiting(device: str) -> Callable[[], None]:
    """What waits until the device has done all that it was given."""
    import torch

    return torch.cuda.synchronize if device == "cuda" else lambda: None


def transfers(engine: TorchEngine, pixels: Any, wait: Callable[[], None]) -> Iterator[int]:
    """Batches brought to the device, one after the other."""
    while True:
        engine.moved(pixels)
        wait()
        yield len(pixels)


def passes(engine: TorchEngine, pixels: Any, wait: Callable[[], None], queued: int) -> Iterator[int]:
    """Forward passes over a batch that lies on the device."""
    there = engine.moved(pixels)
    while True:
        for _ in range(queued):
            engine.forward(there)
        wait()
        yield queued * len(pixels)


def limit_of(device: str, precision: str, batch: int) -> dict[str, Any]:
    """The most pictures a second that the device could pass through the network, and where that is known from."""
    work = WORK[CLIP] * 1e9
    if device == "cpu":
        gflops = matrix_limit(precision)
        by_products = gflops * 1e9 / work
        return {"source": "a large matrix product, measured here", "tflops": gflops / 1000,
                "by_products": round(by_products, 3), "by_memory": None,
                "pictures_per_second": round(by_products, 3)}  # fmt: skip
    import torch

    name = torch.cuda.get_device_name()
    card = known_card(name)
    if card is None or precision == "fp32":
        source = f"unknown card {name}: no limit" if card is None else "the table has half precision alone: no limit"
        return {"source": source, "tflops": None, "by_products": None, "by_memory": None, "pictures_per_second": None}
    by_products = card.tflops * 1e12 / work
    by_memory = card.gb_per_second * 1e9 / (PIXEL_BYTES + WEIGHTS_BYTES / batch)
    return {"source": f"data sheet of {name}", "tflops": card.tflops, "by_products": round(by_products, 3),
            "by_memory": round(by_memory, 3), "pictures_per_second": round(min(by_products, by_memory), 3)}  # fmt: skip


def goals(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Each goal with what was measured; `is_met` is None on a machine that it is not set for."""
    rates, cores, card = document["pictures_per_second"], document["machine"]["cores"], document["machine"]["gpu"] or ""
    on_gpu = document["device"] == "cuda"
    asked = {
        "end_to_end": (END_TO_END_GOAL, on_gpu and cores >= GOAL_CORES, f"where {GOAL_CORES} cores decode"),
        "forward": (FORWARD_GOAL, on_gpu and GOAL_CARD in card, f"on an {GOAL_CARD}"),
    }
    return [
        {"goal": part, "where": where, "limit": goal, "value": rates[part],
         "is_met": rates[part] >= goal if is_asked else None}
        for part, (goal, is_asked, where) in asked.items()
    ]  # fmt: skip


def show(document: dict[str, Any]) -> None:
    """The table for people."""
    told, limit = document["machine"], document["limit"]
    where = told["gpu"] if document["device"] == "cuda" else told["processor"]
    print(f"{where}, {told['cores']} cores, {document['engine']}, batches of {document['batch']}")
    for part, rate in document["pictures_per_second"].items():
        print(f"{part:12}{rate:12,.1f} pictures a second")
    most = limit["pictures_per_second"]
    if most:
        share = document["forward_share_of_limit"]
        print(f"{'limit':12}{most:12,.1f} of the forward pass, which reaches {share:.0%} of it ({limit['source']})")
    else:
        print(limit["source"])
    bottleneck, share = document["bottleneck"], document["end_to_end_share_of_bottleneck"]
    print(f"The bottleneck is {bottleneck}; end to end reaches {share:.0%} of it.")
    for goal in document["goals"]:
        met = {True: "met", False: "not met", None: "not measured: another machine"}[goal["is_met"]]
        print(f"{goal['goal']}: goal {goal['limit']:,.0f} {goal['where']}: {met}")


if __name__ == "__main__":
    main()
