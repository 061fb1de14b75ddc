"""List, describe, create, update and delete channels.

:mod:`kvs_notebook.channels.reference` describes the *channel* argument.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import pandas as pd

from kvs_notebook.arguments import check_seconds, check_texts
from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.validation import check_channel_name, check_message_ttl
from kvs_notebook.channels.listing import channel_pages
from kvs_notebook.channels.lost_replies import reconcile_create, reconcile_delete, reconcile_update
from kvs_notebook.channels.reference import Channel, ChannelRef, channel_refs, describe, one_channel_ref, ttl_of
from kvs_notebook.channels.tag_arguments import TagsToSet, tags_to_set
from kvs_notebook.channels.tag_reader import BULK, CHEAPEST, read_tags_of
from kvs_notebook.channels.waiters import is_active, wait_until, wait_until_gone
from kvs_notebook.dataframes.builders import channels_frame, channels_frame_of_pages, tags_frame
from kvs_notebook.dataframes.tag_pivot import join_tags
from kvs_notebook.errors import ChannelNotFound, KVSError, mark_accepted


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
        List only channels whose name begins with this; case-sensitive.
    tags
        True adds a ``tag:<key>`` column for every tag key, sorted; a list of
        keys adds those, in that order.
    connection
        The connection to use; None takes the current one.

    Returns
    -------
    pandas.DataFrame
        One row per channel, including DELETING ones, sorted by name:
        channel_name, region, channel_status (str), message_ttl_seconds
        (Int64), creation_time (datetime64[ms, UTC]), account_id, the
        ``tag:<key>`` columns, then channel_type, version and channel_arn
        (str). A tag that a channel does not have is missing. If the tags of a
        channel could not be read, because it was deleted meanwhile, its
        ``tags_source`` (str) is ``failed``; else there is no such column.

    Raises
    ------
    InvalidInput
        If no channel's name can begin with ``prefix``, or ``tags`` is neither
        a bool nor a list of keys.
    AccessDenied
        If the identity lacks a permission.
    Throttled
        If the service still throttles a call after all retries.
    ExpiredCredentials
        If the service does not accept the credentials.
    EndpointUnreachable
        If the service does not answer.

    Notes
    -----
    Spends one ListSignalingChannels call (quota: 50 a second in an account and
    region) for each 1,000 channels. With ``tags``, one GetResources call of
    the Resource Groups Tagging API for each 100 channels of the region. Up to
    5 ListTagsForResource calls (quota: 50 a second) then check channels that
    GetResources did not name; if one of these has tags, all of them are read.
    With a ``prefix``, up to 50 channels (100 in us-east-1 and us-west-2) take
    one ListTagsForResource call each instead. If one of the two operations
    fails, the other is used. How long GetResources takes to show a changed tag
    is not documented; list_tags() reads the current tags of each channel.

    If an error is raised, no part of the list is returned.

    A terminal shows the frame in blocks of columns that fit it, up to 20
    columns; ``pandas.set_option("display.max_columns", None)`` shows all.

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
    keys = None if isinstance(tags, bool) else check_texts("tags", tags, "['Site'], or True for all")
    channels = channels_frame_of_pages(channel_pages(prefix, connection))
    if tags is False:
        return channels
    arns = list(channels["channel_arn"])
    found = read_tags_of(arns, BULK if prefix is None else CHEAPEST, connection, quiet=False)
    if found.error is not None:
        raise found.error
    asked = None if keys is None else list(dict.fromkeys(keys))
    return join_tags(channels, tags_frame(found.tags), asked, sources=found.sources(arns))


def describe_channel(channel: Channel, *, connection: Connection | None = None) -> pd.DataFrame:
    """Describe a channel, or each channel of a frame.

    Parameters
    ----------
    channel
        A name, an ARN, a row, or a channels frame of any length.
    connection
        The connection to use; None takes the current one.

    Returns
    -------
    pandas.DataFrame
        A channels frame of one row per channel.

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
    Spends one DescribeSignalingChannel call for each channel (300 a second for
    an account and region, 5 a second for a channel, shared with every device
    that connects).

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
        lambda ref: describe(ref, connection), channel_refs(channel, connection), description="Describing"
    )
    return channels_frame(infos)


