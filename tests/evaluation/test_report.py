import io
import json
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from medsift.errors import UsageError
from medsift.evaluation.metrics import measure
from medsift.evaluation.predictions import Prediction
from medsift.evaluation.report import most_wrong, write_results
from medsift.evaluation.run_report import contact_sheet_html, review_first, run_report_html, verdicts_by_source
from medsift.modelsets.operating_points import OperatingPoint

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u202e{{ 7 * 7 }}"


class Page(HTMLParser):
    """Tags and attributes of a page, to see what a browser would load or run."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.words.append(data)


def assert_harmless(html):
    page = Page(html)
    assert not {"script", "iframe", "link", "object", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert all(value.startswith("data:image/webp;base64,") for name, value in page.attributes if name == "src")
    assert not [value for name, value in page.attributes if name == "href"]
    return page


def thumbnail(colour="red"):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "WEBP")
    return buffer.getvalue()


def prediction(file, label, probability, **more):
    verdict = "medical" if probability >= 0.5 else "non-medical"
    more |= {"verdict": verdict, "probability": probability, "confidence": max(probability, 1 - probability)}
    return Prediction(file, label, **more)


PREDICTIONS = [
    prediction("a.png", "medical", 0.9, kind="ct", source="s", votes={"words": 0.9}),
    prediction("b.png", "medical", 0.2, kind=HOSTILE, source="t", predicted_kind=HOSTILE),
    prediction(HOSTILE, "non-medical", 0.95, kind="photo", source="t"),
    Prediction(f"c{HOSTILE}", "non-medical", state="failed"),
]


def run_result(pictures=(), rejected=(), sources=()):
    medical = sum(picture["verdict"] == "medical" for picture in pictures)
    states = {"done": len(sources), "partial": 0, "empty": 0, "unchanged": 0, "failed": 0}
    found = {"found": len(pictures) + len(rejected), "kept": len(pictures), "exact_duplicates": 0, "failed": 0}
    found |= {"rejected": len(rejected), "medical": medical, "non_medical": len(pictures) - medical}
    return {
        "version": "0.1.0",
        "run": {"id": "r1", "profile": "lite", "model_set": None, "prompt_set": "figures", "seconds": 3.25},
        "counts": {
            "sources": {"given": len(sources), **states},
            "pictures": found | {"to_review": sum(picture["needs_review"] for picture in pictures)},
        },
        "sources": list(sources),
        "pictures": list(pictures),
        "rejected": list(rejected),
    }


def picture(name, verdict="medical", confidence=0.9, needs_review=False, source="/in/a.pdf", caption=""):
    place = {"source": source, "kind": "pdf", "page": 2, "box": None, "url": None, "path": None, "caption": caption}
    return {
        "sha256": name, "width": 9, "height": 9, "verdict": verdict, "probability": confidence,
        "confidence": confidence, "kind": HOSTILE, "needs_review": needs_review, "near_duplicate_of": None,
        "votes": {}, "occurrences": [place],
    }  # fmt: skip


def source(name, state="done", reason=""):
    return {"source": name, "kind": "pdf", "state": state, "reason": reason, "found": 1}


def test_results_are_three_files_that_agree(tmp_path):
    metrics = measure(PREDICTIONS, 1.0, 50.0)
    write_results(tmp_path / "new", PREDICTIONS, metrics, {"b.png": thumbnail()})
    assert json.loads((tmp_path / "new/metrics.json").read_text()) == metrics
    assert len((tmp_path / "new/predictions.csv").read_text().splitlines()) == 5
    page = assert_harmless((tmp_path / "new/report.html").read_text())
    assert page.tags.count("img") == 1
    assert "svg" in page.tags


def test_the_report_says_what_a_recall_costs_where_the_model_set_knows_it(tmp_path):
    points = [OperatingPoint(0.95, 0.123456, 0.95, 0.8, 0.1)]
    bold = Prediction("bold.png", "medical", verdict="medical", probability=0.15, confidence=0.15)
    write_results(tmp_path, [*PREDICTIONS, bold], measure([*PREDICTIONS, bold], 1.0, 50.0, points))
    words = assert_harmless((tmp_path / "report.html").read_text()).words
    at = words.index("0.95")
    assert [word for word in words[at:] if word.strip()][:5] == [
        "0.95",
        "0.123456",
        "100.0\xa0%",
        "75.0\xa0%",
        "50.0\xa0%",
    ]
    assert words.count("What a recall costs") == 1
    write_results(tmp_path, PREDICTIONS, measure(PREDICTIONS, 1.0, 50.0))
    assert "What a recall costs" not in (tmp_path / "report.html").read_text()


def test_the_most_confident_mistakes_come_first_and_the_undecided_are_apart():
    assert [wrong.file for wrong in most_wrong(PREDICTIONS)] == [HOSTILE, "b.png"]


def test_one_class_without_kind_or_source_has_a_report_too(tmp_path):
    lonely = [prediction("a", "medical", 0.9)]
    write_results(tmp_path, lonely, measure(lonely, 0.0, 1.0))
    assert "Evaluation" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        (["s", "t", "t"], "by bootstrap over 2 sources."),
        (["s", "s", ""], "by bootstrap over 2 sources; the 1 pictures without one count as their own."),
        (["", "", ""], "by bootstrap over single pictures, as no source is named: sources never seen vary more."),
    ],
)
def test_the_report_says_over_what_its_intervals_are_drawn(sources, sentence, tmp_path):
    made = [prediction(f"{number}", "medical", 0.9, source=source) for number, source in enumerate(sources)]
    write_results(tmp_path, made, measure(made, 1.0, 1.0))
    assert sentence in (tmp_path / "report.html").read_text()


def test_what_must_be_known_to_read_the_figures_stands_above_them(tmp_path):
    write_results(tmp_path, PREDICTIONS, measure(PREDICTIONS, 1.0, 1.0), notes=[f"Known: {HOSTILE}"])
    html = (tmp_path / "report.html").read_text()
    assert_harmless(html)
    assert html.index("Known: ") < html.index("balanced accuracy")


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_results(tmp_path / "file", PREDICTIONS, measure(PREDICTIONS, 1.0, 1.0))


@pytest.mark.parametrize("make", [run_report_html, contact_sheet_html])
def test_hostile_words_of_sources_stay_words(make):
    pictures = [picture("a", caption=HOSTILE), picture("b", "non-medical", source=f"/in/{HOSTILE}.pdf")]
    rejected = [{"source": HOSTILE, "where": HOSTILE, "state": "rejected", "reason": HOSTILE}]
    html = make(run_result(pictures, rejected, [source(HOSTILE, "partial", HOSTILE)]), {"a": thumbnail()})
    page = assert_harmless(html)
    assert "{{ 7 * 7 }}" in "".join(page.words)


def test_the_report_forbids_the_browser_to_load_or_run_anything():
    html = run_report_html(run_result(), {})
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_pictures_to_review_come_first_the_least_certain_foremost():
    given = [picture("sure", confidence=0.99), picture("b", confidence=0.6), picture("c", needs_review=True)]
    given.append(picture("d", confidence=0.55, needs_review=True))
    assert [shown["sha256"] for shown in review_first(given)] == ["d", "c", "b", "sure"]


def test_verdicts_are_counted_in_every_source_a_picture_stands_in():
    both = picture("a", needs_review=True, source="x")
    both["occurrences"].append(both["occurrences"][0] | {"source": "y"})
    rows = verdicts_by_source(run_result([both], sources=[source("x"), source("y"), source("z", "failed")]))
    assert [(row["source"], row["medical"], row["to_review"]) for row in rows] == [
        ("x", 1, 1),
        ("y", 1, 1),
        ("z", 0, 0),
    ]


def test_a_report_of_many_pictures_says_how_many_it_leaves_out():
    html = run_report_html(run_result([picture(f"{i:03}") for i in range(310)]), {})
    assert html.count('<li class="card') == 300
    assert "10 more are in the CSV" in html
