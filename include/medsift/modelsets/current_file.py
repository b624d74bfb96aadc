"""`current.json` on the volume: which sets are in use, and which were before them."""

import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medsift.errors import WeightsError
from medsift.volume import Volume, write_atomically

EARLIER = "earlier"
SHIPPED = "shipped"  # stands for the set that ships: another version of medsift ships another one
EARLIER_KEPT = 20


@dataclass(frozen=True)
class InUse:
    """By profile, the digest of the set in use where it did not ship, and what was in use before it, oldest first."""

    promoted: Mapping[str, str] = field(default_factory=dict)
    earlier: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def now(self, profile: str) -> str:
        """Digest of the profile's set, or `SHIPPED`."""
        return self.promoted.get(profile, SHIPPED)

    def with_set(self, profile: str, digest: str, earlier: Sequence[str]) -> "InUse":
        """The same with another set, or `SHIPPED`, in use for a profile, after these."""
        promoted = {**self.promoted, profile: digest}
        before = {**self.earlier, profile: list(earlier[-EARLIER_KEPT:])}
        return InUse(
            {name: of for name, of in promoted.items() if of != SHIPPED},
            {name: of for name, of in before.items() if of},
        )


def read_in_use(volume: Volume) -> InUse:
    """What the file says, nothing where there is none; raises `WeightsError` where it is broken."""
    path = _file(volume)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return InUse()
    except ValueError:
        stored = None
    if not isinstance(stored, dict) or not _is_sound(stored):
        raise WeightsError(
            f"{path} is not the JSON that names the sets in use.", "Where it is deleted, the sets that ship are in use."
        )
    earlier = stored.pop(EARLIER, {})
    return InUse(stored, earlier)


@contextmanager
def in_use_to_change(volume: Volume) -> Iterator[None]:
    """For the block nobody else, in any process, changes what is in use: it is one file for all profiles."""
    volume.model_sets.mkdir(parents=True, exist_ok=True)
    with (volume.model_sets / "current.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_in_use(volume: Volume, used: InUse) -> None:
    """Write the file anew."""
    document = {**used.promoted, **({EARLIER: used.earlier} if used.earlier else {})}
    write_atomically(_file(volume), json.dumps(document).encode())


def _file(volume: Volume) -> Path:
    return volume.model_sets / "current.json"


def _is_sound(stored: Mapping[str, Any]) -> bool:
    earlier = stored.get(EARLIER, {})
    if not isinstance(earlier, dict) or not all(isinstance(digests, list) for digests in earlier.values()):
        return False
    named = [digest for profile, digest in stored.items() if profile != EARLIER]
    return all(isinstance(digest, str) for digest in [*named, *(each for of in earlier.values() for each in of)])
