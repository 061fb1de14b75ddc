"""What an edited cell asks for, checked as single calls check it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from kvs_notebook.aws.validation import check_message_ttl, check_tags
from kvs_notebook.dataframes.csv_text import SAVE_AS_CSV
from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.plans.changes import Refusal
from kvs_notebook.plans.known_channels import KnownChannel
from kvs_notebook.plans.sheet_table import SheetTable
from kvs_notebook.plans.spreadsheet_damage import is_conversion
from kvs_notebook.plans.steps import TAG, TTL_COLUMN, UNTAG, UPDATE

REMOVE = "(remove)"
DELETE_WORD = "delete"

_WHOLE_NUMBER = re.compile(r"\s*([+-]?\d+)(?:[.,]0+)?\s*", re.ASCII)


class Edit(NamedTuple):
    """The column that was edited, and its value as text; None to remove a tag."""

    column: str
    after: str | None

    @property
    def key(self) -> str | None:
        """The key of the tag, None if the column is not a tag's."""
        return self.column.removeprefix(TAG_PREFIX) if self.column.startswith(TAG_PREFIX) else None

    def value_of(self, known: KnownChannel) -> str | None:
        """Return the value that a channel has in this column, as text."""
        if self.key is not None:
            return known.tags.get(self.key)
        return None if known.message_ttl_seconds is None else str(known.message_ttl_seconds)

    def is_known_of(self, known: KnownChannel) -> bool:
        """Return whether the value was read."""
        return self.key in known.keys_read if self.key is not None else known.message_ttl_seconds is not None

    def refusal(self, known: KnownChannel, reason: str, after: str | None) -> Refusal:
        """Return the refusal of this edit."""
        action = UPDATE if self.key is None else UNTAG if after in {None, REMOVE} else TAG
        return Refusal(reason, action, self.column, self.value_of(known), after)


def edit_of_cell(sheet: SheetTable, row: int, column: str, value: Any, original: KnownChannel) -> Iterator[Edit]:
    """Yield the edit that a cell asks for; nothing if its value is the original one in another spelling.

    Raises
    ------
    InvalidInput
        If the value is not one that the service accepts, or one that a spreadsheet has changed.
    """
    if column == TTL_COLUMN:
        ttl = parse_ttl(value)
        if ttl != original.message_ttl_seconds:
            yield Edit(column, str(ttl))
        return
    if value == REMOVE:
        yield Edit(column, None)
        return
    key = column.removeprefix(TAG_PREFIX)
    if sheet.is_misread(column, row):
        raise InvalidInput(
            f"Value of tag {format_value(key)} {format_value(value)} was read in another encoding than UTF-8. {SAVE_AS_CSV}"
        )
    check_tag(key, value)
    old = original.tags.get(key)
    if old is not None and not sheet.is_typed(column, row) and is_conversion(old, value):
        raise InvalidInput(
            f"Tag {format_value(key)} {format_value(old)} became {format_value(value)}, as a spreadsheet changes numbers and "
            f"dates. Write '{old} to keep it, or '{value} if you mean it."
        )
    yield Edit(column, value)


def parse_ttl(value: Any) -> int:
    """Return the message TTL of a cell; raise InvalidInput if it is not a whole number of seconds in the range."""
    found = _WHOLE_NUMBER.fullmatch(value) if isinstance(value, str) else None
    return check_message_ttl(int(found[1]) if found else value)


@lru_cache(maxsize=10_000)
def check_tag(key: str, value: Any) -> None:
    """Raise InvalidInput if a tag is not one that a user can set."""
    check_tags({key: value})


def is_delete(action: Any) -> bool:
    """Return whether a cell of the column ``action`` says delete; raise InvalidInput if it says anything else."""
    if action is None:
        return False
    if isinstance(action, str) and action.strip().casefold() == DELETE_WORD:
        return True
    raise InvalidInput(f"action {format_value(action)} is not valid. Expected delete, or an empty cell.")
