"""Reads every PDF of a folder and sets the pictures found beside those listed in its sources.csv.

    python tools/compare_pdf_pictures.py ../shared/pdfs

The list counts what PyMuPDF's get_image_info reports, gradients and each strip included; notes say where that differs.
"""

import csv
import io
import sys
import time
from pathlib import Path

from PIL import Image

from medsift.contracts import Candidate, Leaf, Missed
from medsift.errors import SourceError
from medsift.sandbox import Limits, Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools

NOTES = {
    "blendmode.pdf": "16 pairs of pictures blended in one place are 16 pictures",
    "brain-extraction-slides.pdf": "a gradient on every slide is listed",
    "bug1815476.pdf": "stencils that make up one page are joined",
    "feline-tiles.pdf": "tiles joined; tiles off the page are refused",
    "issue17065.pdf": "three gradients are listed",
    "lungct-strips.pdf": "49 strips make 5 figures",
    "made-600pages-large-pictures.pdf": "the list gave up after 20 s",
    "made-rotate-flip-offpage.pdf": "one off the page is refused, two are cut to under 64 px",
    "made-type3-pattern-form-inline.pdf": "pictures in Type 3 glyphs are not listed",
    "ms-lesion-slides.pdf": "a gradient on every slide is listed",
    "news-photos.pdf": "pictures one upon the other are one, or refused as covered; 6 lie off the page",
    "made-bomb-rgb-30000.pdf": "the good neighbour of the picture that is too large",
    "nodule-ct.pdf": "two pieces of one figure are joined",
    "smaskdim.pdf": "its soft mask is finer than the picture",
    "sns-accelerator.pdf": "32 pieces that touch make 13 pictures",
    "superres-stencils.pdf": "22 stencils that are letters are refused",
    "tracemonkey.pdf": "33 bars are cut by a clip to under 64 px, 20 pieces make 10 pictures",
}


def main(folder: Path) -> None:
    settings, kind = Settings(), KINDS.get("pdf")()
    with (folder / "sources.csv").open(newline="", encoding="utf-8") as rows:
        listed = {row["file"]: row["pictures_64px"] for row in csv.DictReader(rows)}
    total, seconds, files = 0, 0.0, []
    with Sandbox(Limits(settings.child_timeout_s, settings.child_memory_mb)) as sandbox:
        for name in sorted(listed):
            began, found, refused, parts, end = time.monotonic(), 0, 0, 0, ""
            path = str(folder / name)
            try:
                for one in kind.extract(Leaf(path, "pdf", "b", path=path), Tools(settings, sandbox, None)):
                    if isinstance(one, Candidate):
                        found += min(Image.open(io.BytesIO(one.data)).size) >= settings.min_image_size["pdf"]
                    elif isinstance(one, Missed):
                        refused, parts = refused + (not one.is_part), parts + one.is_part
            except SourceError as error:
                end = str(error)
            took = time.monotonic() - began
            total, seconds = total + found, seconds + took
            files.append((took, name))
            remark = end or (NOTES.get(name, "?") if listed[name] not in (str(found), "") else "")
            print(f"{name[:44]:44} listed {listed[name] or '-':>5} found {found:5} refused {refused:4} parts {parts:3}"
                  f" {took:6.1f} s  {remark}")  # fmt: skip
    print(f"{len(files)} files, {total} pictures, {seconds:.0f} s; slowest: {max(files)[1]} ({max(files)[0]:.0f} s)")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
