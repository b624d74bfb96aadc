"""The sample: built when it is not there, its web page served on loopback while a run lasts, its score."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from medsift.errors import StackError
from medsift.topology.environment import LOOPBACK, project_root


@dataclass(frozen=True)
class Sample:
    """A served sample: what to sort, which host to allow for it, where the expected labels stand."""

    sources: list[str]
    host: str
    expected: Path


def ensure_sample() -> Path:
    """Folder of the sample; raises `StackError` where it cannot be built."""
    root = project_root()
    folder = root / "examples" / "sample"
    if not (folder / "expected.csv").exists():
        command = [sys.executable, str(root / "tools" / "make_sample.py"), str(folder)]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise StackError(f"The sample cannot be built: {said}.", "`make sample` installs what it needs.")
    return folder


@contextmanager
def served(folder: Path, port: int) -> Iterator[Sample]:
    """Serve the sample's page on loopback within the block."""
    handler = partial(_Quiet, directory=str(folder / "web"))
    with ThreadingHTTPServer((LOOPBACK, port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        host = f"{LOOPBACK}:{server.server_address[1]}"
        sources = [str(folder / "papers"), f"http://{host}/index.html", str(folder / "folder")]
        try:
            yield Sample(sources, host, folder / "expected.csv")
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the run's progress is on the terminal."""
