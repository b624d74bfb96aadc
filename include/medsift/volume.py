"""Files on the shared volume: content-addressed, written whole or not at all. Only this module builds its paths."""

import errno
import hashlib
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from medsift.errors import MedsiftError

PART = ".part"
KEY_BYTES = 32
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class VolumeError(MedsiftError):
    """The volume cannot be read or written (no room, read-only, gone)."""

    code = "volume"


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def told_if_unwritable(target: Path) -> Iterator[None]:
    """Raise `VolumeError` in place of what a full or read-only file system raises in the block."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise VolumeError(f"Cannot write {target}: {os.strerror(error.errno)}.") from error


@contextmanager
def atomic_path(target: Path, folder: Path | None = None) -> Iterator[Path]:
    """A temporary path that takes the place of `target` when the block ends well, and vanishes otherwise.

    It lies beside the target or in `folder`, which must be on the same file system. Its name says whose it is: what
    a killed process left behind is known by that (`remove_abandoned`). Raises `VolumeError` where the file system is
    full or read-only.
    """
    with told_if_unwritable(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = folder or target.parent
        folder.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{socket.gethostname()}.{os.getpid()}.", suffix=PART, dir=folder)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """A temporary folder that becomes `target` when the block ends well, and vanishes otherwise.

    Where another process was faster, its folder stays: both hold the same.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PART, dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_abandoned(folder: Path) -> int:
    """Remove, to the bottom of a folder, temporary files of processes of this machine that are no more; how many."""
    removed = 0
    for path in folder.rglob(f".{socket.gethostname()}.*{PART}"):
        pid = path.name.removesuffix(PART).rsplit(".", 2)[-2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def write_atomically(target: Path, data: bytes, folder: Path | None = None) -> None:
    """Write `data` so that a reader sees the old file or the new one, never a part (`folder` as in `atomic_path`)."""
    with atomic_path(target, folder) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


class Volume:
    """The folder that all workers share. `root` is `MEDSIFT_VOLUME`."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def inbox(self) -> Path:
        """Where people drop files for the nightly run."""
        return self.root / "inbox"

    @property
    def uploads(self) -> Path:
        """Where the Review page puts what people submit."""
        return self.root / "uploads"

    def upload(self, token: str, name: str) -> Path:
        """Where what was sent under that token lies, alone in its folder."""
        return self.uploads / token / name

    @property
    def watchlist(self) -> Path:
        """Addresses to look at every night, one a line."""
        return self.root / "watchlist.txt"

    @property
    def settings_file(self) -> Path:
        """The settings file of this volume."""
        return self.root / "medsift.toml"

    @property
    def weights(self) -> Path:
        """Folder of weights, one subfolder a digest."""
        return self.root / "weights"

    @property
    def weights_manifest(self) -> Path:
        """Weights that were imported here under a digest their importer named."""
        return self.weights / "manifest.json"

    def weights_file(self, sha256: str, name: str) -> Path:
        """Where weights with that digest lie."""
        return self.weights / sha256 / name

    def weights_partial(self, sha256: str) -> Path:
        """Where they grow while they are fetched; kept when that breaks off, to be gone on with."""
        return self.weights / f"{sha256}{PART}"

    def self_test(self, sha256: str, tower_digest: str) -> Path:
        """Reference vectors of a tower, beside its weights."""
        return self.weights / sha256 / f"selftest-{tower_digest[:32]}.safetensors"

    def engines(self, network_digest: str) -> Path:
        """Folder of what was exported of a network, and of which engine was chosen for it on which machine."""
        return self.root / "engines" / network_digest[:32]

    def clip_shape(self, asked: str) -> Path:
        """What open_clip said of a model, by a digest over what it was asked."""
        return self.root / "engines" / f"clip-shape-{asked[:32]}.json"

    @property
    def model_sets(self) -> Path:
        """Folder of fitted model sets; `current.json` in it names the one in use."""
        return self.root / "modelsets"

    @property
    def stack(self) -> Path:
        """Folder of the embedded stack: database, Airflow's home, logs, secrets."""
        return self.root / "stack"

    @property
    def incoming(self) -> Path:
        """Where content-addressed files are written before they get their place."""
        return self.root / "incoming"

    def prompt_vectors(self, encoder_digest: str, prompt_digest: str) -> Path:
        """Vectors of a prompt set by one encoder, kept because loading a text tower takes longer than using it."""
        return self.root / "promptvectors" / f"{encoder_digest[:32]}-{prompt_digest[:32]}.npz"

    def kept_vectors(self, encoder_digest: str) -> Path:
        """Table of vectors that an ablation keeps of one encoder beside its results."""
        return self.root / "vectors" / f"{encoder_digest[:32]}.parquet"

    def pseudonym_key(self) -> bytes:
        """The secret, made once a volume, without which nobody can tell whose name a keyed hash stands for."""
        path = self.root / "pseudonym.key"
        if not path.exists():
            self.root.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(
                prefix=f".{socket.gethostname()}.{os.getpid()}.", suffix=PART, dir=self.root
            )
            with open(handle, "wb") as file:  # noqa: PTH123  a descriptor: mkstemp's files are the owner's alone
                file.write(secrets.token_bytes(KEY_BYTES))
            with suppress(FileExistsError):  # another process was faster
                os.link(name, path)
            Path(name).unlink()
        return path.read_bytes()

    def run(self, run_id: str) -> Path:
        """Folder of one run: tables of each step, report."""
        return self.root / "runs" / run_id

    def table(self, run_id: str, step: str, name: str) -> Path:
        """Path of a Parquet table left by a step."""
        return self.run(run_id) / step / f"{name}.parquet"

    def run_settings(self, run_id: str) -> Path:
        """The run's settings as all its tasks read them."""
        return self.run(run_id) / "settings.json"

    def run_permit(self, run_id: str) -> Path:
        """What the command line allows that one run to read besides the folders and hosts of the settings."""
        return self.run(run_id) / "permit.json"

    def run_header(self, run_id: str) -> Path:
        """What a run's verdicts are keyed by, and when it began."""
        return self.run(run_id) / "run.json"

    def candidates(self, run_id: str, batch: str) -> Path:
        """Folder of pictures as extracted, before they are looked at; emptied when the run is published."""
        return self.run(run_id) / "candidates" / batch

    def report(self, run_id: str) -> Path:
        """Folder of a run's CSV, contact sheet and HTML."""
        return self.run(run_id) / "report"

    def picture(self, sha256: str, extension: str) -> Path:
        """Where the picture of that identity is stored."""
        return self._addressed("pictures", sha256, extension)

    def thumbnail(self, sha256: str) -> Path:
        """Where its thumbnail is stored."""
        return self._addressed("thumbnails", sha256, "webp")

    def document(self, sha256: str, extension: str) -> Path:
        """Where the document of that digest is kept, so that people see where its pictures stood."""
        return self._addressed("documents", sha256, extension)

    def _addressed(self, room: str, sha256: str, extension: str) -> Path:
        return self.root / room / sha256[:2] / f"{sha256}.{extension}"

    def prepare(self) -> None:
        """Make the folders people look for; raises `VolumeError` where that is impossible."""
        try:
            for folder in (self.inbox, self.uploads, self.root / "runs"):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise VolumeError(f"The volume {self.root} cannot be written: {error.strerror}.") from error

    def put(self, target: Path, data: bytes) -> Path:
        """Store bytes under a content address unless they are there already."""
        if not (target.exists() and target.stat().st_size == len(data)):
            try:
                write_atomically(target, data, self.incoming)
            except OSError as error:
                raise VolumeError(f"Cannot write {target}: {error.strerror}.") from error
        return target

    def keep_document(self, path: Path, extension: str) -> None:
        """Keep a copy of a document under its digest, unless it is there already."""
        sha256 = sha256_of_file(path)
        target = self.document(sha256, extension)
        if target.exists() and target.stat().st_size == path.stat().st_size:
            return
        try:
            with atomic_path(target, self.incoming) as temporary:
                shutil.copyfile(path, temporary)
                if sha256_of_file(temporary) != sha256:
                    raise VolumeError(f"{path} changed while it was copied.")
        except OSError as error:
            raise VolumeError(f"Cannot write {target}: {error.strerror}.") from error

    @contextmanager
    def scratch(self, run_id: str, size: int) -> Iterator[IO[bytes]]:
        """A file of the run without a name, of so many zeros, gone after the block.

        All of it is there from the start: who maps a file into memory and finds the disk full later dies of it without
        a word. Raises `VolumeError` where there is no room.
        """
        folder = self.run(run_id)
        with ExitStack() as stack:
            with told_if_unwritable(folder):
                file = stack.enter_context(tempfile.TemporaryFile(dir=folder))
                os.posix_fallocate(file.fileno(), 0, size)
            yield file

    def tidy(self, run_id: str) -> None:
        """Remove what a run needs no more once it is published, and what killed processes left half-written."""
        shutil.rmtree(self.run(run_id) / "candidates", ignore_errors=True)
        remove_abandoned(self.run(run_id))
        remove_abandoned(self.incoming)
