"""What the command line allows one run to read: its own sources, wherever they lie.

Runs from Airflow's form or REST read only the inbox, the uploads and MEDSIFT_SOURCE_ROOTS. Who types paths at a
terminal may read them anyway, so `make run` leaves a permit in the run's folder, where no form can write one. It
holds for that run alone and goes with its folder.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medsift.settings import Settings
from medsift.volume import Volume, write_atomically


def grant(volume: Volume, run_id: str, roots: Sequence[Path], hosts: Sequence[str]) -> None:
    """Let a run that is not planned yet read `roots` and fetch from `hosts` (name:port)."""
    permit = {"source_roots": [str(root) for root in roots], "allowed_hosts": list(hosts)}
    write_atomically(volume.run_permit(run_id), json.dumps(permit).encode())


def permitted(settings: Settings, run_id: str) -> dict[str, Any]:
    """The settings that a permit of this run widens, with what they allow anyway; empty without a permit."""
    try:
        permit = json.loads(Volume(settings.volume).run_permit(run_id).read_bytes())
    except FileNotFoundError:
        return {}
    anyway = settings.model_dump(include={"source_roots", "allowed_hosts"})
    return {name: [*anyway[name], *permit[name]] for name in anyway}
