"""Tensors out of a checkpoint without running anything that stands in it.

safetensors hold no code. Pickles are read by torch with `weights_only`. OpenAI's CLIP is a TorchScript archive, which
`torch.jit.load` would compile: here only its table of attributes is read, every class in it an inert bag.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medsift.errors import WeightsError

if TYPE_CHECKING:
    import torch

State = dict[str, "torch.Tensor"]
TABLE, CONSTANTS = "data.pkl", "constants.pkl"
SCRIPTED = "__torch__"  # module under which TorchScript names its classes


def is_torchscript(path: Path) -> bool:
    """Whether the file is a TorchScript archive: a zip with a table of constants."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith(f"/{CONSTANTS}") for name in archive.namelist())


def torchscript_state(path: Path) -> State:
    """All tensors of a TorchScript archive by the dotted name of the attribute that holds them.

    Raises `WeightsError` where its table names anything but tensors, numbers and plain containers.
    """
    with zipfile.ZipFile(path) as archive:
        table = next(name for name in archive.namelist() if name.count("/") == 1 and name.endswith(f"/{TABLE}"))
        root = table.removesuffix(TABLE)
        with archive.open(table) as file:
            try:
                module = _Table(file, lambda key: archive.read(f"{root}data/{key}")).load()
            except (pickle.UnpicklingError, KeyError, ValueError, TypeError, EOFError) as error:
                raise WeightsError(f"{path} is no archive of tensors alone ({error}).", "It is not used.") from None
    return dict(_tensors(module))


@contextmanager
def read_for(model_name: str, path: Path, hint: str = "") -> Iterator[None]:
    """Turn what can go wrong while a network takes its tensors from a file into a `WeightsError`.

    `hint` is added where they do not fit.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (RuntimeError, AttributeError) as error:
        raise WeightsError(f"The tensors of {path} do not fit {model_name}: {str(error)[:300]}", hint) from None
    except (pickle.UnpicklingError, SafetensorError) as error:
        raise WeightsError(f"{path} is no file of tensors alone: {str(error)[:300]}", "It is not used.") from None


class _Bag:
    """An object of the archive: attributes, no behaviour."""


class _Table(pickle.Unpickler):
    """Knows how to put tensors together and nothing else: no name in the file reaches any other code."""

    def __init__(self, file: Any, read: Callable[[str], bytes]) -> None:
        super().__init__(file)
        self._read = read
        self._storages: dict[str, torch.Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == SCRIPTED or module.startswith(f"{SCRIPTED}."):
            return _Bag
        known = {
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("collections", "OrderedDict"): OrderedDict,
            ("torch.jit._pickle", "restore_type_tag"): _first,
            **{("torch.jit._pickle", f"build_{kind}list"): _first for kind in ("int", "tensor", "double", "bool")},
        }
        if module == "torch" and name.endswith("Storage"):
            return _dtype(name)
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return known[module, name]

    def persistent_load(self, pid: Any) -> "torch.Tensor":
        import torch

        _, dtype, key, _, _ = pid
        if key not in self._storages:
            data = bytearray(self._read(str(key)))
            self._storages[key] = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        return self._storages[key]


def _first(value: Any, *_: Any) -> Any:
    return value


def _tensor(storage: "torch.Tensor", offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Any:
    return storage.as_strided(size, stride, offset)


def _dtype(storage: str) -> "torch.dtype":
    import torch

    kind = {"Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Double": "float64"}
    kind |= {"Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool"}
    name = storage.removesuffix("Storage")
    if name not in kind:
        raise pickle.UnpicklingError(f"it names torch.{storage}")
    dtype: torch.dtype = getattr(torch, kind[name])
    return dtype


def _tensors(module: _Bag, prefix: str = "") -> Iterator[tuple[str, "torch.Tensor"]]:
    import torch

    for name, value in vars(module).items():
        if isinstance(value, torch.Tensor):
            yield prefix + name, value
        elif isinstance(value, _Bag):
            yield from _tensors(value, f"{prefix}{name}.")
