"""How torch is made ready: the operators torchvision lacks beside a CPU build, and the device."""

from functools import cache
from typing import TYPE_CHECKING, Any

from medsift.errors import SettingError

if TYPE_CHECKING:
    import torch

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


def choose_device(wanted: str) -> "torch.device":
    """The device for `auto`, `cpu` or `cuda`; raises `SettingError` where cuda is asked for and there is none."""
    import torch

    has_gpu = torch.cuda.is_available()
    if wanted == "cuda" and not has_gpu:
        raise SettingError("device", wanted, "auto or cpu on this machine, torch finds no GPU")
    return torch.device("cuda" if has_gpu and wanted != "cpu" else "cpu")
