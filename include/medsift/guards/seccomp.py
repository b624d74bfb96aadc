"""seccomp: system calls that reading a file and computing need, and no others: no socket, process, program or signal.

A filter in classic BPF after seccomp(2). What is not listed fails with EPERM; calls newer than `NEWER_THAN_LISTED` with
ENOSYS, on which a C library falls back to an older one.
"""

import ctypes
import errno
import os
import struct

from medsift.guards.kernel import prctl

NAME = "seccomp"
PR_SET_SECCOMP, PR_GET_SECCOMP, MODE_FILTER = 22, 21, 2
KILL, ERROR, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of BPF, 32 bits at a time
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
NEWER_THAN_LISTED = 434

AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOWED = {
    "x86_64": {
        "read": 0, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10,
        "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17,
        "readv": 19, "writev": 20, "write": 1, "access": 21, "select": 23, "sched_yield": 24, "mremap": 25,
        "madvise": 28, "dup": 32, "nanosleep": 35, "getitimer": 36, "setitimer": 38, "getpid": 39, "exit": 60,
        "uname": 63, "getcwd": 79, "readlink": 89, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98,
        "sysinfo": 99, "times": 100, "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110,
        "sigaltstack": 131, "statfs": 137, "fstatfs": 138, "arch_prctl": 158, "gettid": 186, "futex": 202,
        "sched_getaffinity": 204, "getdents64": 217, "restart_syscall": 219, "fadvise64": 221, "clock_gettime": 228,
        "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "newfstatat": 262, "readlinkat": 267,
        "faccessat": 269, "pselect6": 270, "ppoll": 271, "set_robust_list": 273, "getrandom": 318, "membarrier": 324,
        "statx": 332, "rseq": 334, "faccessat2": 439,
    },
    "aarch64": {
        "read": 63, "close": 57, "fstat": 80, "lseek": 62, "mmap": 222, "mprotect": 226, "munmap": 215, "brk": 214,
        "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "pread64": 67, "readv": 65, "writev": 66,
        "write": 64, "sched_yield": 124, "mremap": 216, "madvise": 233, "dup": 23, "nanosleep": 101, "getitimer": 102,
        "setitimer": 103, "getpid": 172, "exit": 93, "uname": 160, "getcwd": 17, "gettimeofday": 169,
        "getrlimit": 163, "getrusage": 165, "sysinfo": 179, "times": 153, "getuid": 174, "getgid": 176,
        "geteuid": 175, "getegid": 177, "getppid": 173, "sigaltstack": 132, "statfs": 43, "fstatfs": 44,
        "gettid": 178, "futex": 98, "sched_getaffinity": 123, "getdents64": 61, "restart_syscall": 128,
        "fadvise64": 223, "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115, "exit_group": 94,
        "newfstatat": 79, "readlinkat": 78, "faccessat": 48, "pselect6": 72, "ppoll": 73, "set_robust_list": 99,
        "getrandom": 278, "membarrier": 283, "statx": 291, "rseq": 293, "faccessat2": 439,
    },
}  # fmt: skip
# Calls of which some uses are harmless: number, argument looked at.
OPENS = {"x86_64": ((2, 1), (257, 2)), "aarch64": ((56, 2),)}  # open, openat: to read only
SIGNALS = {"x86_64": 234, "aarch64": 131}  # tgkill: to itself, which is how a process aborts
CONTROLS = {"x86_64": 72, "aarch64": 25}  # fcntl
DEVICES = {"x86_64": 16, "aarch64": 29}  # ioctl
LIMITS = {"x86_64": 302, "aarch64": 261}  # prlimit64: its own, to look
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 1030
TCGETS, FIOCLEX, FIONCLEX = 0x5401, 0x5451, 0x5450


def is_offered() -> bool:
    """Whether this kernel has filters and this processor's calls are listed here."""
    try:
        prctl(PR_GET_SECCOMP)
    except OSError:
        return False
    return os.uname().machine in AUDIT_ARCHITECTURE and struct.calcsize("P") == 8


def restrict() -> str:
    """From now on only the calls listed here work in this process. Name or nothing."""
    if not is_offered():
        return ""
    machine = os.uname().machine
    program = ctypes.create_string_buffer(filter_for(machine, os.getpid()))
    described = ctypes.create_string_buffer(struct.pack("@HP", len(program.raw) // 8, ctypes.addressof(program)))
    try:
        prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.addressof(described))
    except OSError:
        return ""
    return NAME


def filter_for(machine: str, pid: int) -> bytes:
    """The filter for a process of that number on that processor, as an array of struct sock_filter."""
    code = _step(LOAD, ARCHITECTURE)
    code += _step(EQUAL, AUDIT_ARCHITECTURE[machine], then=1) + _step(RETURN, KILL)
    code += _step(LOAD, NUMBER)
    for number in ALLOWED[machine].values():
        code += _unless(number, _step(RETURN, ALLOW))
    for number, argument in OPENS[machine]:
        code += _unless(number, _argument(argument) + _step(ANY_BIT, WRITING, otherwise=1) + _refuse() + _allow())
    code += _unless(SIGNALS[machine], _one_of(0, pid))
    code += _unless(CONTROLS[machine], _one_of(1, F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC))
    code += _unless(DEVICES[machine], _one_of(1, TCGETS, FIOCLEX, FIONCLEX))
    code += _unless(LIMITS[machine], _own_limits())
    return code + _unless_below(NEWER_THAN_LISTED, _refuse(errno.ENOSYS)) + _refuse()


def _step(operation: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction; `then` and `otherwise` are how many to skip."""
    return struct.pack("=HBBI", operation, then, otherwise, value)


def _allow() -> bytes:
    return _step(RETURN, ALLOW)


def _refuse(error: int = errno.EPERM) -> bytes:
    return _step(RETURN, ERROR | error)


def _argument(index: int, *, high: bool = False) -> bytes:
    """Load the low or the high half of an argument; both processors are little-endian."""
    return _step(LOAD, ARGUMENTS + 8 * index + 4 * high)


def _unless(number: int, block: bytes) -> bytes:
    """A block, which must end the filter, for one system call."""
    return _step(EQUAL, number, otherwise=len(block) // 8) + block


def _unless_below(number: int, block: bytes) -> bytes:
    return _step(AT_LEAST, number, otherwise=len(block) // 8) + block


def _one_of(index: int, *values: int) -> bytes:
    tests = b"".join(_step(EQUAL, value, otherwise=1) + _allow() for value in values)
    return _argument(index) + tests + _refuse()


def _own_limits() -> bytes:
    """Of process 0, which is oneself, and without new limits: a null pointer."""
    code = b""
    for load in (_argument(0), _argument(2), _argument(2, high=True)):
        code += load + _step(EQUAL, 0, then=1) + _refuse()
    return code + _allow()
