"""How torch is made ready: the operators torchvision lacks beside a CPU build, and the device."""

from functools import cache
from pathlib import Path
from typing import Any

from medsift.errors import SettingError

ACCELERATOR_NODES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # NVIDIA, AMD, either within WSL2
_keep: list[Any] = []  # a torch.library.Library lives as long as its object


@cache
def declare_torchvision_operators() -> None:
    """Make `import torchvision` (hence timm, open_clip and transformers) work beside a torch built without CUDA.

    PyPI's torchvision for Linux is built for CUDA: beside a CPU torch its compiled part does not load and its Python
    part fails on operators nobody declared. Only their signatures are needed. Where the builds match, nothing is done.
    """
    import torch

    try:
        import torchvision  # noqa: F401  asked for its failure
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _keep.append(library)


def device_name(wanted: str) -> str:
    """cpu or cuda for the setting `device`; raises `SettingError` where cuda is asked for and there is none.

    torch is asked only where the system shows an accelerator: importing it takes seconds.
    """
    has_gpu = wanted != "cpu" and any(Path(node).exists() for node in ACCELERATOR_NODES) and _torch_sees_gpu()
    if wanted == "cuda" and not has_gpu:
        raise SettingError("device", wanted, "auto or cpu on this machine, torch finds no GPU")
    return "cuda" if has_gpu else "cpu"


def _torch_sees_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
