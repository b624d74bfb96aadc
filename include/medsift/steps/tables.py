"""Records of contracts.py as Parquet, and vectors beside them: what the steps leave for one another."""

import dataclasses
import types
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from medsift.volume import atomic_path

if TYPE_CHECKING:
    import pyarrow

R = TypeVar("R")


def write_rows(path: Path, record: type[R], rows: Iterable[R]) -> None:
    """Write records of one dataclass, whole or not at all."""
    import pyarrow
    import pyarrow.parquet

    names = [field.name for field in dataclasses.fields(record)]  # type: ignore[arg-type]  # R is a dataclass
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        for name in names:
            value = getattr(row, name)
            columns[name].append(list(value.items()) if isinstance(value, dict) else value)
    with atomic_path(path) as temporary:
        pyarrow.parquet.write_table(pyarrow.table(columns, schema=_schema(record)), temporary)


def read_rows(path: Path, record: type[R]) -> list[R]:
    """Read records written by `write_rows`; a table that is not there holds none."""
    import pyarrow.parquet

    if not path.exists():
        return []
    hints = typing.get_type_hints(record)
    tuples = {name for name, hint in hints.items() if _is_kind(hint, tuple)}
    maps = {name for name, hint in hints.items() if _is_kind(hint, dict)}
    # ParquetFile, not read_table: a dataset reader would take folders named key=value for partitions.
    rows = pyarrow.parquet.ParquetFile(path).read().to_pylist()
    for row in rows:
        row.update({name: tuple(row[name]) for name in tuples if row[name] is not None})
        row.update({name: dict(row[name] or []) for name in maps})
    return [record(**row) for row in rows]


def write_vectors(path: Path, sha256s: Sequence[str], vectors: NDArray[np.float32]) -> None:
    """Write float32 vectors (n, d), row i being of `sha256s[i]`."""
    import pyarrow
    import pyarrow.parquet

    flat = pyarrow.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    lists = pyarrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    table = pyarrow.table({"sha256": pyarrow.array(list(sha256s), pyarrow.string()), "vector": lists})
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


def _is_kind(hint: Any, kind: type) -> bool:
    """Whether an annotation is `kind`, or `kind` or None."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return any(option is kind or typing.get_origin(option) is kind for option in options)
