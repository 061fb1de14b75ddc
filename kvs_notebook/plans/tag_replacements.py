"""Steps of rows in which only values of tags were replaced by others: most edited rows, planned without a look at the rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.validation import is_reserved_tag_key
from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.errors import InvalidInput
from kvs_notebook.plans.changes import DELETING
from kvs_notebook.plans.known_channels import ALL_KEYS, MANAGED_BY, KnownChannels
from kvs_notebook.plans.sheet_cells import REMOVE, check_tag
from kvs_notebook.plans.sheet_table import SheetTable
from kvs_notebook.plans.spreadsheet_damage import is_conversion
from kvs_notebook.plans.steps import READY, TAG, TTL_COLUMN, Step


class TagReplacements:
    """Plans rows in which nothing can be refused, with the steps that plan_change() returns for them.

    Parameters
    ----------
    sheet
        The edited sheet.
    known
        The channels that it was made of, which are taken for the present ones.
    """

    def __init__(self, sheet: SheetTable, known: KnownChannels) -> None:
        self._rows = sheet.rows
        self._managers = sheet.column(MANAGED_BY)
        self._known = known
        self._statuses = known.column("channel_status")
        self._arns = known.column("channel_arn")
        self._versions = known.column("version")
        self._olds: dict[str, list[str | None]] = {}

    def steps(self, row: int, position: int, edits: Mapping[str, Any]) -> list[Step] | None:
        """Return the steps of a row; None if it has other edits, or something that has to be looked at."""
        if not edits or not self._is_channel_plain(row, position):
            return None
        for column, value in edits.items():
            if not self._is_replacement(column, position, value):
                return None
        arn, version = self._arns[position], self._versions[position]
        _, region, account_id, name, _ = ChannelArn.parse(arn)
        identity = (account_id, region, name, arn, TAG)
        seen, source = None if version is None else str(version), self._rows[row]
        return [
            Step(*identity, column, self._olds[column][position], value, seen, READY, None, source)
            for column, value in edits.items()
        ]

    def _is_replacement(self, column: str, position: int, value: Any) -> bool:
        if not column.startswith(TAG_PREFIX) or not isinstance(value, str):
            return False
        if column not in self._olds:
            self._olds[column] = self._known.tag_values(column.removeprefix(TAG_PREFIX))
        old = self._olds[column][position]
        return old is not None and is_replacement(column, old, value)

    def _is_channel_plain(self, row: int, position: int) -> bool:
        """Return whether all tags of a channel were read, and nothing manages or deletes it."""
        return (
            self._are_ttls_whole
            and self._known.keys_read_at(position) is ALL_KEYS
            and self._statuses[position] != DELETING
            and not self._managers[row]
            and not self._known.managed_by_at(position)
        )

    @cached_property
    def _are_ttls_whole(self) -> bool:
        return all(ttl is None or type(ttl) is int for ttl in self._known.column(TTL_COLUMN))


@lru_cache(maxsize=10_000)
def is_replacement(column: str, old: str, value: str) -> bool:
    """Return whether a tag's value was replaced by a valid one that no spreadsheet makes of the old one."""
    key = column.removeprefix(TAG_PREFIX)
    if value == REMOVE or not value.isascii() or is_reserved_tag_key(key):  # a cell that is not ASCII may be misread
        return False
    try:
        check_tag(key, value)
    except InvalidInput:
        return False
    return not is_conversion(old, value)
