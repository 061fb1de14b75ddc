"""Bound the memory that reading a file takes: its size, the cells of a table, and what compressed content expands to.

A file of some hundred KB can expand to gigabytes: a workbook is a zip archive, Parquet stores a value that is repeated once, and
one long header widens every row of a CSV file. Each reader checks what it keeps against the limits here before it keeps it.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

from kvs_notebook.atomic_file import open_regular
from kvs_notebook.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

MEBIBYTE = 1024 * 1024

MAX_TABLE_BYTES = 256 * MEBIBYTE
"""For a CSV or Parquet file or a workbook; a CSV file of 1,000,000 channels has 180 MB."""

MAX_JSON_BYTES = 64 * MEBIBYTE
"""For a JSON document, which takes up to 20 times its size in memory."""

MAX_CELLS = 16_000_000
"""For a table: 1,000,000 channels with 16 columns."""

MAX_EXPANSION = 100
"""How many times the size of its file compressed content may have; a workbook of a fleet has 12 times."""

FREE_EXPANSION = 64 * MEBIBYTE
"""What any file may expand to, however small it is."""

_CHUNK = 16 * MEBIBYTE

SPLIT = "Split it into smaller files."


def read_limited(
    path: str | os.PathLike[str], most: int = MAX_TABLE_BYTES, *, remedy: str = SPLIT, only_regular: bool = False
) -> bytes:
    """Return the content of a file; of a pipe or a device no more than the limit is read.

    Raises
    ------
    InvalidInput
        If it has more than ``most`` bytes.
    OSError
        If it cannot be read, or with ``only_regular`` is a pipe or a device.
    """
    with open(path, "rb", opener=open_regular if only_regular else None) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > most:
            raise _too_large(str(path), size, most, remedy)
        content = bytearray()
        while chunk := stream.read(min(_CHUNK, most + 1 - len(content))):
            content += chunk
            if len(content) > most:
                raise _too_large(str(path), None, most, remedy)
        return bytes(content)


def read_limited_text(stream: IO[str], label: str, most: int = MAX_TABLE_BYTES) -> str:
    """Return the text of a stream; raise InvalidInput if it is not a text, or has more than ``most`` characters."""
    try:
        text = stream.read(most + 1)
    except ValueError as error:
        if isinstance(error, UnicodeError):
            raise
        raise InvalidInput(
            f"{label} can't be read: {error}. Pass a path, or a stream that is open for reading."
        ) from error
    if not isinstance(text, str):
        raise InvalidInput(
            f'{label} is a stream of {type(text).__name__}, not of text. Open it without "b", or pass a path.'
        )
    if len(text) > most:
        raise _too_large(label, None, most, SPLIT)
    return text


def check_size(label: str, size: int, most: int = MAX_TABLE_BYTES) -> None:
    """Raise InvalidInput if a file has more than ``most`` bytes."""
    if size > most:
        raise _too_large(label, size, most, SPLIT)


def _too_large(label: str, size: int | None, most: int, remedy: str) -> InvalidInput:
    found = f"over {most:,} bytes" if size is None else f"{size:,} bytes (maximum {most:,})"
    return InvalidInput(f"{label} is too large: {found}. {remedy}")


def check_cells(label: str, rows: int, columns: int) -> None:
    """Raise InvalidInput if a table has more cells than MAX_CELLS."""
    if rows * columns > MAX_CELLS:
        raise InvalidInput(
            f"{label} has too many cells: {rows:,} rows of {columns:,} columns are {rows * columns:,} (maximum {MAX_CELLS:,}). "
            f"Remove columns, or split it into smaller files."
        )


def largest_expansion(size: int) -> int:
    """Return how many bytes the content of a file of a size may expand to."""
    return max(FREE_EXPANSION, MAX_EXPANSION * size)


def check_expansion(label: str, size: int, file_size: int) -> None:
    """Raise InvalidInput if the content of a file expands to more bytes than its size allows."""
    most = largest_expansion(file_size)
    if size > most:
        raise InvalidInput(
            f"{label} expands to too many bytes: {size:,} from {file_size:,} (maximum {most:,}). Check where it comes from, "
            "or write it again in smaller parts."
        )


# --- Parquet


def parquet_table(content: pa.Buffer, label: str) -> pa.Table:
    """Return the table of a Parquet file, checked before values that are stored once are repeated.

    Raises
    ------
    InvalidInput
        If it has too many cells or a column of lists, or expands to too many bytes.
    OSError, pyarrow.ArrowException
        If it is not a Parquet file, or is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(pa.BufferReader(content))
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    check_cells(label, metadata.num_rows, metadata.num_columns)
    for column in map(metadata.schema.column, range(metadata.num_columns)):
        # A list has more values than rows; how many is known only from group.column(), which aborts the process if it is damaged.
        if column.max_repetition_level:
            name = column.path.removesuffix(".list.element")
            raise InvalidInput(
                f"Column {name!r} of {label} has lists. Expected one value in each cell: remove the column."
            )
    check_expansion(label, sum(group.total_byte_size for group in groups), content.size)
    schema = pq.read_schema(pa.BufferReader(content))
    texts = [each.name for each in schema if _is_text(each.type)]
    expanded, batches = 0, list[pa.RecordBatch]()
    with pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts) as file:
        for batch in file.iter_batches():
            expanded += sum(map(_expanded_size, batch.columns))
            check_expansion(label, expanded, content.size)
            batches.append(batch)
        table = pa.Table.from_batches(batches, file.schema_arrow).cast(schema)
    table.validate(full=True)  # else text that is not UTF-8 would raise an error later
    return table


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types

    return any(
        check(kind)
        for check in (
            pyarrow.types.is_string,
            pyarrow.types.is_large_string,
            pyarrow.types.is_binary,
            pyarrow.types.is_large_binary,
        )
    )


def _expanded_size(column: pa.Array) -> int:
    """Return the bytes of a column when each of its values is written out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not isinstance(column, pa.DictionaryArray):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).cast(pa.int64())
    return int(pc.sum(lengths.take(column.indices)).as_py() or 0)
