"""OpenVINO: the fastest way found to run these networks on a CPU (docs/performance.md).

A network is exported once and kept; from then on it loads in a fraction of a second, without torch. bf16 and int8 are
used where the processor has instructions for them.
"""

import sys
import warnings
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from medsift.encoders._arrays import Floats, Pixels
from medsift.encoders.engines import ENGINES, Network, Precision
from medsift.errors import WeightsError
from medsift.machine import usable_cores
from medsift.volume import atomic_folder

if TYPE_CHECKING:
    import openvino

# Activations are quantised in groups of so many channels: the width of ViT-B/32's rows, and the fastest measured.
GROUP = 768
MATRIX = 2  # dimensions


@dataclass(frozen=True)
class OpenVinoKind:
    """OpenVINO on the CPU in one precision."""

    name: str
    precision: Precision
    library: ClassVar[str] = "openvino"

    def runs_on(self, device: str) -> bool:
        """On a CPU that computes in this precision."""
        return device == "cpu" and self.precision in _capabilities()

    def is_tried_on(self, device: str) -> bool:
        """In every precision the processor has."""
        return self.runs_on(device)

    def is_ready(self, folder: Path) -> bool:
        """Whether the export is kept."""
        return _kept(folder, self.precision).exists()

    def make(self, network: Network, *, device: str, batch_size: int, folder: Path | None) -> "OpenVinoEngine":
        """The kept export, or a new one that is kept where there is a `folder`.

        Raises `WeightsError` where OpenVINO cannot use the network or what is kept of it.
        """
        try:
            return OpenVinoEngine(_model(network, self.precision, folder), self.precision, batch_size, network.width)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1][:200]
            where = f" as kept in {folder}; remove that folder and it is made anew" if folder else ""
            raise WeightsError(f"{network.name} cannot be run by {self.name}{where} ({reason}).") from None


for _precision in ("fp32", "bf16", "int8"):
    ENGINES.register(f"openvino_{_precision}")(OpenVinoKind(f"openvino_{_precision}", _precision))


class OpenVinoEngine:
    """A compiled model."""

    def __init__(self, model: "openvino.Model", precision: Precision, batch_size: int, width: int) -> None:
        openvino = imported_silent()
        can_bf16 = "bf16" in _capabilities()
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision != "fp32" and can_bf16 else "f32",
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP if precision == "int8" else 0,
            "INFERENCE_NUM_THREADS": usable_cores(),
            "PERFORMANCE_HINT": "LATENCY",  # one batch at a time, all threads in it
        }
        self._request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
        self._batch_size, self._width = batch_size, width

    def features(self, pixels: Pixels) -> Floats:
        """Batch by batch."""
        outputs = [np.zeros((0, self._width), np.float32)]
        for start in range(0, len(pixels), self._batch_size):
            batch = np.ascontiguousarray(pixels[start : start + self._batch_size])
            outputs.append(self._request.infer({0: batch}, share_inputs=True)[0].astype(np.float32))
        return np.concatenate(outputs)


def imported_silent() -> Any:
    """The library, kept from telling its makers of its use, which it does at import through a package of its own."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # makes an import of it fail
    import openvino

    return openvino


@cache
def _capabilities() -> frozenset[str]:
    """Precisions this processor computes in, as engines are named."""
    openvino = imported_silent()
    told = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    names = {"FP32": "fp32", "BF16": "bf16", "INT8": "int8"}
    return frozenset(names[word] for word in told if word in names)


def _model(network: Network, precision: Precision, folder: Path | None) -> "openvino.Model":
    """The network in OpenVINO's form: read from `folder`, where it is kept by form and version, or exported."""
    openvino = imported_silent()
    if folder is None:
        return _with_form(_exported(network), precision)
    kept, in_fp32 = _kept(folder, precision), _kept(folder, "fp32")
    if not kept.exists():
        model = openvino.Core().read_model(in_fp32 / "model.xml") if in_fp32.exists() else _exported(network)
        with atomic_folder(kept) as unfinished:
            openvino.save_model(_with_form(model, precision), unfinished / "model.xml", compress_to_fp16=False)
    return openvino.Core().read_model(kept / "model.xml")


def _exported(network: Network) -> "openvino.Model":
    """From torch by tracing; any number of pictures of the network's side."""
    openvino = imported_silent()
    import torch
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    from medsift.encoders.engines.torch_engine import standardised

    example = torch.zeros(2, network.side, network.side, 3, dtype=torch.uint8)
    has_shortcut = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the shortcut is one operation that nobody else knows
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Converting a tensor")  # sides become constants: here they are
            traced = torch.jit.trace(standardised(network), example, check_trace=False)  # type: ignore[no-untyped-call]
    finally:
        torch.backends.mha.set_fastpath_enabled(has_shortcut)
    reader = openvino.frontend.FrontEndManager().load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(traced, example_input=example)  # has to outlive the conversion
    model = reader.convert(reader.load(decoder))
    model.inputs[0].get_node().set_element_type(openvino.Type.u8)
    model.reshape([-1, network.side, network.side, 3])
    return model


def _kept(folder: Path, precision: Precision) -> Path:
    """Where an export lies: bf16 is read from the one in float32."""
    form = "int8" if precision == "int8" else "fp32"
    return folder / f"openvino-{form}-{version('openvino')}"


def _with_form(model: "openvino.Model", precision: Precision) -> "openvino.Model":
    if precision == "int8":
        _quantise_weights(model)
    return model


def _quantise_weights(model: "openvino.Model") -> None:
    """Weights of matrix products as int8 with one scale an output, symmetric; activations are quantised at run time.

    That is nearly all of the work in a transformer; convolutions stay as they are, and run in bf16 where it is there.
    """
    from openvino import opset13

    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        constant = node.input_value(1).get_node()
        if constant.get_type_name() != "Constant" or constant.get_data().ndim != MATRIX:
            continue
        weights = constant.get_data().astype(np.float32)
        inputs = 1 if node.get_attributes()["transpose_b"] else 0
        scale = np.maximum(np.abs(weights).max(axis=inputs, keepdims=True), np.finfo(np.float32).tiny) / 127
        whole = opset13.constant(np.round(weights / scale).astype(np.int8))
        restored = opset13.multiply(opset13.convert(whole, "f32"), opset13.constant(scale.astype(np.float32)))
        node.input(1).replace_source_output(restored.output(0))
    model.validate_nodes_and_infer_types()
