import contextlib
import io
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medsift.contracts import Leaf
from medsift.errors import PictureError, SandboxError, SourceError, StackError
from medsift.pictures import batches
from medsift.sandbox import FRAME, Limits, Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools

PAGES = "medsift.pictures.frames:tiff_pages"
PREPARE = "medsift.pictures.prepare:prepare"
RULES = {"is_rebuilt": False, "min_side": 1, "max_aspect_ratio": 40, "max_pixels": 178_000_000, "copy_max_px": 0,
         "copy_quality": 85}  # fmt: skip


@pytest.fixture
def sandbox():
    with Sandbox(Limits(timeout_s=30, memory_mb=2048)) as one:
        yield one


@pytest.fixture
def stack_of_pages(tmp_path):
    """A TIFF of many pages, each a second answer to wait for."""
    pages = [Image.effect_noise((400, 400), 50) for _ in range(12)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    return {"path": str(tmp_path / "pages.tif"), "max_pixels": 10**7}


def prepared(sandbox, data: bytes, **limits: object):
    return list(sandbox.stream(PREPARE, RULES | {"path": ""}, data, **limits))


def picture(color: str = "red") -> bytes:
    image = Image.linear_gradient("L").convert("RGB")
    image.paste(color, (0, 0, 50, 50))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def child_of(sandbox) -> int:
    return sandbox._child.pid


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_one_child_serves_many_calls(sandbox):
    children = set()
    for _ in range(3):
        assert prepared(sandbox, picture())[0][0]["width"] == 256
        children.add(child_of(sandbox))
    assert len(children) == 1


def test_an_error_of_ours_comes_back_as_it_was_and_the_child_stays(sandbox):
    prepared(sandbox, picture())
    child = child_of(sandbox)
    with pytest.raises(PictureError) as caught:
        prepared(sandbox, b"no picture")
    assert caught.value.state == "failed"
    assert child_of(sandbox) == child


def test_what_else_is_raised_there_is_an_error_of_the_source_and_the_child_is_replaced(sandbox):
    prepared(sandbox, picture())
    child = child_of(sandbox)
    with pytest.raises(SourceError, match="KeyError"):
        list(sandbox.stream(PREPARE, {}, picture()))
    assert not is_alive(child)
    assert prepared(sandbox, picture())


def test_a_call_that_takes_too_long_is_stopped_and_its_child_killed(sandbox, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    prepared(sandbox, picture())
    child, began = child_of(sandbox), time.monotonic()
    with pytest.raises(SandboxError, match="longer than the time allowed"):
        list(sandbox.stream(PREPARE, RULES | {"path": str(tmp_path / "pipe")}, timeout_s=0.5))
    assert time.monotonic() - began < 5
    assert not is_alive(child)


def test_the_callers_own_time_is_not_counted(sandbox, stack_of_pages):
    list(sandbox.stream(PAGES, stack_of_pages))
    answers = sandbox.stream(PAGES, stack_of_pages, timeout_s=2)
    next(answers)
    time.sleep(2.5)
    assert len(list(answers)) == 12


def test_a_call_that_needs_too_much_memory_is_told_so(tmp_path):
    Image.new("RGB", (8000, 8000)).save(tmp_path / "large.png", compress_level=1)
    with Sandbox(Limits(memory_mb=384)) as small:
        with pytest.raises(SandboxError, match="more memory than is allowed"):
            prepared(small, (tmp_path / "large.png").read_bytes())
        assert prepared(small, picture())


def test_more_output_than_allowed_ends_the_call(stack_of_pages):
    with (
        Sandbox(Limits(output_mb=1)) as small,
        pytest.raises(SandboxError, match="More than 1 MB"),
    ):
        list(small.stream(PAGES, stack_of_pages))


def test_a_child_killed_while_it_works_is_replaced(sandbox, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    prepared(sandbox, picture())

    def kill():
        with (tmp_path / "pipe").open("wb"):
            os.kill(child_of(sandbox), signal.SIGSEGV)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(SandboxError, match="SIGSEGV"):
        list(sandbox.stream(PREPARE, RULES | {"path": str(tmp_path / "pipe")}))
    killer.join()
    assert prepared(sandbox, picture())


def test_a_child_that_died_between_two_calls_is_not_missed(sandbox):
    prepared(sandbox, picture())
    os.kill(child_of(sandbox), signal.SIGKILL)
    time.sleep(0.2)
    assert prepared(sandbox, picture())


def test_kill_from_another_thread_ends_the_wait(sandbox, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    prepared(sandbox, picture())
    threading.Timer(0.3, sandbox.kill).start()
    with pytest.raises(SandboxError, match="SIGKILL"):
        list(sandbox.stream(PREPARE, RULES | {"path": str(tmp_path / "pipe")}))


def test_a_stream_closed_half_way_leaves_no_answers_to_the_next_call(sandbox, stack_of_pages):
    for _, data in sandbox.stream(PAGES, stack_of_pages):
        if data:
            break
    assert prepared(sandbox, picture())[0][0]["width"] == 256


def test_a_stream_still_held_half_way_is_ended_by_the_next_call(sandbox, stack_of_pages):
    held = sandbox.stream(PAGES, stack_of_pages)
    next(held)
    assert prepared(sandbox, picture())[0][0]["width"] == 256
    child = child_of(sandbox)
    with pytest.raises(RuntimeError, match="half way"):
        next(held)
    assert child_of(sandbox) == child
    assert prepared(sandbox, picture())


def test_the_child_is_limited_by_the_kernel(sandbox):
    prepared(sandbox, picture())
    lines = Path(f"/proc/{child_of(sandbox)}/limits").read_text().splitlines()
    limits = {line[:26].strip(): line[26:].split()[:2] for line in lines[1:]}
    assert limits["Max address space"] == [str(2048 * 2**20)] * 2
    assert limits["Max file size"] == limits["Max core file size"] == ["0", "0"]


def test_the_guards_in_force_are_logged_when_a_child_starts(caplog):
    caplog.set_level(logging.INFO)
    with Sandbox(Limits(timeout_s=7, memory_mb=2048, output_mb=5)) as one:
        prepared(one, picture())
        prepared(one, picture())
        child = child_of(one)
        guards = one.guards()
    assert [record.getMessage() for record in caplog.records] == [f"sandbox child {child} started: {guards}"]
    assert guards.startswith(
        "7 s and 5 MB of answers a call, 2048 MB of memory, 64 open files, no file grows, no core dump, an empty "
        "environment, a process group of its own; refused by the kernel: "
    )


def test_a_child_that_says_nothing_of_its_guards_has_none():
    with Answers(b"") as lying:
        assert lying.guards().endswith("refused by the kernel: nothing (no guard)")


def test_the_child_ends_with_its_sandbox(stack_of_pages):
    with Sandbox() as one:
        answers = one.stream(PAGES, stack_of_pages)
        next(answers)
        child = child_of(one)
    assert not is_alive(child)


def test_only_functions_of_medsift_are_run(sandbox):
    with pytest.raises(SandboxError, match="died"):
        list(sandbox.stream("os:listdir", {}))


def test_a_child_that_cannot_start_is_no_fault_of_the_file(sandbox, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(StackError, match="cannot be started"):
        prepared(sandbox, picture())


class Answers(Sandbox):
    """A sandbox whose child is another program of this machine: it answers with the bytes given."""

    def __init__(self, answers: bytes) -> None:
        super().__init__(Limits(timeout_s=5))
        self.answers = answers

    def _started(self):
        child = super()._started()
        read, write = os.pipe()
        ready = json.dumps({"ready": True}).encode()
        threading.Thread(target=self._feed, args=(write, FRAME.pack(len(ready), 0) + ready + self.answers)).start()
        child.stdout.close()
        child.stdout = os.fdopen(read, "rb", buffering=0)
        os.set_blocking(read, False)
        return child

    @staticmethod
    def _feed(write: int, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(write, "wb") as pipe:
            pipe.write(data)


def framed(header: bytes, data: bytes = b"") -> bytes:
    return FRAME.pack(len(header), len(data)) + header + data


@pytest.mark.parametrize(
    "answers",
    [
        b"short",
        b"\xff" * 100,
        framed(b"no json"),
        framed(b"[1, 2]"),
        framed(b"[" * 100_000),
        framed(b'{"item": [1]}'),
        framed(b'{"item": {}}', b"data")[:-2],
        framed(b"{}"),
        FRAME.pack(2**31, 0),
        FRAME.pack(10, 2**62),
    ],
)
def test_garbage_from_the_child_is_an_error_of_the_source(answers):
    with Answers(answers) as lying, pytest.raises(SandboxError):
        list(lying.stream(PREPARE, {}))


def answered(*items: dict, data: bytes = b"") -> bytes:
    """What a child sends that answers with these headers."""
    frames = [framed(json.dumps({"item": item}).encode(), data) for item in items]
    return b"".join(frames) + framed(b'{"end": true}')


@pytest.mark.parametrize("item", [{"failed": 7}, {"failed": None}, {"failed": ["x"]}, {}])
def test_a_child_that_lies_about_a_picture_costs_pictures_and_nothing_else(item):
    with Answers(answered(item, data=b"not so many")) as lying:
        pictures = [("a", Path("/a.png")), ("b", Path("/b.png"))]
        told = batches._pixels({"views": [], "max_pixels": 1}, [8], lying, pictures)
    assert [(sha256, type(said)) for sha256, said in told] == [("a", str), ("b", str)]


@pytest.mark.parametrize("error", ["picture", "source", "sandbox", "unheard of"])
def test_whatever_error_a_child_names_costs_the_picture(error):
    header = json.dumps({"error": error, "sentence": "x" * 10_000, "is_known": True}).encode()
    with Answers(framed(header)) as lying:
        ((_, said),) = batches._pixels({"views": [], "max_pixels": 1}, [8], lying, [("a", Path("/a.png"))])
    assert 0 < len(said) <= 500


@pytest.mark.parametrize(
    "item",
    [
        {"type": "picture", "page": 1, "box": None, "caption": ["x"], "nearby": "", "facts": {}},
        {"type": "picture", "page": "1", "box": None, "caption": "", "nearby": "", "facts": {}},
        {"type": "picture", "page": 1, "box": [1, 2], "caption": "", "nearby": "", "facts": {}},
        {"type": "picture", "page": 1, "box": [1, 2, 3, float("nan")], "caption": "", "nearby": "", "facts": {}},
        {"type": "picture", "page": 1, "box": None, "caption": "", "nearby": "", "facts": ["xref"]},
        {"type": "about", "title": "", "pages": 10**12},
        {"type": "next", "page": 1},
        {"type": 7},
        {},
    ],
    ids=str,
)
def test_a_child_that_lies_about_a_pdf_is_an_error_of_the_source(item, tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with Answers(answered(item)) as lying, pytest.raises(SourceError):
        leaf = Leaf("a", "pdf", "b", path=str(tmp_path / "a.pdf"))
        list(KINDS.get("pdf")().extract(leaf, Tools(Settings(), lying, None)))


def test_a_pdf_says_of_its_pictures_nothing_but_the_facts_of_their_objects(tmp_path):
    facts = {"xref": "7", "colour_space": "x" * 9999, "Modality": "CT", "StudyGroup": "1"}
    item = {"type": "picture", "page": 1, "box": None, "caption": "", "nearby": "", "facts": facts}
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with Answers(answered(item)) as lying:
        leaf = Leaf("a", "pdf", "b", path=str(tmp_path / "a.pdf"))
        (picture,) = KINDS.get("pdf")().extract(leaf, Tools(Settings(), lying, None))
    assert picture.place.tags == {"xref": "7", "colour_space": "x" * 200}


def test_headers_count_as_output():
    large = framed(json.dumps({"item": {"caption": "x" * 2**20}}).encode())
    with Answers(large * 4) as lying, pytest.raises(SandboxError, match="More than 2 MB"):
        lying.limits = Limits(timeout_s=5, output_mb=2)
        list(lying.stream(PREPARE, {}))


class SlowAnswers(Answers):
    """One whose child takes a second for each answer."""

    @staticmethod
    def _feed(write: int, data: bytes) -> None:
        start = data.index(FRAME.pack(len(ITEM), 0))
        with os.fdopen(write, "wb", buffering=0) as pipe, contextlib.suppress(BrokenPipeError):
            pipe.write(data[:start])
            for _ in range(data.count(ITEM)):
                time.sleep(1)
                pipe.write(framed(ITEM))
            pipe.write(framed(b'{"end": true}'))


ITEM = b'{"item": {}}'


def test_in_a_call_over_several_files_each_may_take_the_time_of_a_call():
    with SlowAnswers(framed(ITEM) * 4) as slow:
        slow.limits = Limits(timeout_s=3)
        assert len(list(slow.stream(PREPARE, {}, each_anew=True))) == 4
    with SlowAnswers(framed(ITEM) * 4) as slow, pytest.raises(SandboxError, match="longer than the time"):
        slow.limits = Limits(timeout_s=3)
        list(slow.stream(PREPARE, {}))


def test_what_no_database_can_hold_is_taken_out_of_the_answers():
    header = json.dumps({"item": {"caption": "a\0b\ud800c", "more": ["\0"]}}).encode()
    with Answers(framed(header) + framed(b'{"end": true}')) as lying:
        assert list(lying.stream(PREPARE, {})) == [({"caption": "ab?c", "more": [""]}, b"")]


def test_the_state_of_an_error_is_one_we_know():
    header = json.dumps({"error": "picture", "sentence": "x", "state": "kept", "is_known": True}).encode()
    with Answers(framed(header)) as lying, pytest.raises(PictureError) as caught:
        list(lying.stream(PREPARE, {}))
    assert caught.value.state == "failed"


@settings(max_examples=25)
@given(st.binary(max_size=300))
def test_any_bytes_from_the_child_end_in_answers_or_one_error(data):
    with Answers(data) as lying, contextlib.suppress(SourceError):
        list(lying.stream(PREPARE, {}))
