"""What can go wrong, each with a code, a sentence for a person and, where one exists, a hint.

Known errors end in a row or in one printed sentence. Anything else is a fault of ours and is left to be loud.
"""

from pathlib import Path
from typing import ClassVar, Self


class MedsiftError(Exception):
    """Something known went wrong; `str(error)` is a sentence that can be shown as it is."""

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}".strip()


class UsageError(MedsiftError):
    """The caller asked for something that cannot be asked for."""

    code = "usage"
    exit_status = 2


class SettingError(UsageError):
    """A setting has a value that is not allowed."""

    code = "setting"

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"Setting {name} = {value!r}: allowed is {allowed}.")
        self.name, self.value, self.allowed = name, value, allowed


class SourceError(MedsiftError):
    """A source or a part of it cannot be read: it gets a state and this reason, the run goes on."""

    code = "source"


class EmptySourceError(SourceError):
    """A source was read and there is nothing in it."""

    code = "empty"


class TemporaryError(SourceError):
    """What a later run may mend: a server that stays busy, a name that does not resolve just now."""

    code = "temporary"


class PictureError(MedsiftError):
    """A picture that is not kept; `state` is `rejected` (by a rule) or `failed` (cannot be read)."""

    code = "picture"

    def __init__(self, sentence: str, state: str = "failed") -> None:
        super().__init__(sentence)
        self.state = state


class SandboxError(SourceError):
    """The child process that read a file was stopped by a limit or died."""

    code = "sandbox"


class WeightsError(MedsiftError):
    """Weights or a model set are missing, or are not the ones whose digest is pinned."""

    code = "weights"

    @classmethod
    def not_pinned(cls, path: Path, found: str, pinned: str, advice: str = "") -> Self:
        """A file of a model set whose SHA-256 is another than the set pins."""
        sentence = f"{path} is not the file its model set pins: its SHA-256 is {found}, expected is {pinned}."
        return cls(sentence, f"It is not used. {advice}".rstrip())


class StoreError(MedsiftError):
    """Postgres is not there, or is not as medsift needs it."""

    code = "store"


class StoreLostError(StoreError):
    """Postgres does not answer just now, broke off or has no room; a later try may mend it."""

    code = "store_lost"


class StackError(MedsiftError):
    """The embedded stack cannot be started, found or stopped."""

    code = "stack"


class NothingDoneError(MedsiftError):
    """Nothing that was asked for could be done."""

    code = "nothing"
