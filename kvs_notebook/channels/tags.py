"""Tags: read them, set them, take them off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.pagination import read_pages
from kvs_notebook.aws.validation import check_tag_keys, check_tags
from kvs_notebook.channels.reference import Channel, channel_refs, one_channel_ref, resolve_arn
from kvs_notebook.dataframes.builders import tags_frame
from kvs_notebook.errors import mark_accepted


def list_tags(channel: Channel, *, connection: Connection | None = None) -> pd.DataFrame:
    """List the tags of a channel, or of every channel of a frame.

    Parameters
    ----------
    channel
        A name, an ARN, a row, or a channels frame of any length.
    connection
        Where to look; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        One row per tag, in the order of channel and key: account_id, region, channel_name, channel_arn, key, value (str). A
        channel without tags has no row; a tag without a value has the empty string.

    Raises
    ------
    ChannelNotFound
        When one of them is not there.

    Notes
    -----
    Spends one ListTagsForResource call for each channel (50 a second for an account and region, 5 a second for a channel),
    side by side under the pacing, and one DescribeSignalingChannel call where only a name is given.

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
    return tags_of([resolve_arn(target, connection) for target in channel_refs(channel, connection)], connection)


def tags_of(channel_arns: Sequence[str] | pd.Series[str], connection: Connection) -> pd.DataFrame:
    """Read the tags of channels by their ARNs, side by side under the pacing, as a long tags frame."""
    arns = list(channel_arns)
    found = map_concurrent(lambda arn: tags_of_channel(arn, connection), arns, description="Reading tags")
    return tags_frame(dict(zip(arns, found, strict=True)))


def tags_of_channel(arn: str, connection: Connection) -> dict[str, str]:
    """Read the tags of one channel by its ARN, every page of them."""
    name = ChannelArn.parse(arn).channel_name
    pages = read_pages(connection, "ListTagsForResource", {"ResourceARN": arn}, items="Tags", channel=name)
    return {key: value for page in pages for key, value in (page.get("Tags") or {}).items()}


def tag_channel(channel: Channel, tags: Mapping[str, str], *, connection: Connection | None = None) -> pd.DataFrame:
    """Set tags on a channel: a new key is added, an existing key gets the new value.

    Parameters
    ----------
    channel
        A name, an ARN or a row.
    tags
        1 to 50, as a mapping of key to value; a value may be the empty string.
    connection
        Where the channel is; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        All tags that the channel has now, as a long tags frame.

    Raises
    ------
    InvalidInput
        Before any call, for a tag that the service would refuse.
    TagLimitExceeded
        When the channel would have more than 50; none was set.
    ChannelNotFound, WrongConnection, ReadOnly
        As their names say.

    Notes
    -----
    Spends one TagResource and one ListTagsForResource call (50 a second each, 5 a second for a channel), and one
    DescribeSignalingChannel call where only a name is given. Tags have no version: the last writer of a key wins.

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
    checked = check_tags(tags)
    target = one_channel_ref(channel, connection)
    connection.require_changes("TagResource")
    arn = resolve_arn(target, connection)
    pairs = [{"Key": key, "Value": value} for key, value in checked.items()]
    connection.call("TagResource", {"ResourceARN": arn, "Tags": pairs}, channel=target.label)
    with mark_accepted(f"The tags of {target.label} were set"):
        return tags_of([arn], connection)


def untag_channel(channel: Channel, keys: Iterable[str], *, connection: Connection | None = None) -> pd.DataFrame:
    """Take tags off a channel; keys that it does not have are ignored.

    Parameters
    ----------
    channel
        A name, an ARN or a row.
    keys
        1 to 50 tag keys.
    connection
        Where the channel is; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        The tags that are left, as a long tags frame.

    Raises
    ------
    InvalidInput
        Before any call, for a key that the service would refuse.
    ChannelNotFound, WrongConnection, ReadOnly
        As their names say.

    Notes
    -----
    Spends one UntagResource and one ListTagsForResource call (50 a second each, 5 a second for a channel), and one
    DescribeSignalingChannel call where only a name is given.

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
    checked = check_tag_keys(keys)
    target = one_channel_ref(channel, connection)
    connection.require_changes("UntagResource")
    arn = resolve_arn(target, connection)
    connection.call("UntagResource", {"ResourceARN": arn, "TagKeyList": checked}, channel=target.label)
    with mark_accepted(f"The tags of {target.label} were taken off"):
        return tags_of([arn], connection)
