"""Which picture of a page gets which caption."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pymupdf
import pytest

from medsift.contracts import Candidate, Leaf
from medsift.sandbox import Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools
from medsift.sources._pdf.paragraphs import CAPTION
from tests.sources.pdf_parts import encoded, scene

Box = tuple[float, float, float, float]
Page = Callable[[list[Box], Mapping[tuple[float, float], str]], list[str]]

BODY = "\n".join(["These words of the text are no caption of anything at all."] * 4)
LABELLED = (
    "Illustration 1: x|Ilustración 1: x|Ilustração 1: x|Illustrazione 1: x|Bild 1: x|Figuur 1. x|"
    "Rys. 1. x|Rysunek 1. x|Obr. 1: x|Obrázek 1: x|Kuva 1. x|Şekil 1. x|ŞEKİL 1. x|Hình 1. x|Εικόνα 1. x|"
    "Slika 1. x|Ábra 1|1. ábra|1. ábra: x|Gambar 1. x|eFigure 1. x|Plate II. x|Scheme 1. x|Chart 1. x|"
    "Рис. 1. x|Рисунок 1. x|图1 x|圖 1 x|図1 x|그림 1. x|Figur 1: x|Fig. S1. x|FIGURE 1 x|Abb. 1: x|"
    "Abbildung: x|Figura: x"
)


@pytest.fixture
def captions(pdf_sandbox: Sandbox, tmp_path: Path) -> Page:
    """The captions, picture by picture, on a page with pictures at boxes and words that begin at points."""

    def found(pictures: list[Box], words: Mapping[tuple[float, float], str]) -> list[str]:
        document = pymupdf.open()
        page = document.new_page(width=600, height=800)
        for index, box in enumerate(pictures):
            picture = encoded(scene(seed=index))
            page.insert_image(pymupdf.Rect(box), stream=picture, keep_proportion=False)
        for (x, top), text in words.items():
            page.insert_text((x, top + 10), text, fontsize=10)
        document.save(tmp_path / "a.pdf")
        leaf = Leaf(str(tmp_path / "a.pdf"), "pdf", "b", path=str(tmp_path / "a.pdf"))
        items = KINDS.get("pdf")().extract(leaf, Tools(Settings(), pdf_sandbox, None))
        own = {tuple(map(round, item.place.box)): item.place.caption for item in items if isinstance(item, Candidate)}
        return [own[box] for box in pictures]

    return found


def test_captions_above_their_pictures_are_not_taken_for_those_of_the_pictures_before(captions: Page) -> None:
    pictures = [(80, 100, 300, 240), (80, 280, 300, 420), (80, 460, 300, 600)]
    words = {(80, top): f"Abbildung {number}: Aufnahme" for number, top in ((1, 84), (2, 264), (3, 444))}
    assert captions(pictures, words) == [f"Abbildung {number}: Aufnahme" for number in (1, 2, 3)]


def test_a_caption_left_over_from_the_page_before_moves_no_other(captions: Page) -> None:
    pictures = [(80, 60, 300, 200), (80, 230, 300, 370), (80, 400, 300, 540)]
    words = {(80, top): f"Figure {number}. Scan." for number, top in ((1, 34), (2, 203), (3, 373))}
    assert captions(pictures, words) == ["Figure 2. Scan.", "Figure 3. Scan.", ""]


def test_a_caption_whose_picture_is_on_the_next_page_moves_no_other(captions: Page) -> None:
    pictures = [(80, 60, 300, 200), (80, 230, 300, 370), (80, 400, 300, 540)]
    words = {(80, top): f"Figure {number}. Scan." for number, top in ((2, 217), (3, 387), (4, 557))}
    assert captions(pictures, words) == ["", "Figure 2. Scan.", "Figure 3. Scan."]


def test_a_caption_below_a_picture_is_not_that_of_one_that_hangs_under_it(captions: Page) -> None:
    pictures = [(80, 100, 300, 240), (80, 262, 300, 402)]
    assert captions(pictures, {(80, 244): "Figure 1. CT of the chest."}) == ["Figure 1. CT of the chest.", ""]


def test_a_single_caption_above_a_single_picture_is_its_own(captions: Page) -> None:
    assert captions([(80, 100, 300, 240)], {(80, 84): "Figure 1. CT."}) == ["Figure 1. CT."]


def test_a_caption_above_its_picture_is_not_that_of_a_logo_over_it(captions: Page) -> None:
    pictures = [(60, 40, 120, 85), (60, 130, 280, 295)]
    assert captions(pictures, {(60, 115): "Figure 1. CT."}) == ["", "Figure 1. CT."]


def test_a_caption_far_away_is_a_strangers(captions: Page) -> None:
    pictures = [(60, 40, 120, 85), (60, 500, 280, 665)]
    assert captions(pictures, {(60, 670): "Figure 1. CT."}) == ["", "Figure 1. CT."]


def test_a_captioned_picture_in_between_parts_a_logo_from_its_caption(captions: Page) -> None:
    pictures = [(60, 40, 120, 85), (60, 115, 280, 175)]
    assert captions(pictures, {(60, 180): "Figure 1. CT."}) == ["", "Figure 1. CT."]


def test_text_in_between_parts_picture_and_caption(captions: Page) -> None:
    pictures = [(60, 40, 280, 140)]
    assert captions(pictures, {(60, 150): BODY, (60, 240): "Figure 1. CT."}) == [""]


def test_a_stack_has_the_caption_of_the_neighbouring_column_not_beside_its_own(captions: Page) -> None:
    pictures = [(60, 100, 280, 265), (60, 300, 280, 465), (320, 100, 540, 265)]
    words = {(60, 470): "Figure 1. Left, both.", (320, 270): "Figure 2. Right."}
    assert captions(pictures, words) == ["Figure 1. Left, both.", "Figure 1. Left, both.", "Figure 2. Right."]


def test_panels_in_rows_and_stacks_share_one_caption(captions: Page) -> None:
    pictures = [(x, y, x + 100, y + 100) for y in (100, 220, 340, 460) for x in (60, 180, 300)]
    assert set(captions(pictures, {(190, 570): "Figure 1. Panels."})) == {"Figure 1. Panels."}


def test_panels_do_not_take_the_caption_of_a_drawing_above_them(captions: Page) -> None:
    pictures = [(60, 150, 280, 250), (60, 260, 280, 360)]
    words = {(60, 120): "Figure 1. Curves.", (60, 365): "Figure 2. Panels."}
    assert captions(pictures, words) == ["Figure 2. Panels."] * 2


def test_a_caption_in_the_margin_is_that_of_the_picture_beside_it(captions: Page) -> None:
    assert captions([(60, 100, 280, 265)], {(290, 150): "Figure 1. CT."}) == ["Figure 1. CT."]


def test_a_table_s_words_above_it_are_not_the_caption_of_the_picture_before(captions: Page) -> None:
    words = {(80, 244): "Figure 1. CT.", (80, 300): "Table 1. Doses."}
    assert captions([(80, 100, 300, 240)], words) == ["Figure 1. CT."]


def test_captions_beamer_sets_have_no_number(captions: Page) -> None:
    assert captions([(80, 100, 300, 240)], {(80, 244): "Figure: CT of the chest"}) == ["Figure: CT of the chest"]


@pytest.mark.parametrize("text", LABELLED.split("|"))
def test_labels_of_many_languages_begin_a_caption(text: str) -> None:
    assert CAPTION.match(text.strip())


@pytest.mark.parametrize(
    "text", ["Images of the chest", "Kuvat ja", "Bilder 1", "Bild: dpa", "Plates were read", "Charts show", "Figure"]
)
def test_words_that_only_begin_like_a_label_begin_none(text: str) -> None:
    assert not CAPTION.match(text)
