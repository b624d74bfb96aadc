"""A child of the sandbox, with its own main, that knows `medsift.attacks` and raises only the guards it is told to."""

import importlib.util
import sys
from pathlib import Path

import medsift.guards
from medsift import sandbox_child
from medsift.guards import Guards, landlock, network, privileges, seccomp, trials

ONLY = {"Landlock": landlock.restrict, "seccomp": seccomp.restrict, "network namespace": network.leave,
        "nothing": str}  # fmt: skip


def only(name: str) -> Guards:
    privileges.never_gain()
    by = [made] if (made := ONLY[name]()) else []
    tried = {what: is_refused() for what, is_refused in trials.TRIALS.items()}
    return Guards(by, [what for what in tried if tried[what]], [what for what in tried if not tried[what]])


if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("medsift.attacks", Path(__file__).with_name("attacks.py"))
    assert spec and spec.loader
    sys.modules["medsift.attacks"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    which = sys.argv.pop(1)
    sandbox_child.raise_guards = medsift.guards.raise_guards if which == "all" else lambda: only(which)
    sandbox_child.main()
