"""Formulas, set by matplotlib's mathtext: one, or some below each other."""

import io

import numpy as np
from alignment.drawn.shapes import Draw, Pixels
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

FONTS = ("cm", "cm", "stix", "dejavusans", "dejavuserif", "stixsans")
LATIN = tuple("abcdfgijkmnpqrstuvwxyzABCEFGHLMNPRSTVXZ012")
GREEK = (r"\alpha", r"\beta", r"\gamma", r"\theta", r"\lambda", r"\mu", r"\sigma", r"\phi", r"\psi", r"\Omega", r"\pi")
LETTERS = (*LATIN, *GREEK, r"\Delta", r"\hat{y}", r"\bar{x}", r"\mathbf{x}", r"\mathcal{L}")
SIGNS = ("+", "-", r"\cdot", r"\times", ",", r"\pm", r"\otimes", "")
RELATIONS = ("=", "=", "=", r"\leq", r"\approx", r"\in", r"\to", r"\propto", r"\equiv", ">")
NAMES = (r"\sin", r"\cos", r"\log", r"\exp", "f", "p", r"\mathrm{E}", r"\mathrm{softmax}")
SUMS = (r"\sum", r"\int", r"\prod", r"\lim")


def draw_equation(draw: Draw) -> Pixels:
    """1 to 5 lines."""
    count = int(draw.choice([1, 1, 1, 2, 3, 5]))
    lines = [_line(draw) for _ in range(count)]
    with rc_context({"mathtext.fontset": str(draw.choice(FONTS))}):
        figure = Figure(figsize=(9, 1.1 * count), dpi=60)
        for row, line in enumerate(lines):
            figure.text(0.02, 1 - (row + 0.6) / count, line, fontsize=draw.uniform(20, 34), va="center")
        buffer = io.BytesIO()
        figure.savefig(buffer, bbox_inches="tight", pad_inches=draw.uniform(0, 0.5))
    sheet = np.asarray(Image.open(buffer).convert("RGB"))
    return 255 - sheet if draw.random() < 0.08 else sheet


def _line(draw: Draw) -> str:
    left, right = _side(draw, int(draw.integers(0, 2))), _side(draw, int(draw.integers(0, 3)))
    return f"${left} {draw.choice(RELATIONS)} {right}$"


def _side(draw: Draw, depth: int) -> str:
    terms = [_term(draw, depth) for _ in range(draw.integers(1, 4))]
    return f" {draw.choice(SIGNS)} ".join(terms)


def _term(draw: Draw, depth: int) -> str:
    first, second, third = (str(letter) for letter in draw.choice(LETTERS, 3))
    if depth == 0 or draw.random() < 0.4:
        forms = (
            first,
            first,
            rf"{{{first}}}_{{{second}}}",
            rf"{{{first}}}_{{{second} {third}}}",
            rf"{first}^{{{second}}}",
        )
        return str(draw.choice(forms))
    inner, other = _side(draw, depth - 1), _side(draw, depth - 1)
    forms = (
        rf"\frac{{{inner}}}{{{other}}}",
        rf"\sqrt{{{inner}}}",
        rf"{draw.choice(SUMS)}_{{{first}=1}}^{{{second}}} {_term(draw, depth - 1)}",
        rf"{draw.choice(NAMES)}\left({inner}\right)",
        rf"\left[{inner}\right]^{{{third}}}",
    )
    return str(draw.choice(forms))
