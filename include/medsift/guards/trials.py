"""What guards should refuse, tried: a guard counts for what it does here, not for having been asked for."""

import os
import resource
from _socket import AF_INET, SOCK_DGRAM, socket  # a third of the time to import, and a child starts often
from collections.abc import Callable


def network() -> bool:
    """Whether no address can be reached. Nothing is sent: to connect a datagram socket only looks for a route."""
    tried = None
    try:
        tried = socket(AF_INET, SOCK_DGRAM)
        tried.connect(("127.0.0.1", 9))
    except OSError:
        return True
    finally:
        if tried:
            tried.close()
    return False


def writing() -> bool:
    """Whether no file can be opened for writing, not even one that everybody may write."""
    try:
        os.close(os.open(os.devnull, os.O_WRONLY))
    except OSError:
        return True
    return False


def processes() -> bool:
    """Whether no process can be started."""
    try:
        child = os.fork()
    except OSError:
        return True
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return False


def other_processes() -> bool:
    """Whether the process that started this one can neither be signalled nor looked into nor asked for its limits."""
    parent = os.getppid()
    ways: tuple[Callable[[], object], ...] = (
        lambda: os.kill(parent, 0),
        lambda: os.close(os.open(f"/proc/{parent}/environ", os.O_RDONLY)),
        lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE),
    )
    return all(_fails(way) for way in ways)


def _fails(way: Callable[[], object]) -> bool:
    try:
        way()
    except OSError:
        return True
    return False


TRIALS: dict[str, Callable[[], bool]] = {
    "network": network,
    "writing files": writing,
    "starting processes": processes,
    "reaching other processes": other_processes,
}
