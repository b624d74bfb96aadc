"""Every engine on every network of the profiles: pictures a second, agreement with the reference, share of the limit.

    python benchmarks/engines.py [--seconds 4] [--batch 32] [--json F]

Pictures of the self-test, of the networks' own size. CLIP and MobileNetV2 have random values of the true shapes: as
fast. The limit is that of a large matrix product of torch in the engine's precision (benchmarks/machine.py), set
against the arithmetic of the network: a share above one says that the engine multiplies faster than torch.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine, matrix_limits
from random_profile import random_clip, random_cnn

from medsift.encoders._arrays import unit_rows
from medsift.encoders._efficientnet import MEAN, load_network
from medsift.encoders._selftest import pictures
from medsift.encoders.engines import ENGINES, REFERENCE, Engine, Network
from medsift.encoders.torchvision_cnns import MOBILENET

SIDE = 224
CLIP = "ViT-B-32-quickgelu"
# Multiplications and additions of one picture in GFLOP, as counted by the papers (twice their multiply-adds).
WORK = {CLIP: 8.82, MOBILENET: 0.60, "efficientnet_lite0": 0.81}


def main() -> None:
    """Measure, print a line for each, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each engine")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    document: dict[str, Any] = {"machine": machine(), "limit": matrix_limits(), "runs": []}
    print(document["machine"], document["limit"])
    for network in networks():
        expected = unit_rows(made(REFERENCE, network, arguments.batch).features(pictures(SIDE)))
        for name in (name for name in ENGINES.names() if ENGINES.get(name).runs_on("cpu")):
            engine = made(name, network, arguments.batch)
            features = unit_rows(engine.features(pictures(SIDE)))
            rate = pictures_per_second(engine, arguments.batch, arguments.seconds)
            limit = document["limit"][ENGINES.get(name).precision] / WORK[network.name]
            run = {
                "network": network.name,
                "engine": name,
                "pictures_per_second": round(rate, 1),
                "mean_cosine": round(float((features * expected).sum(axis=1).mean()), 5),
                "share_of_limit": round(rate / limit, 2),
            }
            print(
                f"{network.name:22}{name:16}{rate:8.1f}/s  cosine {run['mean_cosine']:<8}"
                f" limit x {run['share_of_limit']}",
                flush=True,
            )
            document["runs"].append(run)
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


def networks() -> list[Network]:
    """Those of both profiles, behind colours of one kind: speed does not depend on them."""

    def network(name: str, load: Callable[[], Any], width: int) -> Network:
        return Network(name, f"benchmark {name}", load, SIDE, MEAN, MEAN, width)

    return [
        network(CLIP, lambda: random_clip(CLIP).visual, 512),
        network(MOBILENET, headless_mobilenet, 1280),
        network("efficientnet_lite0", load_network, 1280),
    ]


def headless_mobilenet() -> Any:
    """MobileNetV2 without its classifier."""
    import torch

    network = random_cnn(MOBILENET)
    network.classifier = torch.nn.Identity()
    return network


def made(name: str, network: Network, batch: int) -> Engine:
    """The engine on the CPU, nothing kept."""
    return ENGINES.get(name).make(network, device="cpu", batch_size=batch, folder=None)


def pictures_per_second(engine: Engine, batch: int, seconds: float) -> float:
    """Over whole batches of noise, after one to warm up."""
    noise = np.random.default_rng(0).integers(0, 256, (batch, SIDE, SIDE, 3), dtype=np.uint8)
    engine.features(noise)
    count, begun = 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < seconds:
        engine.features(noise)
        count += batch
    return count / passed


if __name__ == "__main__":
    main()
