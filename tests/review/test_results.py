"""Results, picture pages and REST: filters, pages that go on, what is told of a picture."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from tests.review.made import MANY, MODEL_SET, PROMPTS, Made, identity, picture_row, verdict_of

pytestmark = pytest.mark.postgres


def listed(client, **filters):
    return [
        each["sha256"] for each in client.get("/api/v1/pictures", params={"limit": 500, **filters}).json()["pictures"]
    ]


FILTERS = {
    "label": ({"label": "medical"}, lambda made: made.probability >= 0.5),
    "kind": ({"kind": "plot"}, lambda made: made.kind == "plot"),
    "confidence": (
        {"min_confidence": 0.6, "max_confidence": 0.9},
        lambda made: 0.6 <= max(made.probability, 1 - made.probability) <= 0.9,
    ),
    "histogram": ({"min_probability": 0.5, "max_probability": 0.55}, lambda made: 0.5 <= made.probability < 0.55),
    "review": ({"needs_review": True}, lambda made: made.probability < 0.8),
    "source": ({"source": "/in/1.pdf"}, lambda made: made.source == "/in/1.pdf"),
    "source kind": ({"source_kind": "web"}, lambda made: False),
    "run": ({"run": "run-1"}, lambda made: True),
    "disputed": ({"disputed": True}, lambda made: made.agreement < 1),
    "duplicates": ({"duplicates": True}, lambda made: made.number == 5),
    "cluster": ({"cluster": 3}, lambda made: made.cluster == 3),
    "words": ({"words": "figur 14"}, lambda made: str(made.number).startswith("14")),
    "two": ({"kind": "plot", "source": "/in/0.pdf"}, lambda made: made.kind == "plot" and made.source == "/in/0.pdf"),
    "empty fields": ({"kind": "", "needs_review": "", "words": ""}, lambda made: True),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_let_through_what_they_say_and_counts_add_up(many, anna, name):
    filters, passes = FILTERS[name]
    expected = {made.sha256 for made in MANY if passes(made)}
    assert set(listed(anna, **filters)) == expected
    totals = anna.get("/api/v1/totals", params=filters).json()
    assert totals["pictures"] == len(expected) == totals["medical"] + totals["non_medical"]
    assert sum(totals["histogram"]) == sum(count for *_, count in totals["kinds"]) == len(expected)


@pytest.mark.parametrize(
    ("caption", "words"),
    [("PET/CT of the liver", "CT"), ("CT/MRI", "MRI"), ("T1/T2 weighted", "T1/T2"), ("dose of 0.85 mg", "0.85"),
     ("see Fig.1", "Fig.1"), ("Röntgen: Schädel", "schädel"), ("Εγκέφαλος: MRI", "εγκέφαλος"),
     ("Crohn's disease", "crohn's")],
)  # fmt: skip
def test_words_are_what_stands_between_signs(bench, anna, caption, words):
    bench.publish(Made(1, 0.6, caption=caption), Made(2, 0.6, caption="nothing of it"))
    assert listed(anna, words=words) == [identity(1)]


def test_signs_alone_find_nothing(many, anna):
    assert listed(anna, words="%% /") == []


def test_pictures_of_unknown_kind_are_found_by_the_link_that_counts_them(bench, anna):
    bench.publish(Made(1, 0.6, kind=""), Made(2, 0.6))
    anna.post("/api/v1/labels", json={"labels": [{"sha256": identity(2), "label": "non-medical"}]})
    totals = anna.get("/api/v1/totals").json()
    assert {kind for _, kind, _ in totals["kinds"]} == {""}
    assert set(listed(anna, kind="unknown")) == {identity(1), identity(2)}


def test_a_cluster_is_that_of_the_model_set_in_use_unless_another_is_named(bench, anna):
    bench.publish(Made(1, 0.6, cluster=3), Made(2, 0.6, cluster=4), model_set="set-1")
    bench.publish(Made(3, 0.6, cluster=3), run="run-2", model_set="set-2")
    for filters, expected in (
        ({"cluster": 3}, {3}),
        ({"cluster": 3, "model_set": "set-2"}, {3}),
        ({"cluster": 3, "model_set": "set-1"}, {1}),
        ({"model_set": "set-1"}, {1, 2}),
    ):
        assert set(listed(anna, **filters)) == set(map(identity, expected))
        assert anna.get("/api/v1/totals", params=filters).json()["pictures"] == len(expected)


def test_the_link_to_the_cluster_of_a_picture_leads_to_that_of_its_model_set(bench, anna):
    bench.publish(Made(1, 0.6, cluster=3), model_set="set-1")
    bench.publish(Made(2, 0.6, cluster=3), run="run-2", model_set="set-2")
    link = "/results?cluster=3&amp;model_set=set-1"
    assert f'href="{link}"' in anna.get(f"/picture/{identity(1)}").text
    found = anna.get(link.replace("&amp;", "&")).text
    assert (identity(1) in found, identity(2) in found) == (True, False)
    assert '<input type="hidden" name="model_set" value="set-1">' in found


@pytest.mark.parametrize("mark", ["0.5~%00", "x", "~"])
def test_a_mark_that_no_page_gave_is_refused(many, anna, mark):
    assert anna.get(f"/api/v1/pictures?after={mark}&sort=surest").status_code == 422


@pytest.mark.parametrize("sort", ["newest", "least_sure", "surest", "most_medical", "least_medical"])
def test_pages_go_on_without_a_gap_or_a_repeat(many, anna, sort):
    seen, after = [], None
    while True:
        params = {"sort": sort, "limit": 40} | ({"after": after} if after else {})
        page = anna.get("/api/v1/pictures", params=params).json()
        seen += page["pictures"]
        after = page["next"]
        if after is None:
            break
    assert [each["sha256"] for each in seen] == listed(anna, sort=sort)
    assert len({each["sha256"] for each in seen}) == len(MANY)
    if sort == "most_medical":
        assert seen == sorted(seen, key=lambda each: -each["probability"])


def test_a_label_shows_at_once(many, anna):
    labels = {"labels": [{"sha256": identity(0), "label": "medical", "kind": "ct"}]}
    assert anna.post("/api/v1/labels", json=labels).status_code == 200
    assert listed(anna, decided_by="person") == [identity(0)]
    assert listed(anna, kind="ct") == [identity(0)]


def test_a_picture_tells_all_that_is_known_of_it(many, anna):
    told = anna.get(f"/api/v1/pictures/{identity(5)}").json()
    assert [vote["voter"] for vote in told["votes"]] == ["clusters", "zero_shot"]
    assert (told["places"][0]["source"], told["places"][0]["page"]) == ("/in/2.pdf", 1)
    assert [each["sha256"] for each in told["duplicates"]] == [identity(0)]


@pytest.mark.parametrize("asked", range(4))
def test_each_picture_of_a_chain_of_near_duplicates_shows_all_others(bench, anna, asked):
    links = {0: None, 1: identity(0), 2: identity(1), 3: identity(1), 9: None}
    bench.publish(*(Made(number, 0.6, near_duplicate_of=first) for number, first in links.items()))
    told = anna.get(f"/api/v1/pictures/{identity(asked)}").json()
    assert {each["sha256"] for each in told["duplicates"]} == {identity(number) for number in range(4)} - {
        identity(asked)
    }


def test_bytes_are_those_of_the_volume_with_their_type(many, anna):
    file = anna.get(f"/api/v1/pictures/{identity(3)}/file")
    assert (file.headers["content-type"], file.content[:4]) == ("image/png", b"\x89PNG")
    assert "sandbox" in file.headers["content-security-policy"]
    assert anna.get(f"/api/v1/pictures/{identity(3)}/thumbnail").headers["content-type"] == "image/webp"


def test_a_picture_that_no_browser_shows_is_rendered_for_them(bench, anna):
    made = Made(1, 0.7)
    bench.publish(made)
    as_png = anna.get(f"/api/v1/pictures/{made.sha256}/view")
    assert as_png.content == anna.get(f"/api/v1/pictures/{made.sha256}/file").content

    row = replace(picture_row(Made(2, 0.7)), extension="tif")
    bench.store.publish_pictures("run-1", [row], [], [], [verdict_of(Made(2, 0.7))], MODEL_SET, PROMPTS)
    scan = io.BytesIO()
    Image.linear_gradient("L").resize((3000, 1500)).save(scan, "TIFF")
    bench.volume.put(bench.volume.picture(row.sha256, "tif"), scan.getvalue())
    shown = anna.get(f"/api/v1/pictures/{row.sha256}/view")
    assert shown.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(shown.content)).size == (2048, 1024)

    bench.volume.put(bench.volume.picture(row.sha256, "tif"), scan.getvalue()[:500])
    assert "truncated" in anna.get(f"/api/v1/pictures/{row.sha256}/view").json()["detail"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "0" * 63, "G" * 64, "%00"])
def test_bytes_are_found_by_digest_alone(many, anna, name):
    assert anna.get(f"/api/v1/pictures/{name}/file").status_code in (404, 422)
    assert anna.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"sort": "best"},
        {"after": "nothing"},
        {"after": "nan~0"},
        {"min_confidence": 2},
        {"cluster": -1},
        {"words": "\0"},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_answered_with_a_sentence(many, anna, wrong):
    answer = anna.get("/api/v1/pictures", params=wrong)
    assert answer.status_code == 422
    assert answer.json()["detail"]


@pytest.mark.parametrize("words", ["'; DROP TABLE labels", "a & | !", "\\", "':*", "%", "ä ö", "figure & !something"])
def test_words_are_words_and_no_query(many, anna, words):
    assert anna.get("/api/v1/pictures", params={"words": words}).status_code == 200
