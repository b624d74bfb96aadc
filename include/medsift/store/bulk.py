"""Rows by COPY: into temporary tables that vanish with the transaction, and vectors both ways in binary.

The binary form is that of PostgreSQL's COPY for (text, real[]): every row of one encoder has the same length, so
that numpy lays out and reads thousands of vectors at once. pgvector casts to and from real[].
"""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, cast

import numpy as np
import psycopg2
from numpy.typing import NDArray
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, named as one
from sqlalchemy import Connection, text

ESCAPES = {ord("\\"): "\\\\", ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}
SPECIAL = ("\0", *map(chr, ESCAPES))
ROWS_A_PIECE = 1000
BUFFER = 1 << 16
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
REAL_OID = 700
SHA256_LENGTH = 64


def stage(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Copy rows into the new temporary table `staged_<table>`, with these columns of `table` and their types."""
    _make_staged(connection, table, f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 - names of ours
    copy(connection, f"staged_{table}", columns, rows)
    connection.execute(text(f"ANALYZE staged_{table}"))


def copy(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Copy rows straight into these columns of a table, where none of them may be yet.

    The server stores one piece while the next is laid out. What raises while rows are made is raised.
    """
    source = _Pieces(_pieces(rows))
    try:
        cursor_of(connection).copy_expert(
            f"COPY {table} ({', '.join(columns)}) FROM STDIN", io.BufferedReader(source, BUFFER), BUFFER
        )
    except psycopg2.Error:
        if source.failure is not None:  # else it would look as if the server had broken off
            raise source.failure from None
        raise


def values_of(columns: Sequence[str]) -> Callable[[object], tuple[Any, ...]]:
    """What makes a row of a record."""
    return attrgetter(*columns)


def stage_vectors(connection: Connection, sha256s: Sequence[str], values: NDArray[np.float32]) -> None:
    """Copy vectors, float32 (n, width), into the new temporary table `staged_embeddings (sha256, vector real[])`."""
    _make_staged(connection, "embeddings", "SELECT sha256, vector::real[] AS vector FROM embeddings")
    rows = np.zeros(len(sha256s), _row_type(values.shape[1]))
    rows["fields"] = 2
    rows["key_length"], rows["key"] = SHA256_LENGTH, np.array(sha256s, dtype="S64")
    rows["array_length"] = 20 + 8 * values.shape[1]
    rows["array"] = (1, 0, REAL_OID, values.shape[1], 1)
    rows["items"]["length"], rows["items"]["value"] = 4, values
    buffer = io.BytesIO(COPY_HEADER + rows.tobytes() + COPY_TRAILER)
    cursor_of(connection).copy_expert("COPY staged_embeddings (sha256, vector) FROM STDIN (FORMAT binary)", buffer)


def read_vectors(
    connection: Connection, encoder_digest: str, width: int, sha256s: Sequence[str]
) -> tuple[list[str], NDArray[np.float32]]:
    """Those of the pictures that have a vector, and the vectors, float32 (n, width)."""
    cursor = cursor_of(connection)
    wanted = cursor.mogrify("encoder_digest = %s AND sha256 = ANY(%s)", (encoder_digest, list(sha256s))).decode()
    query = f"SELECT sha256, vector::real[] FROM embeddings WHERE {wanted}"  # noqa: S608 - quoted by mogrify
    buffer = io.BytesIO()
    cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", buffer)
    body = buffer.getbuffer()[len(COPY_HEADER) : -len(COPY_TRAILER)]
    rows = np.frombuffer(body, _row_type(width))
    return [key.decode() for key in rows["key"]], rows["items"]["value"].astype(np.float32)


def cursor_of(connection: Connection) -> Cursor:
    """psycopg2's cursor in this connection's transaction; SQLAlchemy has no COPY."""
    return cast(Cursor, connection.connection.cursor())


def clean(value: str) -> str:
    """Text that Postgres can hold: without NUL, and what is no character (odd file names) written as an escape."""
    if value.isascii() and "\0" not in value:
        return value
    return value.replace("\0", "").encode("utf-8", "backslashreplace").decode()


def clean_json(value: Any) -> Any:
    """The same for every text in a JSON value."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    return value


def _make_staged(connection: Connection, table: str, query: str) -> None:
    connection.execute(text(f"DROP TABLE IF EXISTS pg_temp.staged_{table}"))
    connection.execute(text(f"CREATE TEMPORARY TABLE staged_{table} ON COMMIT DROP AS {query} WITH NO DATA"))


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file, made when they are read; `failure` is what making one raised."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")
        self.failure: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        try:
            self._rest = self._rest or memoryview(next(self._pieces, b""))
        except Exception as error:
            self.failure = error
            raise
        size = min(len(into), len(self._rest))
        into[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _pieces(rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Rows in COPY's text form, made by columns: whether anything has to be escaped, which is rare, is seen at once."""
    rest = iter(rows)
    while some := list(islice(rest, ROWS_A_PIECE)):
        fields = [_fields(values) for values in zip(*some, strict=True)]
        yield "".join(f"{line}\n" for line in map("\t".join, zip(*fields, strict=True))).encode()


def _fields(values: Sequence[Any]) -> list[str]:
    """One column in COPY's text form."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {bool, int, float} or (kinds == {str} and _is_plain("".join(filter(None, values)))):
        return ["\\N" if value is None else str(value) for value in values]
    return list(map(_field, values))


def _is_plain(value: str) -> bool:
    return value.isascii() and not any(special in value for special in SPECIAL)


def _field(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return clean(value).translate(ESCAPES)
    if isinstance(value, Mapping):
        return json.dumps(clean_json(value), ensure_ascii=False).translate(ESCAPES)
    if isinstance(value, tuple):
        return "{" + ",".join(repr(float(item)) for item in value) + "}"
    return str(value)


def _row_type(width: int) -> np.dtype[np.void]:
    item = np.dtype([("length", ">i4"), ("value", ">f4")])
    return np.dtype(
        [
            ("fields", ">i2"),
            ("key_length", ">i4"),
            ("key", f"S{SHA256_LENGTH}"),
            ("array_length", ">i4"),
            ("array", ">i4", (5,)),
            ("items", item, (width,)),
        ]
    )
