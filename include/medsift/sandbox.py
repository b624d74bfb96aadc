"""Child processes in which files of unknown origin are opened, with limits on time, memory and output.

The parent trusts nothing that comes back: answers are JSON headers and raw bytes in length-prefixed frames, never
pickles. A child is warm for many calls and replaced after any fault. The far side is sandbox_child.py.
"""

import fcntl
import json
import logging
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Literal, Self

from medsift.errors import EmptySourceError, MedsiftError, PictureError, SandboxError, SourceError, StackError

if TYPE_CHECKING:
    from medsift.settings import Settings  # the child, which starts often, does without it

log = logging.getLogger(__name__)

FRAME = struct.Struct(">IQ")  # length of the JSON header, length of the bytes that follow it
MAX_HEADER_BYTES = 16 * 2**20
MAX_TEXT, MAX_REASON = 100_000, 500  # characters of one text in a header
START_TIMEOUT_S = 60.0
OPEN_FILES = 64
PIPE_BYTES = 2**20  # an answer goes through at once, without waking the parent for each 64 kB
CALLS_OF_A_CHILD = 1000  # files; then a fresh one: decoders leak, and the last file must not pay for all before it
GARBAGE = "The process that read it sent garbage."
TOO_LONG = "It took longer than the time allowed and was stopped."
ERRORS: dict[str, type[MedsiftError]] = {
    error.code: error for error in (SourceError, EmptySourceError, PictureError, SandboxError)
}


@dataclass(frozen=True)
class Limits:
    """What one call in a child may take: seconds (the caller's own time between answers is not counted; in a call over
    several files, for each of them), address space, bytes sent back."""

    timeout_s: float = 120.0
    memory_mb: int = 3072
    output_mb: int = 2048

    @classmethod
    def of(cls, settings: "Settings") -> Self:
        """Those that the settings say."""
        return cls(timeout_s=settings.child_timeout_s, memory_mb=settings.child_memory_mb)

    def in_words(self) -> str:
        """What a child may take and what it is given."""
        return (
            f"{self.timeout_s:g} s and {self.output_mb} MB of answers a call, {self.memory_mb} MB of memory, "
            f"{OPEN_FILES} open files, no file grows, no core dump, an empty environment, a process group of its own"
        )


class Item(dict[str, Any]):
    """The header of an answer. A child may have been taken over by the file that it reads, so nothing in it is trusted:
    what is missing or of another type raises `SandboxError`, what is too long is cut."""

    def text(self, name: str, most: int = MAX_TEXT) -> str:
        """Words, at most so many characters."""
        value: str = self._of(name, str)
        return value[:most]

    def state(self) -> Literal["rejected", "failed"]:
        """What became of something that was not taken."""
        return "rejected" if self.text("state") == "rejected" else "failed"

    def number(self, name: str, least: int = 0) -> int:
        """A whole number from `least` to 2,147,483,647."""
        value: int = self._of(name, int)
        if isinstance(value, bool) or not least <= value < 2**31:
            raise SandboxError(GARBAGE)
        return value

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """So many finite numbers."""
        values = self._of(name, list)
        if len(values) != count or not all(type(value) in (int, float) and abs(value) < 1e9 for value in values):
            raise SandboxError(GARBAGE)
        return tuple(values)

    def texts(self, name: str) -> list[str]:
        """A list of words."""
        values = self._of(name, list)
        if not all(isinstance(value, str) for value in values):
            raise SandboxError(GARBAGE)
        return [value[:MAX_TEXT] for value in values]

    def table(self, name: str) -> "Item":
        """Names with what they stand for."""
        return Item(self._of(name, dict))

    def _of(self, name: str, kind: type) -> Any:
        value = self.get(name)
        if not isinstance(value, kind):
            raise SandboxError(GARBAGE)
        return value


