"""Where an edited sheet differs from its original: edits, contradictions, and rows that exclude each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from kvs_notebook.dataframes.schemas import CHANNELS, TAG_PREFIX
from kvs_notebook.formatting import format_value
from kvs_notebook.plans.known_channels import MANAGED_BY, KnownChannels
from kvs_notebook.plans.sheet_table import SheetTable
from kvs_notebook.plans.spreadsheet_damage import is_conversion
from kvs_notebook.plans.steps import TTL_COLUMN

ARN = "channel_arn"
ACTION = "action"
IDENTITY = ("account_id", "region", "channel_name")
"""Columns whose value the ARN has too."""

UNCHANGEABLE = ("channel_type", "account_name", "date")
OF_EXPORT = ("version", "channel_status", "tags_source")
"""Columns that tell whether the sheet was made from this export."""

KNOWN_COLUMNS = {*CHANNELS, *IDENTITY, *UNCHANGEABLE, *OF_EXPORT, ACTION, MANAGED_BY}


class SheetDifferences:
    """Compares a sheet with its original, column by column.

    Attributes
    ----------
    arns
        The ARN of each row; None if its cell is empty.
    positions
        The position of each row's channel in the original; None if it is not there.
    edited
        The cells by row and column that are neither empty nor as in the original.
    contradictions
        Why a row is refused because of cells that cannot be edited, by row.
    """

    def __init__(self, sheet: SheetTable, known: KnownChannels) -> None:
        self._sheet = sheet
        self._known = known
        self.arns = [arn.strip() if isinstance(arn, str) else arn for arn in sheet.column(ARN)]
        self.positions = [known.positions.get(arn) for arn in self.arns]
        self._is_in_order = self.positions == list(range(len(known)))
        self.edited = self._find_edits()
        self.contradictions = self._find_contradictions()

    def _find_edits(self) -> dict[int, dict[str, Any]]:
        """Return the cells by row and column that are neither empty nor as in the original."""
        found: dict[int, dict[str, Any]] = defaultdict(dict)
        for name in self._sheet.columns:
            if name == ACTION:
                values = self._sheet.column(name)
                edits = [(row, value) for row, value in enumerate(values) if value is not None and str(value).strip()]
            elif name == TTL_COLUMN or name.startswith(TAG_PREFIX):
                values, old = self._sheet.column(name), self._original(name)
                edits = [
                    (row, value)
                    for row, value, position in self._differing(values, old)
                    if cell_text(value) != old[position]
                ]
            else:
                continue
            for row, value in edits:
                found[row][name] = value
        return found

    def _differing(self, values: list[Any], originals: list[Any]) -> Iterator[tuple[int, Any, int]]:
        """Yield row, cell and position of the cells that are neither empty nor equal to the original's."""
        if self._is_in_order and values == originals:
            return
        for row, (value, position) in enumerate(zip(values, self.positions, strict=True)):
            if value is not None and position is not None and value != originals[position]:
                yield row, value, position

    def _original(self, name: str) -> list[str | None]:
        if name.startswith(TAG_PREFIX):
            return self._known.tag_values(name.removeprefix(TAG_PREFIX))
        return [None if value is None else str(value) for value in self._known.column(name)]

    def _find_contradictions(self) -> dict[int, list[str]]:
        """Return why a row is refused because of cells that cannot be edited, by row."""
        found: dict[int, list[str]] = defaultdict(list)
        for name in (*IDENTITY, *UNCHANGEABLE, *OF_EXPORT):
            is_in_original = name in IDENTITY or name in self._known.frame
            if name not in self._sheet.columns or not is_in_original:
                continue
            truth = self._known.column(name)
            for row, value, position in self._differing(self._sheet.column(name), truth):
                expected = self._true_value(name, position)
                if cell_text(value) != expected and not is_conversion(expected, cell_text(value)):
                    found[row] += self._contradiction(row, name, value, expected)
        return found

    def _true_value(self, name: str, position: int) -> str:
        if name in IDENTITY:
            return str(getattr(self._known.at(position).arn, name))
        value = self._known.column(name)[position]
        return "" if value is None else cell_text(value)

    def _contradiction(self, row: int, name: str, value: Any, expected: str) -> list[str]:
        shown, label = format_value(value), self._known.label
        if name in IDENTITY:
            return [f"{name} {shown} contradicts the ARN, which has {expected!r}. Restore it: it can't be changed."]
        if name in UNCHANGEABLE:
            return [f"{name} {shown} is {expected!r} in {label}. Restore it: it can't be changed."]
        if row not in self.edited:
            return []
        return [
            f"{name} {shown} is {expected!r} in {label}. Pass the export that the sheet was made from as original=."
        ]

    def rows_in_conflict(self) -> dict[int, list[int]]:
        """Return the rows of channels that have several rows with different edits."""
        if len(set(self.positions)) == len(self.positions):
            return {}
        rows: dict[int, list[int]] = defaultdict(list)
        for row, position in enumerate(self.positions):
            if position is not None:
                rows[position].append(row)
        groups = [group for group in rows.values() if len(group) > 1]
        return {
            row: group
            for group in groups
            if any(self.edited.get(row) != self.edited.get(group[0]) for row in group)
            for row in group
        }


def cell_text(value: Any) -> str:
    """Return the value of a cell as text."""
    return value if isinstance(value, str) else str(value)
