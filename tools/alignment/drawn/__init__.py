"""Drawn pictures of kinds of which few real ones could be had: they are trained on and never judged.

Only what can be drawn from how such a picture comes about (counts of a tracer, contrast in vessels, stained cells,
grains and pores, stars, radioscopy, echoes, bands in gels, set figures); wounds and the like cannot.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from alignment.drawn.aerial import draw_ground
from alignment.drawn.angiography import draw_angiogram
from alignment.drawn.depths import draw_depth_map
from alignment.drawn.diagrams import draw_diagram
from alignment.drawn.equations import draw_equation
from alignment.drawn.gels import draw_gel
from alignment.drawn.industrial import draw_radioscopy
from alignment.drawn.maps import draw_map
from alignment.drawn.materials import draw_micrograph
from alignment.drawn.nuclear import draw_scintigram
from alignment.drawn.shapes import Draw, Pixels
from alignment.drawn.sky import draw_sky
from alignment.drawn.smears import draw_smear
from alignment.drawn.sonar import draw_sonar
from alignment.drawn.spectrograms import draw_spectrogram
from alignment.drawn.surfaces import draw_surface
from alignment.drawn.thermal import draw_thermogram
from PIL import Image

KINDS: dict[str, tuple[str, int, Callable[[Draw], Pixels]]] = {
    "nuclear": ("medical", 120, draw_scintigram),
    "angiography": ("medical", 60, draw_angiogram),
    "microscopy-clinical": ("medical", 70, draw_smear),
    "micrograph-materials": ("non-medical", 80, draw_micrograph),
    "night-sky": ("non-medical", 70, draw_sky),
    "industrial-xray": ("non-medical", 50, draw_radioscopy),
    "texture": ("non-medical", 50, draw_surface),
    "thermal": ("non-medical", 60, draw_thermogram),
    "aerial": ("non-medical", 50, draw_ground),
    "map": ("non-medical", 60, draw_map),
    "spectrogram": ("non-medical", 40, draw_spectrogram),
    "equation": ("non-medical", 60, draw_equation),
    "diagram": ("non-medical", 60, draw_diagram),
    "gel": ("non-medical", 50, draw_gel),
    "depth-map": ("non-medical", 40, draw_depth_map),
    "sonar": ("non-medical", 60, draw_sonar),
}


def draw_all(folder: Path) -> pd.DataFrame:
    """Draw what is not in `folder` yet; rows as in the manifest of the training pictures, `file` being a full path."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (kind, (label, count, draw)) in enumerate(KINDS.items()):
        for which in range(count):
            file = folder / f"{kind}-{which:03}.png"
            if not file.exists():
                Image.fromarray(draw(np.random.default_rng([number, which]))).save(file)
            rows.append({"file": str(file), "label": label, "kind": kind, "source": f"drawn-{kind}"})
    return pd.DataFrame(rows).assign(licence="drawn by tools/alignment/drawn")


def digest_of_drawings() -> str:
    """Of the code that draws: what other code drew, or what was computed from it, is not what this would draw."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
