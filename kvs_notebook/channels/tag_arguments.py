"""The tags and tag keys that a function takes: a mapping, or what list_tags() and list_channels(tags=True) return."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeAlias

import pandas as pd

from kvs_notebook.aws.validation import (
    RESERVED_TAG_PREFIX,
    check_tag_keys,
    check_tags,
    is_reserved_tag_key,
    own_tags,
)
from kvs_notebook.caller_warning import warn_caller
from kvs_notebook.dataframes.schemas import FAILED, TAG_PREFIX
from kvs_notebook.errors import InvalidInput

TagsToSet: TypeAlias = "Mapping[str, str] | pd.DataFrame | pd.Series"
"""A mapping of key to value, the tags frame of one channel, or a channel's row with its ``tag:`` columns."""


def tags_to_set(tags: object, *, allow_none: bool = False) -> dict[str, str]:
    """Return the tags to send; raise InvalidInput if the service does not accept one.

    Tags whose key starts with ``aws:`` are left out of copied tags, because only AWS can set them. If a mapping contains them
    and other tags, they are left out with a UserWarning; if it contains no others, they are invalid.
    """
    if isinstance(tags, pd.DataFrame | pd.Series):
        return check_tags(own_tags(_tags_of_frame(tags)), allow_none=allow_none)
    if not isinstance(tags, Mapping):
        return check_tags(tags)
    own = {key: value for key, value in tags.items() if not is_reserved_tag_key(key)}
    if own and len(own) < len(tags):
        _warn_left_out(key for key in tags if key not in own)
        tags = own
    return check_tags(tags, allow_none=allow_none)


def tag_keys_to_remove(keys: object) -> list[str]:
    """Return the tag keys to send; raise InvalidInput if the service does not accept one, or only AWS can remove them."""
    is_frame = isinstance(keys, pd.DataFrame)
    if isinstance(keys, pd.DataFrame):
        keys = list(_tags_of_frame(keys))
    given = list(keys) if isinstance(keys, Iterable) and not isinstance(keys, str) else keys
    if not isinstance(given, list):
        return check_tag_keys(given)
    own = [key for key in given if not is_reserved_tag_key(key)]
    reserved = [str(key) for key in given if is_reserved_tag_key(key)]
    if reserved and not own:
        raise InvalidInput(
            f"Tag keys {', '.join(reserved)} have the prefix {RESERVED_TAG_PREFIX}: only AWS can remove them. "
            "Change the CloudFormation stack or the AWS service that has set them."
        )
    if reserved and not is_frame:
        _warn_left_out(reserved)
    return check_tag_keys(own)


def _warn_left_out(keys: Iterable[object]) -> None:
    named = ", ".join(str(key) for key in keys)
    warn_caller(f"Left out {named}: only AWS can set and remove tags whose key starts with {RESERVED_TAG_PREFIX}.")


def _tags_of_frame(given: pd.DataFrame | pd.Series) -> dict[Hashable, object]:
    """Return the tags of a long tags frame, of a row with ``tag:`` columns, or of a Series of values by key."""
    if isinstance(given, pd.DataFrame) and {"key", "value"} <= set(given.columns):
        channels = len(set(given["channel_arn"])) if "channel_arn" in given else 1
        if channels > 1:
            raise InvalidInput(f"The frame has tags of {channels} channels. Pass the rows of one of them.")
        return dict(zip(given["key"], given["value"], strict=True))
    if isinstance(given, pd.DataFrame) and len(given) != 1:
        raise InvalidInput(
            f"The frame has {len(given)} rows and no columns 'key' and 'value'. "
            "Pass the tags of one channel, as list_tags() returns them, or one row of list_channels(tags=True)."
        )
    row = given.iloc[0] if isinstance(given, pd.DataFrame) else given
    if row.get("tags_source") == FAILED:
        raise InvalidInput(f"The tags of {row.get('channel_name')} were not read. Read them with list_tags().")
    if "channel_name" not in row.index:
        return {key: value for key, value in row.items() if pd.notna(value)}
    return {
        str(column).removeprefix(TAG_PREFIX): value
        for column, value in row.items()
        if str(column).startswith(TAG_PREFIX) and pd.notna(value)
    }