def create_channel(
    name: str,
    *,
    message_ttl_seconds: int = 60,
    tags: TagsToSet | None = None,
    wait: bool = True,
    timeout: float = 60,
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Create a SINGLE_MASTER channel.

    Parameters
    ----------
    name
        1 to 256 letters, digits and ``. _ -``, unique in the account and
        region.
    message_ttl_seconds
        Seconds that the channel keeps a message that was not received, 5 to
        120.
    tags
        Up to 50 tags, as a mapping of key to value; or copied from another
        channel: the frame of its :func:`list_tags`, or its row of
        ``list_channels(tags=True)``. Tags that only AWS can set (``aws:...``)
        are left out.
    wait
        Wait until the channel is ACTIVE; False returns at once.
    timeout
        Maximum seconds to wait.
    connection
        The connection to use; None takes the current one.

    Returns
    -------
    pandas.DataFrame
        A channels frame of one row.

    Raises
    ------
    InvalidInput
        If the service does not accept the name, the TTL or a tag, or
        ``timeout`` is not valid; checked before any call.
    ChannelExists
        If the name is taken, possibly by a channel that is still DELETING.
    ChannelLimitExceeded
        If the account has reached its quota of channels in this region.
    AccessDenied
        If the identity lacks a permission.
    ReadOnly
        If the connection was made without ``allow_changes=True``.
    Throttled
        If the service still throttles the call after all retries.
    OutcomeUnknown
        If the reply was lost, and the channel cannot be described either.
    WaitTimeout
        If the channel was created, and is not ACTIVE within ``timeout``.

    Warns
    -----
    ReconciledWarning
        If the reply was lost, and the channel was found to be created by this
        call.
    UserWarning
        If a key in the mapping starts with ``aws:``; it is left out.

    Notes
    -----
    Spends one CreateSignalingChannel call (50 a second), then one
    DescribeSignalingChannel call a second while it waits. A loop waits for
    each channel in turn: for many, plans.ensure() plans what is missing, and
    apply_plan() waits once for all of them.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door", message_ttl_seconds=30, tags={"Site": "hq"})
    >>> channel["channel_status"].iloc[0]
    'ACTIVE'
    """
    connection, timeout = current_connection(connection), check_seconds("timeout", timeout)
    params = {
        "ChannelName": check_channel_name(name),
        "ChannelType": "SINGLE_MASTER",
        "SingleMasterConfiguration": {"MessageTtlSeconds": check_message_ttl(message_ttl_seconds)},
        "Tags": [
            {"Key": key, "Value": value}
            for key, value in tags_to_set({} if tags is None else tags, allow_none=True).items()
        ],
    }
    began = time.monotonic()
    try:
        arn = connection.call("CreateSignalingChannel", params, channel=name).get("ChannelARN")
    except KVSError as error:
        arn = reconcile_create(error, name, params, time.monotonic() - began, connection)
    ref = ChannelRef(name, arn)
    with mark_accepted(f"{name} was created ({arn})"):
        if wait:
            return wait_until(ref, is_active, timeout, connection, may_be_missing=True)
        try:
            return channels_frame([describe(ref, connection)])
        except ChannelNotFound:  # a new channel may not be found yet
            return channels_frame([{**params, "ChannelARN": arn, "ChannelStatus": "CREATING"}])


def update_channel(
    channel: Channel,
    *,
    message_ttl_seconds: int,
    wait: bool = True,
    timeout: float = 60,
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Change a channel's message TTL.

    If it already has that value, no update is sent.

    Parameters
    ----------
    channel
        A name or ARN, whose version is read first, or a row, whose own version
        is sent. For many channels, make a plan.
    message_ttl_seconds
        Seconds, 5 to 120; messages that are already stored keep their TTL.
    wait
        Wait until the channel is ACTIVE with its new version; False returns at
        once.
    timeout
        Maximum seconds to wait.
    connection
        The connection to use; None takes the current one.

    Returns
    -------
    pandas.DataFrame
        A channels frame of one row.

    Raises
    ------
    InvalidInput
        If the TTL is out of range, or the channel argument or ``timeout`` is
        not valid; checked before any call.
    WrongConnection
        If the ARN or row is of another account or region than the
        connection's.
    ReadOnly
        If the connection was made without ``allow_changes=True``.
    ChannelNotFound
        If the channel does not exist.
    VersionMismatch
        If the channel was changed since the row was read.
    ChannelBusy
        If the channel is not ACTIVE.
    OutcomeUnknown
        If the reply was lost, and the channel does not have the new TTL or
        cannot be described.
    WaitTimeout
        If the channel is not ACTIVE with its new version within ``timeout``.

    Warns
    -----
    ReconciledWarning
        If the reply was lost, and the channel was found to have the new TTL.

    Notes
    -----
    Spends one UpdateSignalingChannel call (50 a second, 5 for a channel), one
    DescribeSignalingChannel call before it, and one a second while it waits.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> int(kvs.update_channel(channel, message_ttl_seconds=90)["message_ttl_seconds"].iloc[0])
    90
    """
    connection, timeout = current_connection(connection), check_seconds("timeout", timeout)
    wanted = check_message_ttl(message_ttl_seconds)
    ref = one_channel_ref(channel, connection, plan=f"kvs.plans.set_message_ttl(channels, {wanted})")
    connection.require_changes("UpdateSignalingChannel")
    info = describe(ref, connection)
    seen = ChannelRef(ref.label, info["ChannelARN"], ref.version or info["Version"])
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
                seen,
                lambda now: is_active(now) and now.get("Version") != seen.version,
                timeout,
                connection,
                goal="become ACTIVE with a new version",
            )
        return channels_frame([describe(seen, connection)])