class Sandbox:
    """A warm child process. `stream` runs a generator function of ours in it and yields what it yields.

    Not safe for use by several threads at once: give each its own (only `kill` may come from another). One call at
    a time: a new one ends the child of a stream that was left half way, which cannot be taken up again.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._child: subprocess.Popen[bytes] | None = None
        self._arrived = bytearray()  # what the child sent and nobody took yet
        self._guards = ""
        self._calls = 0
        self._is_busy = False

    def stream(
        self,
        function: str,
        arguments: Mapping[str, Any],
        payload: bytes = b"",
        timeout_s: float | None = None,
        each_anew: bool = False,
    ) -> Iterator[tuple[Item, bytes]]:
        """Run `package.module:function` in the child and yield each (header, bytes) as it arrives.

        The function takes `(arguments: dict, payload: bytes)` and yields `(dict, bytes)`; both must be ours and
        importable. Errors of medsift raised there are raised here; a limit, a crash or garbage raises
        `SandboxError` with a sentence, after what had arrived before. `each_anew`: every answer may take as long as a
        call, for calls over several files.
        """
        allowed_s = timeout_s or self.limits.timeout_s
        child = self._running_child()
        deadline = time.monotonic() + allowed_s
        self._is_busy, self._calls = True, self._calls + 1
        is_over = False
        try:
            call = {"function": function, "arguments": dict(arguments), "timeout_s": allowed_s}
            header = json.dumps(call).encode()
            self._write(child, FRAME.pack(len(header), len(payload)) + header + payload, deadline)
            left = self.limits.output_mb * 2**20
            while True:
                answer, data, size = self._read_answer(child, left, deadline)
                left -= size
                if answer.get("end"):
                    is_over = True
                    return
                if "error" in answer:
                    is_over = bool(answer.get("is_known"))
                    raise self._error(answer)
                if not isinstance(item := answer.get("item"), dict):
                    raise SandboxError(GARBAGE)
                given = time.monotonic()
                yield Item(item), data
                now = time.monotonic()
                deadline = now + allowed_s if each_anew else deadline + now - given
                self._calls += each_anew
                if self._child is not child:
                    raise RuntimeError("this stream was left half way, and its child ended by a later call")
        finally:
            self._leave(child, is_over)

    def guards(self) -> str:
        """All that the child is held by, in words: its limits, and what the kernel refuses it, as the child found."""
        self._running_child()
        return f"{self.limits.in_words()}; {self._guards}"

    def kill(self) -> None:
        """End the child at once; whoever waits for it gets a `SandboxError`. May be called from any thread."""
        child = self._child
        if child is not None and child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the child and everything it started."""
        self.kill()
        child, self._child = self._child, None
        self._is_busy = False
        self._arrived.clear()
        if child is None:
            return
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _leave(self, child: subprocess.Popen[bytes], is_over: bool) -> None:
        if self._child is not child:
            return
        self._is_busy = False
        if not is_over:
            self.close()

    def _running_child(self) -> subprocess.Popen[bytes]:
        is_fit = not self._is_busy and self._calls < CALLS_OF_A_CHILD
        if is_fit and self._child is not None and self._child.poll() is None:
            return self._child
        self.close()
        self._child, self._calls = self._started(), 0
        try:
            ready, _, _ = self._read_answer(self._child, MAX_TEXT, time.monotonic() + START_TIMEOUT_S)
        except SandboxError as error:
            self.close()
            raise StackError(f"The child process in which files are read cannot be started: {error}") from None
        self._guards = _guards_in_words(ready.get("guards"))
        log.info("sandbox child %d started: %s; %s", self._child.pid, self.limits.in_words(), self._guards)
        return self._child

    def _started(self) -> subprocess.Popen[bytes]:
        # An empty environment, no inherited descriptors, a group of its own: nothing of the parent's is reachable.
        child = subprocess.Popen(
            [sys.executable, "-I", "-B", "-m", "medsift.sandbox_child", str(self.limits.memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            cwd="/",
            close_fds=True,
            start_new_session=True,
            bufsize=0,
        )
        for pipe in (child.stdin, child.stdout):
            os.set_blocking(pipe.fileno(), False)  # type: ignore[union-attr]  # both are PIPE
        with suppress(OSError):  # the system's limit for all pipes of a user may be reached
            fcntl.fcntl(child.stdout.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)  # type: ignore[union-attr]
        return child

    def _write(self, child: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(child.stdin.fileno(), view) :]  # type: ignore[union-attr]
            except BlockingIOError:
                self._wait(child.stdin, select.POLLOUT, deadline)
            except BrokenPipeError:
                raise self._died(child) from None

    def _read_answer(
        self, child: subprocess.Popen[bytes], left: int, deadline: float
    ) -> tuple[dict[str, Any], bytes, int]:
        """Header, bytes, and the size of both."""
        if time.monotonic() > deadline:  # a child that never pauses would otherwise never be waited for
            raise SandboxError(TOO_LONG)
        header_size, data_size = FRAME.unpack(self._read(child, FRAME.size, deadline))
        if header_size > MAX_HEADER_BYTES or header_size + data_size > left:
            raise SandboxError(f"More than {self.limits.output_mb} MB came out of it.")
        answer = self._parse(self._read(child, header_size, deadline))
        return answer, self._read(child, data_size, deadline), header_size + data_size

    def _read(self, child: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
        while len(self._arrived) < size:
            try:
                part = os.read(child.stdout.fileno(), PIPE_BYTES)  # type: ignore[union-attr]
            except BlockingIOError:
                self._wait(child.stdout, select.POLLIN, deadline)
                continue
            if not part:
                raise self._died(child)
            self._arrived += part
        data = bytes(memoryview(self._arrived)[:size])
        del self._arrived[:size]
        return data

    def _wait(self, pipe: IO[bytes] | None, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(pipe, event)  # type: ignore[arg-type]  # both are PIPE
        left_ms = 1000 * max(0.0, deadline - time.monotonic())
        if not poll.poll(left_ms) and time.monotonic() >= deadline:
            raise SandboxError(TOO_LONG)

    def _died(self, child: subprocess.Popen[bytes]) -> SandboxError:
        try:
            status = child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            status = 0
        log.warning("sandbox child %d ended with status %d", child.pid, status)
        is_named = -status in set(signal.Signals)
        name = signal.Signals(-status).name if is_named else f"exit status {status}"
        return SandboxError(f"The process that read it died ({name}).")

    @staticmethod
    def _parse(header: bytes) -> dict[str, Any]:
        try:
            answer = _clean(json.loads(header))
        except (ValueError, RecursionError):
            raise SandboxError(GARBAGE) from None
        if not isinstance(answer, dict):
            raise SandboxError(GARBAGE)
        return answer

    @staticmethod
    def _error(answer: dict[str, Any]) -> MedsiftError:
        kind = ERRORS.get(str(answer["error"]), SandboxError)
        sentence = str(answer.get("sentence", ""))[:MAX_REASON]
        if kind is PictureError:
            return PictureError(sentence, state="rejected" if answer.get("state") == "rejected" else "failed")
        return kind(sentence)


def _guards_in_words(told: object) -> str:
    """What a child said of its guards before it had read anything."""
    guards = told if isinstance(told, dict) else {}
    by, refused, left_open = (", ".join(map(str, guards.get(name, []))) for name in ("by", "refused", "open"))
    words = f"refused by the kernel: {refused or 'nothing'} ({by or 'no guard'})"
    return f"{words}; not refused here: {left_open}" if left_open else words


def _clean(value: Any) -> Any:
    """Without NUL and lone surrogates, which files do hold and neither Postgres nor Parquet can."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_clean(part) for part in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(part) for name, part in value.items()}
    return value
