"""A small web page with its pictures: plain, lazy, with a srcset, in a noscript, and an icon."""

import shutil
from pathlib import Path

from PIL import Image
from sample.originals import ORIGINALS, Original, jpeg, png

from medsift.evaluation.expected import Expected

PAGE = Path(__file__).with_name("page.html")
PICTURES = {
    "p01.jpg": ("china", ""),
    "p02.jpg": ("flower", "lazy: data-src, a placeholder in src"),
    "p03.jpg": ("coronal-120", "the larger of a srcset"),
    "p04.png": ("tissue", "loading=lazy"),
    "p05.png": ("matrix", "a link around it"),
    "p06.jpg": ("sagittal-70", "in a noscript"),
    "p07.jpg": ("rocket", ""),
    "p08.jpg": ("coronal-90", ""),
}


def write_web(folder: Path) -> list[Expected]:
    """Write the page, to be served from `folder`; returns the address path of each picture and what it is."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PAGE, folder / "index.html")
    rows = []
    for file, (name, note) in PICTURES.items():
        original = ORIGINALS[name]
        (pictures / file).write_bytes(original.read())
        rows.append(_row(f"{folder.name}/pictures/{file}", original, note))
    small = ORIGINALS["coronal-120"].image()
    small.thumbnail((210, 210))
    (pictures / "p03-small.jpg").write_bytes(jpeg(small))
    icon = ORIGINALS["logo"].image().resize((32, 32), Image.Resampling.LANCZOS)
    (pictures / "icon.png").write_bytes(png(icon))
    where = f"{folder.name}/pictures/icon.png"
    rows.append(Expected(where, None, None, None, "rejected", "", "", ORIGINALS["logo"].title, "32 px"))
    return rows


def _row(where: str, original: Original, note: str) -> Expected:
    return Expected(where, None, None, None, "kept", original.label, original.kind, original.title, note)
