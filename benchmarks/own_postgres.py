"""A PostgreSQL of a benchmark's own, in a temporary folder."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from medsift.store import Store, migrate
from medsift.topology.postgres import EmbeddedPostgres


@contextmanager
def new_store() -> Iterator[tuple[Store, Path]]:
    """An empty, migrated store and the folder that it lies in, both removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="medsift-benchmark-"))
    folder.chmod(0o755)  # as root the server runs as a system user, which has to get in
    server = EmbeddedPostgres(folder / "postgres")
    try:
        urls = server.ensure_running()
        migrate(urls.owner)
        with closing(Store.open(urls.task)) as store:
            yield store, folder
    finally:
        server.stop()
        shutil.rmtree(folder)
