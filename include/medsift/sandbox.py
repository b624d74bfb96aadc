"""Child processes in which files of unknown origin are opened, with limits on time, memory and output.

The parent trusts nothing that comes back: answers are JSON headers and raw bytes in length-prefixed frames, never
pickles. A child is warm for many calls and replaced after any fault. The far side is sandbox_child.py.
"""

import json
import logging
import os
import selectors
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from medsift.errors import EmptySourceError, MedsiftError, PictureError, SandboxError, SourceError

log = logging.getLogger(__name__)

FRAME = struct.Struct(">IQ")  # length of the JSON header, length of the bytes that follow it
MAX_HEADER_BYTES = 16 * 2**20
ERRORS: dict[str, type[MedsiftError]] = {
    error.code: error for error in (SourceError, EmptySourceError, PictureError, SandboxError)
}


@dataclass(frozen=True)
class Limits:
    """What one call in a child may take: wall-clock seconds, address space, bytes sent back."""

    timeout_s: float = 120.0
    memory_mb: int = 3072
    output_mb: int = 2048


class Sandbox:
    """A warm child process. `stream` runs a generator function of ours in it and yields what it yields.

    Not safe for use by several threads at once: give each its own.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._child: subprocess.Popen[bytes] | None = None

    def stream(
        self, function: str, arguments: Mapping[str, Any], payload: bytes = b"", timeout_s: float | None = None
    ) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Run `package.module:function` in the child and yield each (header, bytes) as it arrives.

        The function takes `(arguments: dict, payload: bytes)` and yields `(dict, bytes)`; both must be ours and
        importable. Errors of medsift raised there are raised here; a limit, a crash or garbage raises
        `SandboxError` with a sentence, after what had arrived before.
        """
        child = self._running_child()
        deadline = time.monotonic() + (timeout_s or self.limits.timeout_s)
        left = self.limits.output_mb * 2**20
        finished = False
        try:
            header = json.dumps({"function": function, "arguments": dict(arguments)}).encode()
            self._write(child, FRAME.pack(len(header), len(payload)) + header + payload, deadline)
            while True:
                header_size, data_size = FRAME.unpack(self._read(child, FRAME.size, deadline))
                left -= header_size + data_size
                if header_size > MAX_HEADER_BYTES or left < 0:
                    raise SandboxError(f"More than {self.limits.output_mb} MB came out of it.")
                answer = self._parse(self._read(child, header_size, deadline))
                data = self._read(child, data_size, deadline)
                if answer.get("end"):
                    finished = True
                    return
                if "error" in answer:
                    finished = bool(answer.get("is_known"))
                    raise self._error(answer)
                yield answer.get("item", {}), data
        finally:
            if not finished:
                self.close()

    def close(self) -> None:
        """End the child and everything it started."""
        child, self._child = self._child, None
        if child is None:
            return
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
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

    def _running_child(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self.close()
        # An empty environment, no inherited descriptors, a group of its own: nothing of the parent's is reachable.
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-m", "medsift.sandbox_child", str(self.limits.memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            cwd="/",
            close_fds=True,
            start_new_session=True,
            bufsize=0,
        )
        for pipe in (self._child.stdin, self._child.stdout):
            os.set_blocking(pipe.fileno(), False)  # type: ignore[union-attr]  # both are PIPE
        return self._child

    def _write(self, child: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(child.stdin.fileno(), view) :]  # type: ignore[union-attr]
            except BlockingIOError:
                self._wait(child.stdin, selectors.EVENT_WRITE, deadline)
            except BrokenPipeError:
                raise self._died(child) from None

    def _read(self, child: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        while size:
            try:
                part = os.read(child.stdout.fileno(), min(size, 2**20))  # type: ignore[union-attr]
            except BlockingIOError:
                self._wait(child.stdout, selectors.EVENT_READ, deadline)
                continue
            if not part:
                raise self._died(child)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _wait(self, pipe: Any, event: int, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)
            if not selector.select(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                raise SandboxError("It took longer than the time allowed and was stopped.")

    def _died(self, child: subprocess.Popen[bytes]) -> SandboxError:
        try:
            status = child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            status = 0
        log.warning("sandbox child %d ended with status %d", child.pid, status)
        name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return SandboxError(f"The process that read it died ({name}).")

    @staticmethod
    def _parse(header: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(header)
        except ValueError:
            raise SandboxError("The process that read it sent garbage.") from None
        if not isinstance(answer, dict):
            raise SandboxError("The process that read it sent garbage.")
        return answer

    @staticmethod
    def _error(answer: dict[str, Any]) -> MedsiftError:
        kind = ERRORS.get(str(answer["error"]), SandboxError)
        sentence = str(answer.get("sentence", ""))[:500]
        if kind is PictureError:
            return PictureError(sentence, state=str(answer.get("state", "failed")))
        return kind(sentence)
