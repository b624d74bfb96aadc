"""A network of its own in which there is nothing: for kernels and processors without the other guards."""

import os

from medsift.guards.kernel import unshare

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
NAME = "network namespace"


def leave() -> str:
    """Leave the network for an empty one. Name or nothing."""
    try:
        unshare(NEW_NETWORK if os.geteuid() == 0 else NEW_USER | NEW_NETWORK)
    except OSError:
        return ""
    return NAME
