"""Channels: list, describe, create, update and delete them.

What a *channel* argument may be is said in :mod:`kvs_notebook.channels.reference`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import pandas as pd

from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.validation import check_channel_name, check_message_ttl, check_tags
from kvs_notebook.channels.listing import channel_pages
from kvs_notebook.channels.lost_replies import reconcile_create, reconcile_delete, reconcile_update
from kvs_notebook.channels.reference import Channel, ChannelRef, channel_refs, describe, one_channel_ref, ttl_of
from kvs_notebook.channels.tags import tags_of
from kvs_notebook.channels.waiters import is_active, wait_until, wait_until_gone
from kvs_notebook.dataframes.builders import channels_frame, channels_frame_of_pages
from kvs_notebook.dataframes.tag_pivot import join_tags
from kvs_notebook.errors import ChannelNotFound, InvalidInput, KVSError, mark_accepted


def list_channels(
    prefix: str | None = None,
    *,
    tags: bool | Sequence[str] = False,
    connection: Connection | None = None,
) -> pd.DataFrame:
    """List the channels of one account and region.

    Parameters
    ----------
    prefix
        Only channels whose name begins with this, upper and lower case told apart.
    tags
        True joins every tag as a ``tag:<key>`` column, sorted by key; a list of keys joins those, in that order.
    connection
        Where to look; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        One row per channel, DELETING ones included, in the order of their names: account_id, region, channel_name,
        channel_arn, channel_type, channel_status, version (str), creation_time (datetime64[ms, UTC]),
        message_ttl_seconds (Int64).

    Raises
    ------
    InvalidInput
        For a prefix that no channel's name begins with, and for one key in place of a list of keys.
    AccessDenied, Throttled, ExpiredCredentials, EndpointUnreachable
        As the service refuses it, or does not answer; there is no such thing as half a list.

    Notes
    -----
    Spends one ListSignalingChannels call (50 a second for an account and region) for each 1,000 channels, and with ``tags``
    one ListTagsForResource call (50 a second) for each channel.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door", tags={"Site": "hq"})
    >>> kvs.list_channels(tags=["Site"])[["channel_name", "channel_status", "tag:Site"]]
      channel_name channel_status tag:Site
    0   front-door         ACTIVE       hq
    """
    connection = current_connection(connection)
    if isinstance(tags, str):
        raise InvalidInput(f"tags={tags!r}: give a list of keys, such as tags=[{tags!r}], or True for all.")
    channels = channels_frame_of_pages(channel_pages(prefix, connection))
    if tags is False:
        return channels
    keys = None if tags is True else list(dict.fromkeys(tags))
    return join_tags(channels, tags_of(channels["channel_arn"], connection), keys)


def describe_channel(channel: Channel, *, connection: Connection | None = None) -> pd.DataFrame:
    """Describe a channel, or every channel of a frame, as it is now.

    Parameters
    ----------
    channel
        A name, an ARN, a row, or a channels frame of any length.
    connection
        Where to look; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        A channels frame of one row per channel.

    Raises
    ------
    ChannelNotFound
        When one of them is not there.

    Notes
    -----
    Spends one DescribeSignalingChannel call for each channel (300 a second for an account and region, 5 a second for a
    channel, shared with every device that connects).

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door")
    >>> int(kvs.describe_channel("front-door")["message_ttl_seconds"].iloc[0])
    60
    """
    connection = current_connection(connection)
    infos = map_concurrent(
        lambda target: describe(target, connection), channel_refs(channel, connection), description="Describing"
    )
    return channels_frame(infos)


def create_channel(
    name: str,
    *,
    message_ttl_seconds: int = 60,
    tags: Mapping[str, str] | None = None,
    wait: bool = True,
    timeout: float = 60,
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Create a SINGLE_MASTER channel.

    Parameters
    ----------
    name
        1 to 256 letters, digits and ``. _ -``, unique in the account and region.
    message_ttl_seconds
        Seconds that the channel keeps a message which nobody has received, 5 to 120.
    tags
        Up to 50, as a mapping.
    wait
        Return when the channel is ACTIVE; False returns at once.
    timeout
        Seconds to wait.
    connection
        Where to create it; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        A channels frame of one row.

    Raises
    ------
    InvalidInput
        Before any call, for a name, TTL or tag that the service would refuse.
    ChannelExists
        When the name is taken, also by a channel that is still DELETING.
    ChannelLimitExceeded, AccessDenied, ReadOnly, Throttled
        As their names say; nothing was created.
    OutcomeUnknown
        When the reply was lost and the channel cannot be described either.
    WaitTimeout
        When the channel is there but not yet ACTIVE.

    Warns
    -----
    ReconciledWarning
        When a lost reply was followed by proof that this call had created the channel.

    Notes
    -----
    Spends one CreateSignalingChannel call (50 a second), then one DescribeSignalingChannel call a second while it waits.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door", message_ttl_seconds=30, tags={"Site": "hq"})
    >>> channel["channel_status"].iloc[0]
    'ACTIVE'
    """
    connection = current_connection(connection)
    params = {
        "ChannelName": check_channel_name(name),
        "ChannelType": "SINGLE_MASTER",
        "SingleMasterConfiguration": {"MessageTtlSeconds": check_message_ttl(message_ttl_seconds)},
        "Tags": [{"Key": key, "Value": value} for key, value in check_tags(tags or {}, allow_none=True).items()],
    }
    began = time.monotonic()
    try:
        arn = connection.call("CreateSignalingChannel", params, channel=name).get("ChannelARN")
    except KVSError as error:
        arn = reconcile_create(error, name, params, time.monotonic() - began, connection)
    target = ChannelRef(name, arn)
    with mark_accepted(f"{name} was created ({arn})"):
        if wait:
            return wait_until(target, is_active, timeout, connection, may_be_missing=True)
        try:
            return channels_frame([describe(target, connection)])
        except ChannelNotFound:  # a channel this young may not be found yet
            return channels_frame([{**params, "ChannelARN": arn, "ChannelStatus": "CREATING"}])


