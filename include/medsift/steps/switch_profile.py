"""Another profile for all runs to come: only when its weights are whole, and saying what that costs."""

import re
import tomllib

from medsift.encoders import needed_weights
from medsift.errors import SettingError
from medsift.settings import Settings
from medsift.steps.bring_weights import self_test
from medsift.steps.profile import current_model_set, encoder_digests
from medsift.store import Store
from medsift.volume import Volume, write_atomically

PROFILE_LINE = re.compile(r"^[ \t]*profile[ \t]*=.*$", re.MULTILINE)
FIRST_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


def switch_profile(settings: Settings, store: Store | None) -> list[str]:
    """Write the settings' profile into `medsift.toml` on the volume; sentences that say what follows from it.

    Raises `WeightsError` where weights of the profile are missing, altered or fail their self-test: then all stays.
    """
    for name in needed_weights(settings):
        self_test(settings, name)
    digests = encoder_digests(settings)
    file = Volume(settings.volume).settings_file
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    write_atomically(file, with_profile(text, settings.profile).encode())
    return [f"Profile {settings.profile} is set in {file}.", _cost(digests, store), *_first_set(settings)]


def with_profile(text: str, name: str) -> str:
    """The text of a settings file with that profile, all else as it was."""
    table = FIRST_TABLE.search(text)
    start = table.start() if table else len(text)
    head, tables = text[:start], text[start:]
    line = f'profile = "{name}"'
    head = PROFILE_LINE.sub(line, head) if PROFILE_LINE.search(head) else f"{line}\n{head}"
    if tomllib.loads(head + tables).get("profile") != name:
        raise SettingError("medsift.toml", "profile", "one line of its own, such as " + line)
    return head + tables


def _cost(digests: dict[str, str], store: Store | None) -> str:
    if store is None:
        return "No database is up: how many stored pictures will be embedded anew is not known."
    lacking, pictures = store.count_lacking(list(digests.values()))
    return f"{lacking} of {pictures} stored pictures will be embedded anew when they are next met in a run."


def _first_set(settings: Settings) -> list[str]:
    if current_model_set(settings) is not None:
        return []
    return ["It has no model set yet: the clusters abstain until `medsift modelset fit FOLDER` makes one."]
