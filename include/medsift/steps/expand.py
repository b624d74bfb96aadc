"""Sources as people type them (path, folder, glob, address, list file) to leaf sources."""

import glob
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from medsift.contracts import PICTURE_ENDINGS, Leaf
from medsift.errors import SourceError, UsageError
from medsift.paths import is_file, is_folder
from medsift.settings import Settings
from medsift.sources import KINDS
from medsift.sources.folder import leaf_files, links_out, read_head, real_path, regular_files, shown_name
from medsift.sources.http import shown
from medsift.volume import Volume

LIST_ENDINGS = {".txt", ".lst", ".list"}


@dataclass
class Expansion:
    """Leaf sources in the order given, each once; how many files of a folder were skipped or too young."""

    leaves: list[Leaf] = field(default_factory=list)
    skipped: int = 0
    too_young: int = 0

    def __post_init__(self) -> None:
        self._names = {leaf.source for leaf in self.leaves}

    def extend(self, other: "Expansion") -> None:
        """Take over what is not there yet."""
        fresh = [leaf for leaf in other.leaves if leaf.source not in self._names]
        self.leaves += fresh
        self._names.update(leaf.source for leaf in fresh)
        self.skipped += other.skipped
        self.too_young += other.too_young

    def or_empty(self, container: Path, reason: str) -> "Expansion":
        """Itself, or where nothing is in it the container as one empty leaf."""
        return self if self.leaves else Expansion([Leaf(str(container), "", "", state="empty", reason=reason)])


def expand(source: str, settings: Settings) -> Expansion:
    """The leaf sources of one typed source; what is not there or cannot be read is a failed leaf with a reason."""
    if is_address(source):
        return Expansion([_address(source)])
    path = absolute(os.path.expanduser(source))  # noqa: PTH111  pathlib's raises for a user that is not there
    try:
        if path.is_dir():
            found = _folder(path, settings)
            found.extend(_links_out(path))
            return found.or_empty(path, "There is no picture or document in this folder.")
        if _is_list(path):
            return _list_file(path, settings).or_empty(path, "This list names no source.")
        if not path.exists() and glob.has_magic(source):
            return _glob(str(path), source, settings)
    except OSError as error:
        return Expansion([failed_leaf(str(path), f"It cannot be read ({error.strerror}).")])
    return Expansion([file_leaf(path)])


def inbox_sources(settings: Settings, volume: Volume) -> Expansion:
    """What the nightly run takes: files of the inbox that are old enough, and the addresses of the watchlist."""
    found = _folder(volume.inbox, settings) if volume.inbox.is_dir() else Expansion()
    newest = time.time() - settings.inbox_min_age_s
    old_enough = [leaf for leaf in found.leaves if leaf.state == "failed" or _modified(leaf.source) <= newest]
    inbox = Expansion(old_enough, found.skipped, len(found.leaves) - len(old_enough))
    if volume.watchlist.is_file():
        inbox.extend(_list_file(volume.watchlist, settings))
    return inbox


def absolute(path: str | Path) -> Path:
    """The one spelling of a path by which a source is known: absolute, without `..`, links not followed."""
    return Path(os.path.abspath(path))  # noqa: PTH100  resolve() would follow links


def require_folder(path: Path) -> None:
    """Raise `UsageError` where no folder lies there."""
    if not is_folder(path):
        raise UsageError(f"{path} is not a folder.")


def is_address(source: str) -> bool:
    """Whether a typed source is an address rather than a path."""
    return "://" in source.split("?", 1)[0]


def told(source: str) -> str:
    """A source, or a picture's place, as it may stand in logs and names: an address without credentials and query."""
    return shown(source) if is_address(source) else source


def file_leaf(path: Path) -> Leaf:
    """A file as a leaf source of the kind that its content says, or failed with the reason."""
    try:
        if is_folder(path):
            return failed_leaf(str(path), "The folder may not be read.")
        head = read_head(path)
    except SourceError as error:
        return failed_leaf(str(path), str(error))
    except ValueError:
        return failed_leaf(str(path), "This cannot be the name of a file.")
    kind = kind_of(str(path), head)
    if not kind and path.suffix.lower().lstrip(".") in PICTURE_ENDINGS:
        kind = "folder"
    if not kind:
        failed = failed_leaf(str(path), f"Nothing here reads this kind of file (known: {', '.join(KINDS.names())}).")
        return replace(failed, path=failed.source)
    shown = shown_name(str(path))
    return Leaf(shown, kind, "", path=shown)


def failed_leaf(source: str, reason: str) -> Leaf:
    """A leaf that cannot be read; what is not text in its name is shown escaped, since a row holds text."""
    return Leaf(shown_name(source), "", "", state="failed", reason=reason)


def kind_of(source: str, head: bytes) -> str:
    """The registered kind that reads a source, or nothing."""
    return next((name for name in KINDS.names() if KINDS.get(name)().recognises(source, head)), "")


def _address(source: str) -> Leaf:
    kind = kind_of(source, b"") if _is_text(source) else ""
    if "@" in source.partition("://")[2].partition("/")[0]:
        # Refused by the door, too; here so that no password gets into a row.
        return failed_leaf(shown(source), "Addresses with credentials are refused.")
    if not kind:
        return failed_leaf(source, "Only http and https addresses can be fetched.")
    return Leaf(source, kind, "", url=source)


def _folder(folder: Path, settings: Settings) -> Expansion:
    allowed = [file_leaf(path) for path in leaf_files(folder, settings.allowed_extensions)]
    everything = sum(1 for _ in regular_files(folder))
    return Expansion(allowed, max(0, everything - len(allowed)))


def _links_out(folder: Path) -> Expansion:
    """One failed leaf for all links that lead out of a folder: it would otherwise look emptier than it is."""
    count = sum(1 for _ in links_out(folder))
    reason = f"Links that lead out of this folder are not followed ({count} of them); name what they lead to."
    return Expansion([failed_leaf(str(folder), reason)] if count else [])


def _list_file(path: Path, settings: Settings) -> Expansion:
    """One source a line, relative to the file's folder; `#` begins a comment."""
    found = Expansion()
    # Not splitlines: to it a name may hold what ends a line, such as the line separator of a word processor.
    for line in path.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n"):
        source = line.strip()
        if source and not source.startswith("#"):
            typed = source if is_address(source) else str(path.parent / os.path.expanduser(source))  # noqa: PTH111
            found.extend(_failed_list(typed) if _is_list(Path(typed)) else expand(typed, settings))
    return found


def _is_list(path: Path) -> bool:
    return path.suffix.lower() in LIST_ENDINGS and is_file(path)


def _failed_list(source: str) -> Expansion:
    return Expansion([failed_leaf(source, "A list of sources may not name another list.")])


def _glob(pattern: str, typed: str, settings: Settings) -> Expansion:
    found = Expansion()
    for match in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207  Path.glob takes no absolute pattern
        found.extend(expand(match, settings))
    return found if found.leaves else Expansion([failed_leaf(typed, "Nothing matches this pattern.")])


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _modified(source: str) -> float:
    path = real_path(source)
    return path.stat().st_mtime if path.exists() else 0.0
