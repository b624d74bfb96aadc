"""Files that people send: taken by content, held in their folder, limited; runs take nothing else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medsift.review.uploads import safe_name
from medsift.settings import Settings
from tests.review.made import png

pytestmark = pytest.mark.postgres
NAMES = [
    "../../../etc/cron.d/evil", "..\\..\\evil.png", "/etc/passwd", "C:\\windows\\evil.png", ".bashrc", "..", "a/../..",
    "x\n/etc/passwd", "list.txt", "évil ☃.png", "a" * 400 + ".png", "%2e%2e%2fevil", "{}*?[a].png",
]  # fmt: skip


def send(client, name, content, **headers):
    return client.post("/api/v1/uploads", params={"name": name}, content=content, headers=headers)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_out_of_the_uploads_or_names_a_list(bench, anna, name):
    before = {path for path in bench.volume.root.parent.rglob("*") if path.is_file()}
    answer = send(anna, name, png(1))
    assert answer.status_code == 201
    (new,) = {path for path in bench.volume.root.parent.rglob("*") if path.is_file()} - before
    assert new.parent.parent == bench.volume.uploads
    assert new.parent.name == answer.json()["ticket"]
    assert new.suffix != ".txt"
    assert new.read_bytes() == png(1)


@given(st.text(min_size=1, max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_safe_name_is_one_part_that_is_no_way_up(name):
    safe = safe_name(name, "pdf", Settings())
    assert safe not in ("", ".", "..")
    assert not {"/", "\\", "\0", "\n"} & set(safe)
    assert len(safe.encode()) <= 255


def test_a_file_is_what_its_content_says(anna):
    assert send(anna, "paper.png", b"%PDF-1.4\n").json()["kind"] == "pdf"
    assert send(anna, "archive.pdf", png(1)).json()["kind"] == "folder"


@pytest.mark.parametrize("content", [b"", b"<svg onload=alert(1)>", b"#!/bin/sh\nrm -rf /", b"MZ\x90"], ids=repr)
def test_what_nothing_reads_is_not_kept(bench, anna, content):
    answer = send(anna, "picture.png", content)
    assert answer.status_code == 415
    assert list(bench.volume.uploads.iterdir()) == []


def test_what_is_too_large_is_cut_off_and_not_kept(bench, anna):
    def endless():
        yield png(1)
        for _ in range(100):
            yield bytes(2**16)

    answer = send(anna, "large.png", endless())
    assert answer.status_code == 413
    assert "upload_max_mb" in answer.json()["detail"]
    assert list(bench.volume.uploads.iterdir()) == []
    assert not [path for path in bench.volume.incoming.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "wish",
    [
        {"uploads": ["../../inbox"]},
        {"uploads": ["/etc"]},
        {"addresses": ["/etc/passwd"]},
        {"addresses": ["file:///etc/passwd"]},
        {"addresses": ["https://a.example/\n/etc/passwd"]},
        {"sources": ["/etc"]},
        {},
    ],
    ids=str,
)
def test_a_run_takes_nothing_but_what_was_sent_and_addresses(anna, wish):
    answer = anna.post("/api/v1/runs", json=wish)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_an_upload_that_is_gone_is_said_to_be(anna):
    assert anna.post("/api/v1/runs", json={"uploads": ["0" * 32]}).status_code == 404


def test_an_airflow_that_does_not_answer_is_one_sentence(anna):
    answer = anna.post("/api/v1/runs", json={"addresses": ["https://a.example/"]})
    assert answer.status_code == 502
    assert "does not answer" in answer.json()["detail"]
