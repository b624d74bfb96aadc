"""Records of contracts.py as Parquet, and vectors beside them: what the steps leave for one another."""

import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from medsift.volume import atomic_path

if TYPE_CHECKING:
    import pyarrow

R = TypeVar("R")
ROWS_A_PIECE = 4096
ENGINE = "medsift.engine"  # key in the metadata of a file of vectors


def write_rows(path: Path, record: type[R], rows: Iterable[R]) -> None:
    """Write records of one dataclass, whole or not at all; of rows that are made as they are written, few are held."""
    import pyarrow
    import pyarrow.parquet

    schema, rest = _schema(record), iter(rows)
    with atomic_path(path) as temporary, pyarrow.parquet.ParquetWriter(temporary, schema) as writer:
        while some := list(islice(rest, ROWS_A_PIECE)):
            columns = {name: _plain(list(map(attrgetter(name), some))) for name in schema.names}
            writer.write_table(pyarrow.table(columns, schema=schema))


def read_rows(path: Path, record: type[R]) -> list[R]:
    """Read records written by `write_rows`; a table that is not there holds none."""
    return list(iter_rows(path, record))


def iter_rows(path: Path, record: type[R]) -> Iterator[R]:
    """The same one after the other: a table may hold more than fits into memory."""
    import pyarrow.parquet

    if not path.exists():
        return
    hints = typing.get_type_hints(record)
    # ParquetFile, not read_table: a dataset reader would take folders named key=value for partitions.
    with pyarrow.parquet.ParquetFile(path) as file:
        for piece in file.iter_batches(ROWS_A_PIECE):
            yield from map(record, *(_as_hinted(piece.column(name).to_pylist(), hints[name]) for name in hints))


def write_vectors(path: Path, sha256s: Sequence[str], vectors: NDArray[np.float32], engine: str = "") -> None:
    """Write float32 vectors (n, d), row i being of `sha256s[i]`, and what `engine` made them."""
    import pyarrow
    import pyarrow.parquet

    flat = pyarrow.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    lists = pyarrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    columns = {"sha256": pyarrow.array(list(sha256s), pyarrow.string()), "vector": lists}
    table = pyarrow.table(columns, metadata={ENGINE: engine})
    with atomic_path(path) as temporary:
        pyarrow.parquet.write_table(table, temporary)


def read_vectors(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Identities and float32 vectors (n, d) as written by `write_vectors`."""
    import pyarrow.parquet

    table = pyarrow.parquet.ParquetFile(path).read().combine_chunks()
    lists = table.column("vector").combine_chunks()
    width = table.schema.field("vector").type.list_size
    values = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return table.column("sha256").to_pylist(), values.reshape(-1, width)


def engine_of_vectors(path: Path) -> str:
    """What made the vectors in a file of `write_vectors`; empty where nothing was said."""
    import pyarrow.parquet

    told: dict[bytes, bytes] = pyarrow.parquet.read_schema(path).metadata or {}
    return told.get(ENGINE.encode(), b"").decode()


def _schema(record: type) -> "pyarrow.Schema":
    import pyarrow

    return pyarrow.schema([(name, _arrow_type(hint)) for name, hint in typing.get_type_hints(record).items()])


def _arrow_type(hint: Any) -> "pyarrow.DataType":
    import pyarrow

    if _is_kind(hint, tuple):
        return pyarrow.list_(pyarrow.float64())
    if _is_kind(hint, dict):
        return pyarrow.map_(pyarrow.string(), pyarrow.string())
    plain = {bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64()}
    return next((arrow for kind, arrow in plain.items() if _is_kind(hint, kind)), pyarrow.string())


def _plain(values: list[Any]) -> list[Any]:
    return [list(value.items()) if isinstance(value, dict) else value for value in values]


def _as_hinted(values: list[Any], hint: Any) -> list[Any]:
    if _is_kind(hint, tuple):
        return [None if value is None else tuple(value) for value in values]
    if _is_kind(hint, dict):
        return [dict(value or []) for value in values]
    return values


def _is_kind(hint: Any, kind: type) -> bool:
    """Whether an annotation is `kind`, or `kind` or None."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return any(option is kind or typing.get_origin(option) is kind for option in options)
