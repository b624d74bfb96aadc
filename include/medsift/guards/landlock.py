"""Landlock: files can be read and nothing written, no TCP, no signal to others, no look into other processes.

After Documentation/userspace-api/landlock.rst of Linux. A Landlocked process may trace only those it could have
started, which also closes /proc/<pid>/mem and environ of all others, to root too.
"""

import ctypes
import os
import struct

from medsift.guards.kernel import call

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
VERSION_OF_ABI = 1
PATH_BENEATH = 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
FILE_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 5: 16}  # how many rights the kernel knows from that version on
TCP_BIND_AND_CONNECT, ABSTRACT_SOCKETS_AND_SIGNALS = 0b11, 0b11
TCP_FROM, SCOPES_FROM = 4, 6
CLOSED = frozenset({"proc", "sys", "dev", "boot"})  # what a kernel or other processes show of themselves


def abi() -> int:
    """The version that this kernel offers; 0 where it offers none."""
    try:
        return call(CREATE_RULESET, None, 0, VERSION_OF_ABI)
    except OSError:
        return 0


def restrict() -> str:
    """From now on this process reads what lies outside of `CLOSED`, and no more. Its name with version, or nothing."""
    version = abi()
    if not version:
        return ""
    rights = max(count for since, count in FILE_RIGHTS_BY_ABI.items() if since <= version)
    attributes = [(1 << rights) - 1]
    if version >= TCP_FROM:
        attributes.append(TCP_BIND_AND_CONNECT)
    if version >= SCOPES_FROM:
        attributes.append(ABSTRACT_SOCKETS_AND_SIGNALS)
    data = ctypes.create_string_buffer(struct.pack(f"={len(attributes)}Q", *attributes))
    try:
        rules = call(CREATE_RULESET, data, 8 * len(attributes), 0)
        for entry in os.scandir("/"):
            if entry.name not in CLOSED:
                _let_read(rules, entry)
        call(RESTRICT_SELF, rules, 0)
        os.close(rules)
    except OSError:
        return ""
    return f"Landlock {version}"


def _let_read(rules: int, entry: os.DirEntry[str]) -> None:
    try:
        opened = os.open(entry.path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # a dead link, or an entry that is hidden from us
        return
    rights = READ_FILE | READ_DIR if entry.is_dir() else READ_FILE
    try:
        call(ADD_RULE, rules, PATH_BENEATH, ctypes.create_string_buffer(struct.pack("=Qi", rights, opened)), 0)
    finally:
        os.close(opened)