def update_channel(
    channel: Channel,
    *,
    message_ttl_seconds: int,
    wait: bool = True,
    timeout: float = 60,
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Change a channel's message TTL, where it is not that already.

    Parameters
    ----------
    channel
        A name or ARN, which is described first, or a row, whose version is sent as it stands.
    message_ttl_seconds
        Seconds, 5 to 120; messages that wait already keep their old TTL.
    wait
        Return when the channel is ACTIVE with its new version; False returns at once.
    timeout
        Seconds to wait.
    connection
        Where the channel is; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        A channels frame of one row.

    Raises
    ------
    InvalidInput
        Before any call, for a TTL out of bounds.
    VersionMismatch
        When someone has changed the channel since the row was read.
    ChannelBusy
        When the channel is not ACTIVE.
    ChannelNotFound, WrongConnection, ReadOnly, OutcomeUnknown, WaitTimeout
        As their names say.

    Warns
    -----
    ReconciledWarning
        When a lost reply was followed by proof that the TTL is the one asked for.

    Notes
    -----
    Spends one UpdateSignalingChannel call (50 a second, 5 for a channel), one DescribeSignalingChannel call before it, and one
    a second while it waits.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> int(kvs.update_channel(channel, message_ttl_seconds=90)["message_ttl_seconds"].iloc[0])
    90
    """
    connection = current_connection(connection)
    wanted = check_message_ttl(message_ttl_seconds)
    target = one_channel_ref(channel, connection)
    connection.require_changes("UpdateSignalingChannel")
    info = describe(target, connection)
    seen = ChannelRef(target.label, info["ChannelARN"], target.version or info["Version"])
    if ttl_of(info) == wanted:
        return channels_frame([info])
    params = {
        "ChannelARN": seen.channel_arn,
        "CurrentVersion": seen.version,
        "SingleMasterConfiguration": {"MessageTtlSeconds": wanted},
    }
    try:
        connection.call("UpdateSignalingChannel", params, channel=seen.label)
    except KVSError as error:
        reconcile_update(error, seen, wanted, connection)
    with mark_accepted(f"{seen.label} was updated"):
        if wait:
            return wait_until(
                seen, lambda now: is_active(now) and now.get("Version") != seen.version, timeout, connection
            )
        return channels_frame([describe(seen, connection)])


def delete_channel(
    channel: Channel,
    *,
    wait: bool = False,
    timeout: float = 60,
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Delete a channel, if it still is the one that was seen.

    Parameters
    ----------
    channel
        A name or ARN, which is described first, or a row, whose version is sent as it stands.
    wait
        Return when the channel is gone; False returns when the service has begun.
    timeout
        Seconds to wait.
    connection
        Where the channel is; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        The channel's row as it was, with channel_status DELETING.

    Raises
    ------
    VersionMismatch
        When someone has changed the channel since the row was read: nothing was deleted.
    ChannelBusy
        When the channel is CREATING or UPDATING.
    ChannelNotFound, WrongConnection, ReadOnly, OutcomeUnknown, WaitTimeout
        As their names say.

    Warns
    -----
    ReconciledWarning
        When a lost reply was followed by proof that the channel is going or gone.

    Notes
    -----
    Spends one DeleteSignalingChannel call (50 a second, 5 for a channel), one DescribeSignalingChannel call before it, and one
    a second while it waits. A deleted channel cannot be brought back; a new one of its name gets another ARN.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> kvs.delete_channel(channel)["channel_status"].iloc[0]
    'DELETING'
    """
    connection = current_connection(connection)
    target = one_channel_ref(channel, connection)
    connection.require_changes("DeleteSignalingChannel")
    info = describe(target, connection)
    seen = ChannelRef(target.label, info["ChannelARN"], target.version or info["Version"])
    params = {"ChannelARN": seen.channel_arn, "CurrentVersion": seen.version}
    try:
        connection.call("DeleteSignalingChannel", params, channel=seen.label)
    except KVSError as error:
        reconcile_delete(error, seen, connection)
    if wait:
        with mark_accepted(f"{seen.label} was deleted"):
            wait_until_gone(seen, timeout, connection)
    return channels_frame([{**info, "ChannelStatus": "DELETING"}])
