"""What a process may become or give away: no new privileges, no view into its memory, no capabilities."""

import ctypes
import os
import struct

from medsift.guards.kernel import call, prctl

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_DUMPABLE = 4, 38, 39, 3
CAPSET = {"x86_64": 126, "aarch64": 91}
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_READ_SEARCH = 2  # root keeps it: it reads what it is given, whoever owns that


def never_gain() -> str:
    """No program it might start gains a privilege; guards of unprivileged processes need this. Name or nothing."""
    try:
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        return "no new privileges" if prctl(PR_GET_NO_NEW_PRIVS) == 1 else ""
    except OSError:
        return ""


def hide_memory() -> str:
    """No other process of the same user looks into its memory or environment. Name or nothing."""
    try:
        prctl(PR_SET_DUMPABLE, 0)
        return "not dumpable" if prctl(PR_GET_DUMPABLE) == 0 else ""
    except OSError:
        return ""


def drop_capabilities() -> str:
    """Nothing of root's power is left but reading. Name or nothing."""
    number = CAPSET.get(os.uname().machine)
    if number is None:
        return ""
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    for kept in (1 << CAP_DAC_READ_SEARCH, 0):  # who has none cannot keep one
        data = struct.pack("=6I", kept, kept, 0, 0, 0, 0)
        try:
            call(number, ctypes.create_string_buffer(header), ctypes.create_string_buffer(data))
        except OSError:
            continue
        return "no capabilities" if not kept else "no capability but to read"
    return ""