def delete_channel(
    channel: Channel,
    *,
    wait: bool = False,
    timeout: float = 60,
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Delete a channel, if its version has not changed.

    Parameters
    ----------
    channel
        A name or ARN, whose version is read first, or a row, whose own version
        is sent. For many channels, make a plan.
    wait
        Wait until the channel no longer exists; False returns when the service
        has accepted the call.
    timeout
        Maximum seconds to wait.
    connection
        The connection to use; None takes the current one.

    Returns
    -------
    pandas.DataFrame
        The channel's row as it was before, with channel_status DELETING.

    Raises
    ------
    InvalidInput
        If the channel argument or ``timeout`` is not valid; checked before any
        call.
    WrongConnection
        If the ARN or row is of another account or region than the
        connection's.
    ReadOnly
        If the connection was made without ``allow_changes=True``.
    ChannelNotFound
        If the channel does not exist.
    VersionMismatch
        If the channel was changed since the row was read; it was not deleted.
    ChannelBusy
        If the channel is CREATING or UPDATING.
    OutcomeUnknown
        If the reply was lost, and the channel is not DELETING or cannot be
        described.
    WaitTimeout
        If the channel still exists after ``timeout``.

    Warns
    -----
    ReconciledWarning
        If the reply was lost, and the channel was found to be DELETING or
        deleted.

    Notes
    -----
    Spends one DeleteSignalingChannel call (50 a second, 5 for a channel), one
    DescribeSignalingChannel call before it, and one a second while it waits. A
    deleted channel cannot be restored; a new one with its name has another
    ARN.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> kvs.delete_channel(channel)["channel_status"].iloc[0]
    'DELETING'
    """
    connection, timeout = current_connection(connection), check_seconds("timeout", timeout)
    ref = one_channel_ref(channel, connection, plan="kvs.plans.delete(channels)")
    connection.require_changes("DeleteSignalingChannel")
    info = describe(ref, connection)
    seen = ChannelRef(ref.label, info["ChannelARN"], ref.version or info["Version"])
    params = {"ChannelARN": seen.channel_arn, "CurrentVersion": seen.version}
    try:
        connection.call("DeleteSignalingChannel", params, channel=seen.label)
    except KVSError as error:
        reconcile_delete(error, seen, connection)
    if wait:
        with mark_accepted(f"{seen.label} was deleted"):
            wait_until_gone(seen, timeout, connection)
    return channels_frame([{**info, "ChannelStatus": "DELETING"}])
