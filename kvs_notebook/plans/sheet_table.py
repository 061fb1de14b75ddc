"""The rows of a sheet that a person edited, from a CSV file or a frame."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from kvs_notebook.arguments import check_path
from kvs_notebook.dataframes.csv_text import is_misread, parse_cell, parse_column, read_records
from kvs_notebook.dataframes.files import cell_values, read_csv
from kvs_notebook.dataframes.frame_check import check_values
from kvs_notebook.dataframes.input_limits import parquet_table, read_limited
from kvs_notebook.dataframes.text_columns import transpose
from kvs_notebook.dataframes.workbook import read_cells, read_excel
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.formatting import format_value
from kvs_notebook.plans.known_channels import ChannelsToPlan

File: TypeAlias = "str | os.PathLike[str]"
Sheet: TypeAlias = "File | pd.DataFrame"
"""A CSV file that a spreadsheet may have saved, a workbook, or a frame."""

WORKBOOK = ".xlsx"


class SheetTable:
    """The columns of a sheet; a cell is None if it is empty.

    Attributes
    ----------
    label
        How messages name the sheet.
    columns
        The values of each column.
    rows
        The name of each row in messages, such as ``edited.csv row 33``.
    uneven
        The number of cells of rows that have more of them than the header, by position.
    """

    def __init__(self, sheet: Sheet, label: str, identity: str) -> None:
        self.uneven: dict[int, int] = {}
        self._raw: Mapping[str, Sequence[Any]] = {}
        self._text_cells: Mapping[str, Container[int]] = {}
        self._unchecked: dict[str, pd.Series] = {}
        if isinstance(sheet, pd.DataFrame):
            self.label = label
            self.columns = {str(name): cell_values(sheet[name]) for name in sheet.columns}
            self._unchecked = {str(name): sheet[name] for name in sheet.columns}
            self.rows = [f"{label}.iloc[{position}]" for position in range(len(sheet))]
        else:
            path = check_path(label, sheet)
            self.label = path.name
            if path.suffix.lower() == WORKBOOK:
                cells = read_cells(sheet)
                self.columns = {str(name).strip(): cell_values(cells[name]) for name in cells.columns}
                self.rows = [f"{self.label} row {number}" for number in cells.index]
                self._text_cells = {
                    str(name).strip(): {at for at, row in enumerate(cells.index) if row not in converted.get(name, ())}
                    for converted in [cells.attrs["converted"]]
                    for name in cells.columns
                }
            else:
                self._read_file(sheet, identity)
        if identity not in self.columns:
            known = ", ".join(self.columns)[:200]
            raise InvalidInput(
                f"{self.label} has no column {identity}, which tells the channel of a row. "
                f"{f'Its columns: {known}.' if known else 'Its first row names no column.'}"
            )

    def __len__(self) -> int:
        return len(self.rows)

    def _read_file(self, path: File, identity: str) -> None:
        records = read_records(path, str(path), lambda cells: identity in map(parse_cell, cells))
        if not records:
            raise InvalidInput(f"{path} is empty. Expected a CSV file with a header in its first row.")
        first = min(records)
        header = [(parse_cell(cell) or "").strip() for cell in records.pop(first)]
        repeated = next((name for at, name in enumerate(header) if name and name in header[:at]), None)
        if repeated is not None:
            raise DamagedFile(f"{path} has two columns {format_value(repeated)}. Keep one of them.")
        width = len(header)
        self.rows = [f"{self.label} row {number}" for number in records]
        self.uneven = {at: len(cells) for at, cells in enumerate(records.values()) if len(cells) > width}
        rows = [row if len(row) == width else row[:width] + ("",) * (width - len(row)) for row in records.values()]
        self._raw = {name: column for name, column in zip(header, transpose(rows, width), strict=True) if name}
        self.columns = {name: parse_column(column) for name, column in self._raw.items()}

    def column(self, name: str) -> list[Any]:
        """Return the values of a column; all None if there is no such column.

        Raises
        ------
        InvalidInput
            If a cell of a frame has a list or another object; columns that are not asked for may have some.
        """
        if name in self._unchecked:
            check_values(self._unchecked.pop(name), name)
        return self.columns.get(name) or self._no_values

    def check_spelling(self, names: AbstractSet[str]) -> None:
        """Check that no column is spelled in another way than one of some names that it stands for.

        Raises
        ------
        InvalidInput
            If one is: what it says would be ignored, or would set another tag.
        """
        missing = {_without_case_and_spaces(name): name for name in names if name not in self.columns}
        for name in self.columns.keys() - names:
            meant = missing.get(_without_case_and_spaces(name))
            if meant is not None:
                raise InvalidInput(
                    f"{self.label} has a column {format_value(name)} instead of {meant}. Rename it, or remove it."
                )

    @cached_property
    def _no_values(self) -> list[Any]:
        return [None] * len(self)

    def is_typed(self, name: str, position: int) -> bool:
        """Return whether a cell was text, which no spreadsheet changes: marked with an apostrophe, or text in a workbook."""
        if name in self._raw:
            return bool(self._raw[name][position].startswith("'"))
        return position in self._text_cells.get(name, ())

    def is_misread(self, name: str, position: int) -> bool:
        """Return whether a cell is UTF-8 that was read in another encoding."""
        return name in self._raw and is_misread(self._raw[name][position])


def _without_case_and_spaces(name: str) -> tuple[str, str]:
    """Return a column's name as people read it: ``Tag: Site`` as ``tag:Site``. The case of a tag key has a meaning."""
    prefix, _, key = name.partition(":")
    return prefix.strip().casefold(), key.strip()


def read_channels(channels: File | ChannelsToPlan, label: str) -> tuple[ChannelsToPlan, str]:
    """Return the channels of a CSV, Excel or Parquet file that the toolkit wrote, a frame or an Inventory, and how to name them.

    Raises
    ------
    InvalidInput
        If the file cannot be read.
    DamagedFile
        If the file was changed by another program.
    """
    if isinstance(channels, pd.DataFrame | Inventory):
        return channels, label
    path = check_path(label, channels)
    readers = {".parquet": _read_parquet, WORKBOOK: read_excel}
    return readers.get(path.suffix.lower(), read_csv)(path), path.name


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa

    try:
        frame: pd.DataFrame = parquet_table(pa.py_buffer(read_limited(path)), str(path)).to_pandas()
    except FileNotFoundError as error:
        raise InvalidInput(f"Can't read {path}: it does not exist. Check the path.") from error
    except InvalidInput:  # is a ValueError too
        raise
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException) as error:  # also of metadata for pandas
        raise DamagedFile(f"{path} is not a Parquet file: {error}. Write it again with to_parquet().") from error
    return frame
