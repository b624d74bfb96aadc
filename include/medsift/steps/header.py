"""What a run's verdicts are keyed by, fixed when it is planned, so that all its tasks say the same."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from medsift.settings import Settings
from medsift.steps.profile import current_model_set, verdict_keys
from medsift.store import RunRecord


@dataclass(frozen=True)
class RunHeader:
    """`model_set` and `prompt_set_digest` are digests, as `verdict_keys` gives them; `started_at` is ISO, UTC.

    `fitted_set` is the digest of the model set in use, empty without one; older headers do not tell it.
    """

    id: str
    trigger: str
    profile: str
    model_set: str
    prompt_set: str
    prompt_set_digest: str
    started_at: str
    fitted_set: str | None = None

    @classmethod
    def new(cls, run_id: str, settings: Settings, trigger: str) -> Self:
        """The header of a run that begins now."""
        model_set, prompts = verdict_keys(settings)
        now, fitted = datetime.now(UTC).isoformat(), current_model_set(settings)
        fitted_set = fitted.digest if fitted else ""
        return cls(run_id, trigger, settings.profile, model_set, settings.prompt_set, prompts, now, fitted_set)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The header that the plan wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def record(self, settings: Settings) -> RunRecord:
        """The run as the database has it."""
        began = datetime.fromisoformat(self.started_at)
        return RunRecord(
            self.id, began, self.profile, self.model_set, self.prompt_set_digest, settings.public(), self.trigger
        )

    def to_json(self) -> bytes:
        """As it lies on the volume."""
        return json.dumps(asdict(self)).encode()

    def seconds(self) -> float:
        """Seconds since the run began."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.started_at)).total_seconds()

    def public(self) -> dict[str, Any]:
        """The `run` of the JSON contract."""
        return {
            "id": self.id,
            "profile": self.profile,
            "model_set": self.model_set,
            "prompt_set": self.prompt_set,
            "seconds": round(self.seconds(), 3),
        }
