"""Steps of rows in which only values of tags were replaced by others: most edited rows, planned without a look at the rest."""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import cached_property, lru_cache
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kvs_notebook.aws.validation import is_reserved_tag_key
from kvs_notebook.dataframes.builders import columns_frame
from kvs_notebook.dataframes.schemas import PLAN_STEPS, TAG_PREFIX
from kvs_notebook.dataframes.text_columns import transpose
from kvs_notebook.errors import InvalidInput
from kvs_notebook.plans.changes import DELETING
from kvs_notebook.plans.known_channels import ALL_KEYS, MANAGED_BY, KnownChannels
from kvs_notebook.plans.sheet_cells import REMOVE, check_tag
from kvs_notebook.plans.sheet_table import SheetTable
from kvs_notebook.plans.spreadsheet_damage import is_conversion
from kvs_notebook.plans.steps import READY, TAG, TTL_COLUMN


class TagReplacements:
    """Plans rows in which nothing can be refused, with the steps that plan_change() returns for them.

    Parameters
    ----------
    sheet
        The edited sheet.
    known
        The channels that it was made from; they count as the current ones.
    """

    def __init__(self, sheet: SheetTable, known: KnownChannels) -> None:
        self._rows = sheet.rows
        self._managers = sheet.column(MANAGED_BY)
        self._known = known
        self._arns = known.column("channel_arn")
        self._versions = known.column("version")
        self._olds: dict[str, list[str | None]] = {}
        self._planned: list[tuple[int, int, str, Any]] = []

    def add(self, row: int, position: int, edits: Mapping[str, Any]) -> bool:
        """Plan a row; return False if it has other edits, or something that has to be looked at."""
        if not edits or position in self._special or self._managers[row]:
            return False
        for column, value in edits.items():
            old = self._old_values(column)[position]
            if old is None or not isinstance(value, str) or not is_replacement(column, old, value):
                return False
        self._planned += [(row, position, column, value) for column, value in edits.items()]
        return True

    def frame(self) -> pd.DataFrame:
        """Return the steps frame of the rows that were planned, in no order."""
        rows, positions, columns, values = transpose(self._planned, 4)
        parts = self._known.parts_of_arns.take(pa.array(positions, pa.int64()))
        of_steps = {
            **{name: pc.struct_field(parts, name) for name in ("account_id", "region", "channel_name")},
            "channel_arn": [self._arns[position] for position in positions],
            "column": columns,
            "before": [self._olds[column][position] for column, position in zip(columns, positions, strict=True)],
            "after": values,
            "version": [self._versions[position] for position in positions],
            "source": [self._rows[row] for row in rows],
        }
        same = {"step": None, "action": TAG, "status": READY, "reason": None}
        return columns_frame({**of_steps, **{name: [value] * len(rows) for name, value in same.items()}}, PLAN_STEPS)

    def _old_values(self, column: str) -> list[str | None]:
        """Return the values that a tag had; all None if the column is not a tag's."""
        if column not in self._olds:
            self._olds[column] = self._known.tag_values(column.removeprefix(TAG_PREFIX))
        return self._olds[column]

    @cached_property
    def _special(self) -> Container[int]:
        """The positions of channels that are being deleted or managed, have no valid ARN, or were not read whole."""
        known = self._known
        if not all(ttl is None or type(ttl) is int for ttl in known.column(TTL_COLUMN)):
            return range(len(known))
        statuses, is_valid = known.column("channel_status"), known.parts_of_arns.is_valid().to_pylist()
        return {
            position
            for position in known
            if not is_valid[position]
            or statuses[position] == DELETING
            or known.keys_read_at(position) is not ALL_KEYS
            or known.managed_by_at(position)
        }


@lru_cache(maxsize=10_000)
def is_replacement(column: str, old: str, value: str) -> bool:
    """Return whether a tag's value was replaced by a valid one that no spreadsheet makes of the old one."""
    if not column.startswith(TAG_PREFIX):
        return False
    key = column.removeprefix(TAG_PREFIX)
    if value == REMOVE or not value.isascii() or is_reserved_tag_key(key):  # a cell that is not ASCII may be misread
        return False
    try:
        check_tag(key, value)
    except InvalidInput:
        return False
    return not is_conversion(old, value)
