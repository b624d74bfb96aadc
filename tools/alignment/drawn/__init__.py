"""Drawn pictures of kinds of which few real ones could be had: they are trained on and never judged.

Only what can be drawn from how such a picture comes about (counts of a tracer, contrast in vessels, grains and pores,
stars, radioscopy); wounds and the like cannot.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from alignment.drawn.angiography import draw_angiogram
from alignment.drawn.industrial import draw_radioscopy
from alignment.drawn.materials import draw_micrograph
from alignment.drawn.nuclear import draw_scintigram
from alignment.drawn.shapes import Draw, Pixels
from alignment.drawn.sky import draw_sky
from PIL import Image

KINDS: dict[str, tuple[str, int, Callable[[Draw], Pixels]]] = {
    "nuclear": ("medical", 60, draw_scintigram),
    "angiography": ("medical", 40, draw_angiogram),
    "micrograph-materials": ("non-medical", 50, draw_micrograph),
    "night-sky": ("non-medical", 30, draw_sky),
    "industrial-xray": ("non-medical", 30, draw_radioscopy),
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
