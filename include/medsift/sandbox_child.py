"""The far side of sandbox.py: takes calls on standard input, answers on standard output, knows nothing else."""

import importlib
import json
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

from medsift.errors import MedsiftError
from medsift.guards import raise_guards
from medsift.sandbox import FRAME, OPEN_FILES, PIPE_BYTES


def limit_resources(memory_mb: int) -> None:
    """Memory, no core files, no growth of files, few descriptors, no processes (which binds all users but root)."""
    memory = memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _send(out: BinaryIO, header: dict[str, Any], data: bytes = b"") -> None:
    encoded = json.dumps(header).encode()
    out.write(FRAME.pack(len(encoded), len(data)) + encoded)
    out.write(data)
    out.flush()


def _answer(out: BinaryIO, call: dict[str, Any], payload: bytes) -> None:
    module, _, name = call["function"].partition(":")
    if not module.startswith("medsift."):
        raise ValueError("only functions of medsift run here")
    # The parent's clock ends a call. Should the parent be gone, this ends what loops, also inside a C library.
    signal.setitimer(signal.ITIMER_PROF, 2 * call["timeout_s"])
    try:
        for item, data in getattr(importlib.import_module(module), name)(call["arguments"], payload):
            _send(out, {"item": item}, data)
            signal.setitimer(signal.ITIMER_PROF, 2 * call["timeout_s"])
        _send(out, {"end": True})
    except MedsiftError as error:
        state = getattr(error, "state", "failed")
        _send(out, {"error": error.code, "sentence": error.sentence, "state": state, "is_known": True})
    except MemoryError:
        _send(out, {"error": "sandbox", "sentence": "It needs more memory than is allowed."})
    except Exception as error:  # noqa: BLE001  whatever a decoder raises is the file's fault here, and a row
        sentence = f"It cannot be read ({type(error).__name__}: {error})."
        _send(out, {"error": "source", "sentence": sentence[:400]})
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def main() -> None:
    """Serve calls until standard input ends."""
    calls, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", PIPE_BYTES)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what a C library prints must not fall among the answers
    os.close(nowhere)
    limit_resources(int(sys.argv[1]))
    _send(out, {"ready": True, "guards": raise_guards().as_dict()})
    while start := calls.read(FRAME.size):
        header_size, data_size = FRAME.unpack(start)
        call = json.loads(calls.read(header_size))
        _answer(out, call, calls.read(data_size))


if __name__ == "__main__":
    main()
