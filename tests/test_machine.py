"""What medsift takes the machine for."""

import os
import subprocess
import sys

from medsift.machine import usable_cores

ASK = "from medsift.machine import usable_cores; print(usable_cores())"


def cores_under(limit: str) -> int:
    """What a process sees where its control group has this `cpu.max`, as in a container with a limit."""
    # Who is root may mount in a namespace of mounts; others are root in a namespace of users.
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    script = 'mount -t tmpfs none /sys/fs/cgroup && echo "$1" >/sys/fs/cgroup/cpu.max && exec "$2" -c "$3"'
    command = [*unshare, "sh", "-c", script, "sh", limit, sys.executable, ASK]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_the_cores_that_may_be_used_are_as_many_as_a_container_is_given() -> None:
    assert cores_under("100000 100000") == 1
    assert cores_under("50000 100000") == 1
    assert cores_under("max 100000") == usable_cores()


def test_the_cores_that_may_be_used_are_those_the_process_is_pinned_to() -> None:
    one = min(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(one), sys.executable, "-c", ASK]
    assert int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) == 1
