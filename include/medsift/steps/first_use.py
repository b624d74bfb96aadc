"""The first use of networks on a machine, in a process of its own: exports and measures them, embeds the prompts.

What that takes (torch, a network in several forms) would stay in the memory of a step for as long as it runs. The
process is a fresh one, not a fork: a forked one cannot use CUDA.
"""

import importlib
import json
import logging
import subprocess
import sys
from typing import Any

from medsift.encoders import PROFILES
from medsift.settings import Settings

log = logging.getLogger(__name__)


def use_first(settings: Settings) -> None:
    """Leave on the volume what loading the profile's networks needs; a failure is told, and shows again at loading."""
    maker = PROFILES.get(settings.profile)
    task = {"settings": settings.public(), "path": sys.path, "module": maker.__module__}
    child = subprocess.Popen(
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    with child:
        said, _ = child.communicate(json.dumps(task))
    for line in said.splitlines():
        log.info("%s", line)
    if child.returncode:
        log.warning("the process of the first use ended with %d; its work is done here", child.returncode)


def _first_use(task: dict[str, Any]) -> None:
    from medsift.steps.networks import load_here
    from medsift.steps.profile import prompted

    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    logging.getLogger("medsift").setLevel(logging.INFO)
    sys.path[:] = task["path"]
    importlib.import_module(task["module"])  # a profile may be registered outside the library
    settings = Settings.model_validate(task["settings"])
    load_here(settings)
    prompted(settings)


if __name__ == "__main__":
    _first_use(json.load(sys.stdin))
