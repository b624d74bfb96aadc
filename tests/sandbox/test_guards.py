"""The child as a border: what a decoder that was taken over may try, tried for real, under all guards and each alone.

Where this kernel lacks a guard, what it would refuse must be told as not refused: nothing is skipped.
"""

import os
import platform
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from medsift.errors import SandboxError
from medsift.guards import landlock, seccomp
from medsift.sandbox import Limits, Sandbox

HERE = Path(__file__).parent
NETWORK, WRITING = "network", "writing files"
PROCESSES, OTHERS = "starting processes", "reaching other processes"
KIND_OF = {
    "connect": NETWORK, "datagram": NETWORK,
    "write": WRITING, "overwrite": WRITING, "truncate": WRITING, "delete": WRITING, "rename": WRITING, "link": WRITING,
    "folder": WRITING,
    "run program": PROCESSES, "fork bomb": PROCESSES, "thread": PROCESSES,
    "environment": OTHERS, "memory": OTHERS, "read memory": OTHERS, "trace": OTHERS, "signal": OTHERS,
    "abort parent": OTHERS, "limits of the parent": OTHERS,
}  # fmt: skip
BY_LANDLOCK = {"write", "overwrite", "delete", "rename", "link", "folder", "environment", "memory", "trace",
               "read memory", "run program"}  # fmt: skip
BY_LANDLOCK_FROM = {3: {"truncate"}, 4: {"connect", "listen"}, 6: {"signal", "abort parent"}}
X86_64 = platform.machine() == "x86_64"


class Attacked(Sandbox):
    """A sandbox whose child knows the attacks and has the guard named, or all."""

    def __init__(self, guard: str = "all") -> None:
        super().__init__(Limits(timeout_s=20, memory_mb=2048))
        self.guard = guard

    def _started(self) -> "subprocess.Popen[bytes]":
        real = subprocess.Popen

        def popen(arguments: list[str], **options: object) -> "subprocess.Popen[bytes]":
            memory = arguments[-1]
            return real([*arguments[:3], str(HERE / "attacked_child.py"), self.guard, memory], **options)

        subprocess.Popen = popen  # type: ignore[misc]
        try:
            return super()._started()
        finally:
            subprocess.Popen = real  # type: ignore[misc]

    def tries(self, name: str, **more: object) -> tuple[bool, str]:
        """Whether it was refused, and how."""
        ((answer, _),) = self.stream("medsift.attacks:attack", {"name": name, **more})
        return answer["refused"], answer["how"]


@pytest.fixture(scope="module")
def guarded() -> Iterator[Attacked]:
    with Attacked() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def unguarded() -> Iterator[Attacked]:
    with Attacked("nothing") as sandbox:
        yield sandbox


