"""List, set and remove tags of channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.pagination import read_pages
from kvs_notebook.channels.reference import Channel, ChannelRef, channel_refs, describe, one_channel_ref, resolve_arn
from kvs_notebook.channels.tag_arguments import TagsToSet, tag_keys_to_remove, tags_to_set
from kvs_notebook.dataframes.builders import rows_frame, tags_frame
from kvs_notebook.dataframes.schemas import TAG_PREFIX, TEXT
from kvs_notebook.dataframes.tag_pivot import CHANNEL_COLUMNS, note_tags_read
from kvs_notebook.errors import mark_accepted
from kvs_notebook.formatting import format_value


def list_tags(channel: Channel, *, connection: Connection | None = None) -> pd.DataFrame:
    """List the tags of a channel, or of each channel of a frame.

    Parameters
    ----------
    channel
        A name, an ARN, a row, or a channels frame of any length.
    connection
        The connection to use; None takes the current one.

    Returns
    -------
    pandas.DataFrame
        One row per tag, sorted by channel and key: channel_name, region, key,
        value, account_id, channel_arn (str). A channel without tags has no
        row; the value of a tag may be the empty string.

    Raises
    ------
    InvalidInput
        If the channel argument is not valid.
    WrongConnection
        If an ARN or row is of another account or region than the connection's.
    ChannelNotFound
        If a channel does not exist.
    AccessDenied
        If the identity lacks a permission.

    Notes
    -----
    Spends one ListTagsForResource call for each channel (50 a second for an
    account and region, 5 a second for a channel), concurrently within the rate
    limit, and one DescribeSignalingChannel call if a name is given.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door", tags={"Site": "hq", "Owner": "ops"})
    >>> kvs.list_tags("front-door")[["channel_name", "key", "value"]]
      channel_name    key value
    0   front-door  Owner   ops
    1   front-door   Site    hq
    """
    connection = current_connection(connection)
    return read_tags([resolve_arn(ref, connection) for ref in channel_refs(channel, connection)], connection)


def read_tags(channel_arns: Sequence[str] | pd.Series[str], connection: Connection) -> pd.DataFrame:
    """Read the tags of channels by their ARNs, concurrently within the rate limit, as a long tags frame."""
    arns = list(channel_arns)
    found = map_concurrent(lambda arn: tags_of_channel(arn, connection), arns, description="Reading tags")
    return tags_frame(dict(zip(arns, found, strict=True)))


def tags_of_channel(arn: str, connection: Connection) -> dict[str, str]:
    """Read the tags of one channel by its ARN, from all pages."""
    name = ChannelArn.parse(arn).channel_name
    pages = read_pages(connection, "ListTagsForResource", {"ResourceARN": arn}, items="Tags", channel=name)
    return {key: value for page in pages for key, value in (page.get("Tags") or {}).items()}


def describe_with_tags(ref: ChannelRef, connection: Connection) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the ChannelInfo and the tags of one channel: one DescribeSignalingChannel and one ListTagsForResource call."""
    info = describe(ref, connection)
    return info, tags_of_channel(str(info["ChannelARN"]), connection)


