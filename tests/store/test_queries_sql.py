"""docs/queries.sql: every query runs as the read-only role, and says what it promises."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from medsift.contracts import Occurrence, Vote
from medsift.store import LabelRow, ModelSetRecord

pytestmark = pytest.mark.postgres
FILE = Path(__file__).parents[2] / "docs" / "queries.sql"


def _queries() -> dict[str, str]:
    parts = re.split(r"^-- name: (\w+)$", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


QUERIES = _queries()


@pytest.fixture
def ask(store, database, make_batch, identity, days_later):
    make_batch("run-0", model_set="set-0", probability=0.4).publish(store)
    make_batch("run-1", {"/in/a.pdf": [1, 2, 3], "/in/b.pdf": [3]}, days_later(1)).publish(store)
    make_batch("run-2", {"/in/c.pdf": []}, days_later(2), state="failed").publish(store)
    store.set_current_model_set("set-1")
    store.add_labels(
        [
            LabelRow(identity(1), "non-medical", "vera", "plot"),
            LabelRow(identity(2), "unsure", "otto"),
        ]
    )
    values = {
        "source": "/in/a.pdf", "run": "run-1", "word": "figure 2", "sha256": identity(1), "encoder": "words",
    }  # fmt: skip
    connection = psycopg2.connect(database.reader.replace("+psycopg2", ""))

    def run(name, **other):
        query = re.sub(r"(?<!:):(\w+)", r"%(\1)s", QUERIES[name].replace("%", "%%"))
        with connection.cursor() as cursor:
            cursor.execute(query, values | other)
            return cursor.fetchall()

    yield run
    connection.close()


@pytest.mark.parametrize("name", QUERIES)
def test_query_runs_as_the_reader(ask, name):
    ask(name)


def test_whole_file_runs_through_psql(ask, database, postgres):
    address = database.reader.replace("+psycopg2", "")
    command = [postgres.bin("psql"), address, "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--file", FILE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_variables_may_be_given_on_the_command_line_of_psql(ask, database, postgres):
    address = database.reader.replace("+psycopg2", "")
    command = [postgres.bin("psql"), address, "--no-psqlrc", "--set", "source='/in/a.pdf'", "--file", FILE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Figure 2" in done.stdout


def test_medical_pictures_are_counted_by_modality(ask):
    assert [(row[0], row[1], row[3]) for row in ask("medical_by_modality")] == [("xray", 1, 0)]


def test_doubtful_pictures_come_with_their_reason(ask, identity):
    assert [(row[0], row[4]) for row in ask("doubtful")] == [(identity(3), "close")]


def test_sources_are_counted_with_peoples_labels(ask):
    assert [(row[0], *row[2:]) for row in ask("by_source")] == [
        ("/in/a.pdf", "done", "", 1, 2, 1),
        ("/in/b.pdf", "done", "", 1, 0, 1),
        ("/in/c.pdf", "failed", "It is failed.", 0, 0, 0),
    ]


def test_what_was_not_read_says_why(ask):
    assert [(row[0], row[2], row[3]) for row in ask("not_read")] == [
        ("/in/a.pdf", "rejected", "It is 10 pixels wide."),
        ("/in/b.pdf", "rejected", "It is 10 pixels wide."),
        ("/in/c.pdf", "failed", "It is failed."),
    ]


def test_pictures_of_a_source_come_in_reading_order(ask, identity):
    assert [row[-1] for row in ask("pictures_of_source")] == [identity(1), identity(2), identity(3)]


def test_a_picture_in_two_sources_is_a_duplicate_across_them(ask, identity):
    assert ask("duplicates_across_sources") == [(identity(3), 2, ["/in/a.pdf", "/in/b.pdf"])]


def test_people_against_model_names_the_person(ask, identity):
    assert [row[:4] for row in ask("people_against_model")] == [(identity(1), "vera", "non-medical", "medical")]


def test_labels_by_person_leave_unsure_out_of_agreement(ask):
    assert ask("labels_by_person") == [("otto", 1, 1, None), ("vera", 1, 0, 0)]


def test_a_label_that_its_giver_corrected_or_took_back_is_not_counted(ask, store, identity):
    store.add_labels([LabelRow(identity(1), "medical", "vera")])
    store.add_labels([LabelRow(identity(2), "unsure", "otto", is_withdrawn=True)])
    assert ask("labels_by_person") == [("vera", 1, 0, 1)]


def test_only_labels_are_newer_than_yesterday(ask, identity):
    assert {row[0] for row in ask("changed_since_yesterday")} == {identity(1), identity(2)}


def test_runs_come_newest_first(ask):
    assert [row[0] for row in ask("runs")] == ["run-2", "run-1", "run-0"]


def test_abstaining_voters_have_no_agreement(ask):
    assert ask("voter_agreement") == [("cluster_cnn", 3, 0, None), ("zero_shot", 3, 1, 1)]


def test_model_sets_that_differ_are_compared(ask, identity):
    changed = ask("model_sets_compared")
    assert sorted(row[0] for row in changed) == sorted(identity(word) for word in (1, 2, 3))
    assert {row[1] for row in changed} == {"set-0"}


def test_captions_are_searched_without_case(ask, identity):
    assert [row[0] for row in ask("captions_that_mention")] == [identity(2)]


@pytest.mark.parametrize(("word", "found"), [("GURE", 0), ("figure", 4), ("figure 2", 1), ("2", 1), ("(f.*", 0)])
def test_captions_are_searched_for_whole_words(ask, word, found):
    assert len(ask("captions_that_mention", word=word)) == found


def test_words_of_captions_are_found_in_the_catalogue(ask, identity):
    assert [row[:2] for row in ask("words_in_captions")] == [(identity(2), "non-medical")]


def test_neighbours_leave_out_the_picture_itself(ask, identity):
    found = ask("nearest_neighbours")
    assert {row[0] for row in found} == {identity(2), identity(3)}
    assert found[0][1] >= found[1][1]


@pytest.fixture
def ask_after_second_prompt_set(ask, store, make_batch, days_later):
    """The same questions once the pictures were also scored with another prompt set, with the same answers."""
    again = {"sources": {"/in/a.pdf": [1, 2, 3]}, "prompt_set": "prompts-2"}
    make_batch("run-3", began=days_later(3), **again).publish(store)
    make_batch("run-4", began=days_later(4), model_set="set-0", probability=0.4, **again).publish(store)
    return ask


def test_two_prompt_sets_change_no_answer_about_pictures(ask_after_second_prompt_set, identity):
    ask = ask_after_second_prompt_set
    assert [(row[0], row[4]) for row in ask("doubtful")] == [(identity(3), "close")]
    assert [row[:4] for row in ask("people_against_model")] == [(identity(1), "vera", "non-medical", "medical")]
    assert ask("labels_by_person") == [("otto", 1, 1, None), ("vera", 1, 0, 0)]
    assert ask("voter_agreement") == [("cluster_cnn", 3, 0, None), ("zero_shot", 3, 1, 1)]
    assert sorted(row[0] for row in ask("model_sets_compared")) == sorted(identity(word) for word in (1, 2, 3))


def test_voters_that_differ_are_given_once_with_two_prompt_sets(ask, store, make_batch, days_later, identity):
    for day, prompt_set in enumerate(("prompts-1", "prompts-2"), start=3):
        run = make_batch(f"run-{day}", {"/in/a.pdf": [1]}, days_later(day), prompt_set=prompt_set)
        store.begin_run(run.record)
        votes = [Vote(identity(1), "zero_shot", 0.9), Vote(identity(1), "clusters", 0.9 - day / 10)]
        store.publish_pictures(run.run_id, run.pictures, [], votes, run.verdicts, "set-1", prompt_set)
    assert [(row[0], round(row[1], 6)) for row in ask("voters_against_each_other")] == [(identity(1), 0.4)]


def test_the_newest_verdict_of_the_current_set_is_asked_about(ask, store, make_batch, days_later, identity):
    run = make_batch("run-3", {"/in/a.pdf": [1, 2, 3]}, days_later(3), prompt_set="prompts-2", probability=0.2)
    run.publish(store)
    assert ask("people_against_model") == []
    assert ask("labels_by_person")[1] == ("vera", 1, 0, 1)


def test_pictures_that_the_current_set_has_not_judged_are_doubtful_all_the_same(ask, store, identity):
    store.register_model_set(ModelSetRecord("", "clip"))
    store.set_current_model_set("")
    assert [(row[0], row[4]) for row in ask("doubtful")] == [(identity(3), None)]


def test_a_broken_picture_file_is_listed_once(ask, store, make_batch, days_later):
    run = make_batch("run-3", {"/in/cut.jpg": []}, days_later(3), state="failed")
    store.begin_run(run.record)
    (outcome,) = run.outcomes
    broken = Occurrence("/in/cut.jpg", "folder", 0, "failed", outcome.reason, path="/in/cut.jpg")
    store.publish_sources("run-3", [replace(outcome, found=1)], [broken], "code-1")
    assert [row[2:] for row in ask("not_read") if row[0] == "/in/cut.jpg"] == [("failed", "It is failed.")]