@pytest.fixture
def aims(tmp_path: Path) -> Iterator[dict[str, object]]:
    """A server that greets, a file that stands, and the path of one that does not."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.sendall(b"hello")
                connection.close()

        threading.Thread(target=greet, daemon=True).start()
        yield {"port": server.getsockname()[1], "victim": str(victim), "path": str(tmp_path / "new")}
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("name", [name for name in KIND_OF if X86_64 or name != "abort parent"])
def test_an_attack_is_refused_or_told_to_be_possible(
    guarded: Attacked, aims: dict[str, object], tmp_path: Path, name: str
) -> None:
    refused, how = guarded.tries(name, **aims)
    assert refused or KIND_OF[name] in guarded.guards().partition("not refused here")[2], how
    if refused:
        assert (tmp_path / "victim").read_bytes() == b"mine"
        assert not (tmp_path / "new").exists()


@pytest.mark.skipif(not seccomp.is_offered() or landlock.abi() < 6, reason="what this kernel refuses is told above")
def test_on_a_kernel_that_has_them_all_guards_are_in_force(guarded: Attacked) -> None:
    assert guarded.guards().endswith(
        "refused by the kernel: network, writing files, starting processes, reaching other processes (no new "
        f"privileges, not dumpable, no {'capability but to read' if os.geteuid() == 0 else 'capabilities'}, "
        f"Landlock {landlock.abi()}, seccomp)"
    )


def test_without_guards_the_same_attacks_succeed(unguarded: Attacked, aims: dict[str, object]) -> None:
    assert {name: unguarded.tries(name, **aims)[0] for name in ("connect", "datagram", "listen", "signal")} == {
        "connect": False, "datagram": False, "listen": False, "signal": False,
    }  # fmt: skip
    assert not unguarded.tries("overwrite", **aims)[0]
    assert not unguarded.tries("write", **aims)[0]
    assert Path(str(aims["path"])).exists()
    assert not unguarded.tries("delete", **aims)[0]
    assert not Path(str(aims["victim"])).exists()
    assert unguarded.guards().endswith("not refused here: " + (
        "network, writing files, starting processes, reaching other processes" if os.geteuid() == 0
        else "network, writing files, reaching other processes"
    ))  # fmt: skip  # the limit on processes binds all users but root


@pytest.mark.parametrize("name", [*KIND_OF, "listen"])
def test_landlock_alone_refuses_writing_tcp_and_other_processes(aims: dict[str, object], name: str) -> None:
    version = landlock.abi()
    refusing = BY_LANDLOCK.union(*(names for since, names in BY_LANDLOCK_FROM.items() if since <= version))
    with Attacked("Landlock") as child:
        refused, how = child.tries(name, **aims)
        assert (f"Landlock {version}" in child.guards()) == bool(version)
    assert refused or name not in refusing or not version, how


@pytest.mark.parametrize("name", [*(name for name in KIND_OF if name not in ("environment", "memory")), "listen"])
def test_seccomp_alone_refuses_all_but_reading_files(aims: dict[str, object], name: str) -> None:
    with Attacked("seccomp") as child:
        refused, how = child.tries(name, **aims)
        assert (seccomp.NAME in child.guards()) == seccomp.is_offered()
    assert refused or not seccomp.is_offered(), how


def test_an_empty_network_alone_reaches_no_server(aims: dict[str, object]) -> None:
    with Attacked("network namespace") as child:
        refused, how = child.tries("connect", **aims)
        assert refused == ("network namespace" in child.guards()), how
        assert refused == (NETWORK in child.guards().split("not refused here")[0])


def test_a_program_cannot_take_the_childs_place(guarded: Attacked) -> None:
    if seccomp.is_offered() or landlock.abi():
        assert guarded.tries("execute")[0]
    else:
        with pytest.raises(SandboxError):  # it did, and says nothing that a parent understands
            guarded.tries("execute")


@pytest.mark.parametrize("call", ["unshare", "bpf", "userfaultfd", "perf_event_open", "io_uring_setup", "memfd_create",
                                  "mount", "keyctl", "add_key", "pidfd_open", "clone3", "kexec_load", "init_module",
                                  "setns", "name_to_handle_at"])  # fmt: skip
@pytest.mark.skipif(not X86_64, reason="numbers of x86_64")
def test_calls_that_no_decoder_needs_do_not_work(guarded: Attacked, call: str) -> None:
    assert guarded.tries("rare call", call=call)[0] or not seccomp.is_offered()


def test_limits_cannot_be_raised(guarded: Attacked) -> None:
    assert guarded.tries("more files")[0]


def test_the_child_still_reads_what_it_is_given_and_keeps_time(guarded: Attacked, aims: dict[str, object]) -> None:
    assert guarded.tries("read", **aims) == (False, "4")
    assert not guarded.tries("alarm")[0]


def test_the_child_has_nothing_of_its_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDSIFT_DATABASE_URL", "postgresql://secret")
    with (tmp_path / "open.txt").open("w") as held, Attacked() as child:
        os.set_inheritable(held.fileno(), True)
        _, facts = child.tries("facts")
    names, kinds, folder = eval(facts)  # noqa: S307  a literal that the child printed
    assert names == ["LANG", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH"]
    assert kinds == ["0:1", "1:2", "2:2", "3:1"]  # pipes of calls and answers; nowhere for what is printed
    assert folder == "/"


def test_a_process_of_another_architecture_is_ended() -> None:
    """The first thing the filter looks at: numbers of calls mean something else there."""
    other = next(name for name in seccomp.AUDIT_ARCHITECTURE if name != platform.machine())
    code = (
        "import ctypes, struct, sys\nfrom medsift.guards import kernel, seccomp\n"
        f"program = ctypes.create_string_buffer(seccomp.filter_for({other!r}, 1))\n"
        "told = ctypes.create_string_buffer(struct.pack('@HP', len(program.raw) // 8, ctypes.addressof(program)))\n"
        "kernel.prctl(38, 1)\nkernel.prctl(22, 2, ctypes.addressof(told))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.returncode == -31 or not seccomp.is_offered(), ended.stderr  # SIGSYS


@pytest.mark.parametrize(("machine", "header"), [("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
                                                 ("aarch64", "/usr/include/asm-generic/unistd.h")])  # fmt: skip
def test_numbers_of_calls_are_those_of_the_kernels_headers(machine: str, header: str) -> None:
    if not Path(header).is_file():
        pytest.skip("no kernel headers here")
    words = [line.split() for line in Path(header).read_text().splitlines() if line.startswith("#define __NR")]
    known = {line[1].removeprefix("__NR_").removeprefix("__NR3264_"): line[2] for line in words if len(line) > 2}
    known["newfstatat"] = known.get("newfstatat", "").replace("__NR3264_fstatat", known.get("fstatat", ""))
    for name, number in seccomp.ALLOWED[machine].items():
        assert known[name] == str(number) or known[name].startswith("__NR3264"), name
