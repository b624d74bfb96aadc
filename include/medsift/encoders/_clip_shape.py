"""What has to be known of a CLIP model before it runs, kept on the volume: to ask open_clip takes torch and seconds."""

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version

from medsift.encoders import View
from medsift.encoders._model_files import Files, digest_of
from medsift.encoders.engines import Colour
from medsift.volume import Volume, write_atomically


@dataclass(frozen=True)
class ClipShape:
    """Width of its vectors, and its own preprocessing: mean and deviation per channel, of values between 0 and 1."""

    dimension: int
    view: View
    mean: Colour
    deviation: Colour


def clip_shape(model_name: str, tag: str, size: int, files: Files, volume: Volume) -> ClipShape:
    """As open_clip says, or as it said before on a volume that is there; raises as `configuration`, `preprocessing`."""
    asked = [model_name, tag, size, digest_of("", files), version("open_clip_torch")]
    kept = volume.clip_shape(hashlib.sha256(json.dumps(asked).encode()).hexdigest())
    if kept.exists():
        known = json.loads(kept.read_text(encoding="utf-8"))
        view = View(**known["view"] | {"enhance": tuple(known["view"]["enhance"])})
        return ClipShape(known["dimension"], view, tuple(known["mean"]), tuple(known["deviation"]))
    shape = _asked(model_name, tag, size, files)
    if volume.root.is_dir():
        write_atomically(kept, json.dumps(asdict(shape), indent=1).encode() + b"\n")
    return shape


def _asked(model_name: str, tag: str, size: int, files: Files) -> ClipShape:
    from medsift.encoders._open_clip import configuration, preprocessing

    dimension = int(configuration(model_name, files)["embed_dim"])
    own = preprocessing(model_name, tag, size, files)
    return ClipShape(dimension, own.view, own.mean, own.deviation)
