"""What the nightly run takes and what it passes over, night after night."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from medsift.steps import new_run_id, plan_run

pytestmark = pytest.mark.postgres


@pytest.fixture
def night(do_run):
    """A nightly run; its document."""
    return lambda name, **environment: do_run(name, [], "nightly", **environment)


@dataclass
class Page:
    """A page with one picture on a server of its own, which knows an ETag or not."""

    host: str = ""
    html: bytes = b"<title>A page</title><p>nothing</p><img src='/picture.png'>"
    etag: str = ""
    picture: bytes = b""
    asked: int = 0

    @property
    def address(self) -> str:
        return f"http://{self.host}/"


@pytest.fixture
def page(inbox: Path) -> Iterator[Page]:
    page = Page(picture=(inbox / "0.png").read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/gone":
                self.send_error(404)
                return
            is_picture = self.path == "/picture.png"
            page.asked += not is_picture
            is_known = bool(page.etag) and self.headers.get("If-None-Match") == page.etag
            body = b"" if is_known else page.picture if is_picture else page.html
            self.send_response(304 if is_known else 200)
            self.send_header("Content-Type", "image/png" if is_picture else "text/html")
            self.send_header("Content-Length", str(len(body)))
            if page.etag and not is_picture:
                self.send_header("ETag", page.etag)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        page.host = f"127.0.0.1:{server.server_port}"
        (inbox.parent / "watchlist.txt").write_text(page.address + "\n")
        (inbox.parent / "medsift.toml").write_text(
            f'allowed_hosts = ["{page.host}"]\n\n[min_image_size]\nweb = 16\npdf = 64\nfolder = 16\ndicom = 16\n'
        )
        yield page
        server.shutdown()


def states(document: dict[str, Any]) -> dict[str, str]:
    return {source["source"].rsplit("/", 1)[-1]: source["state"] for source in document["sources"]}


def numbers(document: dict[str, Any]) -> set[int]:
    return {number for group in document["counts"].values() for number in group.values()}


def test_a_night_passes_over_what_is_unchanged_and_scored_and_takes_what_changed(inbox, night, age):
    assert states(night("first")) == {"0.png": "done", "1.png": "done"}
    assert numbers(night("nothing new")) == {0}
    Image.new("RGB", (90, 70), "green").save(inbox / "1.png")
    age(inbox / "1.png")
    assert states(night("changed")) == {"1.png": "done"}
    assert numbers(night("nothing new again")) == {0}


def test_a_night_scores_unchanged_files_anew_with_another_prompt_set(inbox, night):
    night("first")
    scored = night("other prompts", prompt_set="basic")
    assert states(scored) == {"0.png": "unchanged", "1.png": "unchanged"}
    assert len(scored["pictures"]) == 2
    assert numbers(night("other prompts again", prompt_set="basic")) == {0}
    assert numbers(night("first prompts")) == {0}


def test_a_night_reads_files_again_that_other_settings_would_read_otherwise(inbox, night):
    night("first")
    smaller = night("smallest side", min_image_size="400")
    assert states(smaller) == {"0.png": "done", "1.png": "done"}
    assert smaller["counts"]["pictures"]["rejected"] == 2


def test_files_that_are_too_young_wait_for_a_later_night(inbox, load, night, age):
    night("first")
    shutil.copyfile(inbox / "0.png", inbox / "young.png")
    planned = plan_run(load(), new_run_id("young"), [], "nightly")
    assert (planned["sources"], planned["passed_over"]) == (0, 2)
    age(inbox / "young.png")
    assert states(night("older")) == {"young.png": "done"}


def test_files_that_cannot_be_read_are_told_once_and_again_when_they_are_named(inbox, night, do_run, age):
    (inbox / "broken.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n<<")
    (inbox / "cut.png").write_bytes((inbox / "0.png").read_bytes()[:200])
    (inbox / "letter.pdf").write_bytes(b"PK\x03\x04 something")
    for name in ("broken.pdf", "cut.png", "letter.pdf"):
        age(inbox / name)
    failed = {"broken.pdf": "failed", "cut.png": "failed", "letter.pdf": "failed"}
    assert states(night("first")) == {"0.png": "done", "1.png": "done", **failed}
    assert numbers(night("nothing new")) == {0}
    named = do_run("named", ["broken.pdf", "cut.png", "letter.pdf"])
    assert states(named) == failed
    assert all(source["reason"] for source in named["sources"])
    assert numbers(night("nothing new again")) == {0}
    shutil.copyfile(inbox / "1.png", inbox / "cut.png")
    age(inbox / "cut.png")
    assert states(night("mended")) == {"cut.png": "done"}


def test_a_file_that_broke_keeps_its_pictures_and_is_told_once(inbox, night, age, store):
    night("first")
    before = store.occurrences_of([str(inbox / "1.png")])
    (inbox / "1.png").write_bytes(b"no picture any more")
    age(inbox / "1.png")
    night("broke")
    assert numbers(night("nothing new")) == {0}
    (inbox / "1.png").write_bytes(b"%PDF-1.7\n1 0 obj\n<<")
    age(inbox / "1.png")
    assert states(night("broke otherwise")) == {"1.png": "failed"}
    assert numbers(night("nothing new again")) == {0}
    assert before[0].sha256


@pytest.mark.parametrize("etag", ['"one"', ""], ids=["etag", "no etag"])
def test_a_page_that_is_unchanged_is_asked_and_not_told_again(page, night, etag):
    page.etag = etag
    assert states(night("first"))[""] == "done"
    assert numbers(night("nothing new")) == {0}
    assert page.asked == 2
    scored = night("other prompts", prompt_set="basic")
    assert (states(scored)[""], len(scored["pictures"])) == ("unchanged", 2)
    page.etag, page.html = etag and '"two"', page.html + b"<p>more</p>"
    assert states(night("changed")) == {"": "done"}


def test_a_page_that_is_not_there_is_told_every_night(inbox, page, night):
    (inbox.parent / "watchlist.txt").write_text(f"{page.address}gone\n")
    assert states(night("first"))["gone"] == "failed"
    assert states(night("second")) == {"gone": "failed"}


def test_a_night_scores_anew_what_other_encoders_now_see(inbox, night, load):
    file = load().volume / "medsift.toml"
    file.write_text('engine = "torch_fp32"\n')
    before = night("first")
    file.write_text('engine = "torch_fp32"\nimage_size = 192\n')
    after = night("other encoders")
    assert states(after) == {"0.png": "unchanged", "1.png": "unchanged"}
    assert len(after["pictures"]) == 2
    assert after["run"]["model_set"] != before["run"]["model_set"]
    assert numbers(night("nothing new")) == {0}
