"""What the kernel refuses to a process that opens files of unknown origin: no way back once it is in force.

Each guard is tried, since old kernels and some containers lack it; `raise_guards` says which are really there.
"""

from dataclasses import asdict, dataclass

from medsift.guards import landlock, network, privileges, seccomp, trials


@dataclass(frozen=True)
class Guards:
    """`by`: names of the mechanisms in force. `refused` and `open`: what was tried and refused, or not refused."""

    by: list[str]
    refused: list[str]
    open: list[str]

    def as_dict(self) -> dict[str, list[str]]:
        """For the parent."""
        return asdict(self)


def raise_guards() -> Guards:
    """Put every guard in force that this kernel offers, then try what they should refuse.

    What is read later must lie outside of /proc, /sys and /dev; nothing can be written but to open descriptors.
    """
    away_from_network = network.leave() if not seccomp.is_offered() else ""
    guards = (privileges.never_gain, privileges.hide_memory, privileges.drop_capabilities, landlock.restrict,
              seccomp.restrict)  # fmt: skip
    by = [name for name in (away_from_network, *(guard() for guard in guards)) if name]
    tried = {what: is_refused() for what, is_refused in trials.TRIALS.items()}
    return Guards(by, [what for what in tried if tried[what]], [what for what in tried if not tried[what]])
