"""What a decoder that was taken over might try. Run in a child whose module `medsift.attacks` this is.

Each yields {"refused": whether the kernel refused it, "how": the error or what was had}.
"""

import ctypes
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
NEW_CALLS = {"unshare": 272, "bpf": 321, "userfaultfd": 323, "perf_event_open": 298, "io_uring_setup": 425,
             "memfd_create": 319, "mount": 165, "keyctl": 250, "add_key": 248, "pidfd_open": 434, "clone3": 435,
             "kexec_load": 246, "init_module": 175, "setns": 308, "name_to_handle_at": 303}  # fmt: skip

Answer = Iterator[tuple[dict[str, Any], bytes]]


def attack(arguments: dict[str, Any], _payload: bytes) -> Answer:
    """Attack `name` with what else it takes."""
    try:
        had = ATTACKS[arguments["name"]](arguments)
    except (OSError, RuntimeError, ValueError) as error:  # threads and limits have errors of their own
        yield {"refused": True, "how": f"{type(error).__name__}: {error}"}, b""
    else:
        yield {"refused": False, "how": repr(had)}, b""


def _connect(arguments: dict[str, Any]) -> object:
    with socket.create_connection(("127.0.0.1", arguments["port"]), timeout=5) as connection:
        return connection.recv(5)


def _datagram(arguments: dict[str, Any]) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"secret", ("127.0.0.1", arguments["port"]))


def _listen(_arguments: dict[str, Any]) -> object:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()


def _write(arguments: dict[str, Any]) -> object:
    return Path(arguments["path"]).touch()  # one that holds bytes is stopped by the limit on files' size already


def _overwrite(arguments: dict[str, Any]) -> object:
    os.close(os.open(arguments["victim"], os.O_WRONLY))


def _truncate(arguments: dict[str, Any]) -> object:
    return os.truncate(arguments["victim"], 0)


def _delete(arguments: dict[str, Any]) -> object:
    return Path(arguments["victim"]).unlink()


def _rename(arguments: dict[str, Any]) -> object:
    return Path(arguments["victim"]).rename(arguments["path"])


def _link(arguments: dict[str, Any]) -> object:
    return Path(arguments["path"]).symlink_to("/etc/passwd")


def _folder(arguments: dict[str, Any]) -> object:
    return Path(arguments["path"]).mkdir()


def _execute(_arguments: dict[str, Any]) -> object:
    os.execv("/bin/true", ["true"])  # noqa: S606


def _run_program(_arguments: dict[str, Any]) -> object:
    return subprocess.run(["/bin/true"], check=False).returncode


def _fork_bomb(_arguments: dict[str, Any]) -> object:
    children = 0
    for _ in range(20):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        children += 1
    return children


def _thread(_arguments: dict[str, Any]) -> object:
    thread = threading.Thread(target=int)
    thread.start()
    return thread.join()


def _environment(_arguments: dict[str, Any]) -> object:
    return Path(f"/proc/{os.getppid()}/environ").read_bytes()


def _memory(_arguments: dict[str, Any]) -> object:
    os.close(os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY))


def _read_memory(_arguments: dict[str, Any]) -> object:
    """process_vm_readv of an address that is mapped in every process of this program."""
    here = ctypes.create_string_buffer(8)
    address = ctypes.addressof(ctypes.c_int.in_dll(ctypes.pythonapi, "Py_NoSiteFlag"))
    local = (ctypes.c_size_t * 2)(ctypes.addressof(here), 8)
    remote = (ctypes.c_size_t * 2)(address, 8)
    pid = os.getppid()
    return _checked(LIBC.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0), may=("EFAULT",))


def _trace(_arguments: dict[str, Any]) -> object:
    had = _checked(LIBC.ptrace(PTRACE_ATTACH, os.getppid(), None, None))
    os.waitpid(os.getppid(), 0x40000000)  # __WALL
    LIBC.ptrace(PTRACE_DETACH, os.getppid(), None, None)
    return had


def _signal(_arguments: dict[str, Any]) -> object:
    return os.kill(os.getppid(), 0)


def _abort_parent(_arguments: dict[str, Any]) -> object:
    return _checked(LIBC.syscall(234, os.getppid(), os.getppid(), 0))  # tgkill of x86_64


def _more_files(_arguments: dict[str, Any]) -> object:
    import resource

    return resource.setrlimit(resource.RLIMIT_NOFILE, (10_000, 10_000))


def _limits_of_the_parent(_arguments: dict[str, Any]) -> object:
    import resource

    return resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)


def _rare_call(arguments: dict[str, Any]) -> object:
    return _checked(LIBC.syscall(NEW_CALLS[arguments["call"]], 0, 0, 0, 0, 0), only=("EPERM", "ENOSYS"))


def _read(arguments: dict[str, Any]) -> object:
    return len(Path(arguments["victim"]).read_bytes())


def _alarm(_arguments: dict[str, Any]) -> object:
    return signal.setitimer(signal.ITIMER_PROF, 5)


def _facts(_arguments: dict[str, Any]) -> object:
    """The child's environment, and what its descriptors are."""
    kinds = []
    for descriptor in range(64):
        try:
            kinds.append(f"{descriptor}:{os.fstat(descriptor).st_mode >> 12:o}")
        except OSError:
            continue
    return sorted(os.environ), kinds, str(Path.cwd())


def _checked(result: int, *, only: tuple[str, ...] = (), may: tuple[str, ...] = ()) -> int:
    """Raise the error of a call; with `only` no other than these counts as refused, with `may` these do not."""
    import errno

    number = ctypes.get_errno()
    name = errno.errorcode.get(number, "")
    if result < 0 and (not only or name in only) and name not in may:
        raise OSError(number, os.strerror(number))
    return result


ATTACKS: dict[str, Callable[[dict[str, Any]], object]] = {
    name.removeprefix("_").replace("_", " "): made
    for name, made in list(globals().items())
    if name.startswith("_") and not name.startswith("__") and name != "_checked" and callable(made)
}
