"""What the command line gives one run beyond what Airflow's form can: settings of the terminal, and any path.

Runs from Airflow's form or REST read only the inbox, the uploads and MEDSIFT_SOURCE_ROOTS. Who types paths at a
terminal may read them anyway, so `make run` leaves a permit in the run's folder, where no form can write one. It
holds for that one run and the sources that were typed, and goes with its folder: another run that takes the same id
once the first is deleted in Airflow gets nothing from it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medsift.settings import Settings
from medsift.volume import Volume, write_atomically

TYPED = ("option", "environment")


def grant(settings: Settings, run_id: str, sources: str, hosts: Sequence[str] = (), **values: Any) -> None:
    """Let a run that is not planned yet read every path that `sources` names, one a line, and fetch from `hosts`
    (name:port); other settings as given."""
    typed = {name: value for name, value in settings.public().items() if settings.origin(name) in TYPED}
    typed.pop("volume", None)
    permit = typed | {"source_roots": ["/"], "allowed_hosts": [*settings.allowed_hosts, *hosts]}
    permit |= values
    document = {"sources": sources, "settings": permit}
    write_atomically(Volume(settings.volume).run_permit(run_id), json.dumps(document).encode())


def permitted(settings: Settings, run_id: str, sources: str) -> dict[str, Any]:
    """The settings that a permit gives this run; none without a permit, or with one for other sources."""
    path: Path = Volume(settings.volume).run_permit(run_id)
    document = json.loads(path.read_bytes()) if path.exists() else {}
    return dict(document["settings"]) if document.get("sources") == sources else {}