def tag_channel(
    channel: Channel, tags: TagsToSet, *, read: bool = True, connection: Connection | None = None
) -> pd.DataFrame:
    """Set tags of a channel: add new keys, and replace the values of others.

    Parameters
    ----------
    channel
        A name, an ARN or a row. For many channels, make a plan.
    tags
        1 to 50 tags, as a mapping of key to value; a value may be the empty
        string. Or tags copied from another channel: the frame of its
        :func:`list_tags`, or its row of ``list_channels(tags=True)``. Tags
        that only AWS can set (``aws:...``) are left out.
    read
        Whether to read all tags of the channel after the change; False saves
        that call.
    connection
        The connection to use; None takes the current one.

    Returns
    -------
    pandas.DataFrame
        All tags of the channel after the change, as a long tags frame. With
        ``read=False`` one row of the channel: account_id, region,
        channel_name, channel_arn, and a ``tag:<key>`` column (str) for each
        key that was set; its other tags were not read.

    Raises
    ------
    InvalidInput
        If the service does not accept a tag, or the channel argument is not
        valid; checked before any call.
    WrongConnection
        If the ARN or row is of another account or region than the
        connection's.
    ReadOnly
        If the connection was made without ``allow_changes=True``.
    ChannelNotFound
        If the channel does not exist.
    TagLimitExceeded
        If the channel would have more than 50 tags, without those of AWS
        (``aws:...``); none was set.

    Warns
    -----
    UserWarning
        If a key in the mapping starts with ``aws:``; it is left out.

    Notes
    -----
    Spends one TagResource and, if ``read``, one ListTagsForResource call (50 a
    second each, 5 a second for a channel), and one DescribeSignalingChannel
    call if a name is given. Tags have no version: the last value that is set
    for a key is kept.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door", tags={"Site": "hq"})
    >>> kvs.tag_channel(channel, {"Site": "annex", "Owner": "ops"})[["key", "value"]]
         key  value
    0  Owner    ops
    1   Site  annex
    """
    connection = current_connection(connection)
    checked = tags_to_set(tags)
    ref = one_channel_ref(channel, connection, plan=f"kvs.plans.tag(channels, {format_value(checked)})")
    connection.require_changes("TagResource")
    arn = resolve_arn(ref, connection)
    pairs = [{"Key": key, "Value": value} for key, value in checked.items()]
    connection.call("TagResource", {"ResourceARN": arn, "Tags": pairs}, channel=ref.label)
    if not read:
        return _row_of_tags(arn, checked)
    with mark_accepted(f"The tags of {ref.label} were set"):
        return read_tags([arn], connection)


def untag_channel(
    channel: Channel, keys: Iterable[str] | pd.DataFrame, *, read: bool = True, connection: Connection | None = None
) -> pd.DataFrame:
    """Remove tags from a channel; keys that it does not have are ignored.

    Parameters
    ----------
    channel
        A name, an ARN or a row. For many channels, make a plan.
    keys
        1 to 50 tag keys, or the rows of :func:`list_tags` to remove. Those
        that only AWS can remove (``aws:...``) are left out.
    read
        Whether to read the remaining tags of the channel; False saves that
        call.
    connection
        The connection to use; None takes the current one.

    Returns
    -------
    pandas.DataFrame
        The remaining tags of the channel, as a long tags frame. With
        ``read=False`` one row of the channel: account_id, region,
        channel_name, channel_arn, and a ``tag:<key>`` column (str) with a
        missing value for each key that was removed; its other tags were not
        read.

    Raises
    ------
    InvalidInput
        If the service does not accept a key, all keys start with ``aws:``, or
        the channel argument is not valid; checked before any call.
    WrongConnection
        If the ARN or row is of another account or region than the
        connection's.
    ReadOnly
        If the connection was made without ``allow_changes=True``.
    ChannelNotFound
        If the channel does not exist.

    Warns
    -----
    UserWarning
        If a key in the list starts with ``aws:``; it is left out.

    Notes
    -----
    Spends one UntagResource and, if ``read``, one ListTagsForResource call (50
    a second each, 5 a second for a channel), and one DescribeSignalingChannel
    call if a name is given.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door", tags={"Site": "hq", "Owner": "ops"})
    >>> kvs.untag_channel(channel, ["Owner"])[["key", "value"]]
        key value
    0  Site    hq
    """
    connection = current_connection(connection)
    checked = tag_keys_to_remove(keys)
    ref = one_channel_ref(channel, connection, plan=f"kvs.plans.tag(channels, remove={format_value(checked)})")
    connection.require_changes("UntagResource")
    arn = resolve_arn(ref, connection)
    connection.call("UntagResource", {"ResourceARN": arn, "TagKeyList": checked}, channel=ref.label)
    if not read:
        return _row_of_tags(arn, dict.fromkeys(checked))
    with mark_accepted(f"The tags of {ref.label} were removed"):
        return read_tags([arn], connection)


def _row_of_tags(arn: str, tags: Mapping[str, str | None]) -> pd.DataFrame:
    """Return one row of a channel with a column for each of these tags; None becomes a missing value."""
    row: dict[str, str | None] = {**ChannelArn.parse(arn)._asdict(), "channel_arn": arn}
    row = {column: row[column] for column in CHANNEL_COLUMNS} | {TAG_PREFIX + key: value for key, value in tags.items()}
    frame = rows_frame([[*row.values()]], dict.fromkeys(row, TEXT))
    note_tags_read(frame, all_keys=False)
    return frame
