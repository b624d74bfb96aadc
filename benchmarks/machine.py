"""What machine a benchmark ran on, and the most it can compute: a large matrix product in each precision."""

import os
import platform
import time
from typing import Any

from medsift.machine import processor_name, usable_cores

SIZES = (512, 1024, 2048)
SECONDS = 2.0


def machine() -> dict[str, Any]:
    """Processor, cores this process may use, memory in GB, and versions that decide about speed."""
    import torch

    return {
        "processor": processor_name(),
        "cores": usable_cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "date": time.strftime("%Y-%m-%d"),
    }


def matrix_limits() -> dict[str, float]:
    """`matrix_limit` of each precision."""
    return {precision: matrix_limit(precision) for precision in ("fp32", "bf16", "int8")}


def matrix_limit(precision: str) -> float:
    """GFLOP a second (GOP for int8) of a product of 2048 x 2048; of the largest that is done in a second, where that
    size takes longer, as it does in precisions that the processor has no instructions for."""
    import torch

    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.int8}[precision]
    multiply = torch._int_mm if precision == "int8" else torch.matmul
    rate = 0.0
    for size in SIZES:
        left, right = (torch.ones(size, size).to(dtype) for _ in range(2))
        begun = time.perf_counter()
        multiply(left, right)
        if rate and time.perf_counter() - begun > 1:
            break
        count, begun = 0, time.perf_counter()
        while (passed := time.perf_counter() - begun) < SECONDS:
            multiply(left, right)
            count += 1
        rate = round(2 * size**3 * count / passed / 1e9, 1)
    return rate
