import pytest

from medsift.errors import UsageError
from medsift.evaluation.expected import COLUMNS, score_expected

ROWS = """\
papers/a.pdf,1,50 100 250 300,,kept,medical,mri,left,
papers/a.pdf,1,300 100 500 300,,kept,non-medical,plot,right,
papers/a.pdf,2,50 100 250 300,,kept,medical,ct,second page,
web/pictures/p1.jpg,,,,kept,non-medical,photo,web,
folder/c.dcm,,,1,kept,medical,ultrasound,frame 1,
folder/c.dcm,,,2,kept,medical,ultrasound,frame 2,
folder/d.jpg,,,,exact_duplicate,non-medical,photo,twin,
folder/e.jpg,,,,failed,,,broken,
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "expected.csv"
    path.write_text(",".join(COLUMNS) + "\n" + ROWS)
    return path


def picture(verdict, *occurrences):
    return {"verdict": verdict, "probability": 0.9 if verdict == "medical" else 0.1, "occurrences": list(occurrences)}


def place(source, page=None, box=None, url=None, path=None):
    return {"source": source, "kind": "", "page": page, "box": box, "url": url, "path": path, "caption": ""}


def all_right():
    pdf = "/anywhere/sample/papers/a.pdf"
    twin = place("/x/folder/d.jpg", path="/x/folder/d.jpg")
    return [
        picture("medical", place(pdf, 1, [52, 98, 251, 302])),
        picture("non-medical", place(pdf, 1, [300, 100, 500, 300])),
        picture("medical", place(pdf, 2, [50, 100, 250, 300])),
        picture("non-medical", place("http://h:1/index.html", url="http://h:1/pictures/p1.jpg?v=2"), twin),
        picture("medical", place("/x/folder/c.dcm")),
        picture("medical", place("/x/folder/c.dcm")),
    ]


def test_pictures_are_found_by_page_and_box_by_address_and_by_path(table):
    assert score_expected(table, all_right()) == (7, 7, [])


def test_a_wrong_verdict_is_named_with_its_place(table):
    pictures = all_right()
    pictures[1] |= {"verdict": "medical", "probability": 0.7}
    score = score_expected(table, pictures)
    assert (score.right, score.total) == (6, 7)
    assert [(row.expected.title, row.verdict, row.probability) for row in score.wrong] == [("right", "medical", 0.7)]


def test_a_picture_that_was_not_kept_is_wrong(table):
    pictures = all_right()
    del pictures[2], pictures[-1]
    assert [row.expected.title for row in score_expected(table, pictures).wrong] == ["second page", "frame 2"]
    assert [row.verdict for row in score_expected(table, pictures).wrong] == [None, None]


def test_a_picture_elsewhere_on_the_page_is_not_taken_for_it(table):
    pictures = [picture("medical", place("/s/papers/a.pdf", 1, [50, 500, 250, 700]))]
    assert score_expected(table, pictures).right == 0


def test_a_table_that_is_none_is_refused(tmp_path):
    path = tmp_path / "expected.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="no table of expected labels"):
        score_expected(path, [])
