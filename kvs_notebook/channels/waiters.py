"""Wait until a channel has a status or is deleted, and observe its statuses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from kvs_notebook.arguments import check_seconds
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.channels.reference import Channel, ChannelRef, describe, one_channel_ref
from kvs_notebook.dataframes.builders import channels_frame
from kvs_notebook.errors import ChannelNotFound, InvalidInput, WaitTimeout
from kvs_notebook.formatting import format_value

SECONDS_BETWEEN_DESCRIBES = 1.0
"""The quota of a channel is 5 DescribeSignalingChannel calls a second, including those of its devices."""

SHORTEST_INTERVAL = 0.2

STATUSES = ("CREATING", "ACTIVE", "UPDATING", "DELETING", "DELETED")


def is_active(info: Mapping[str, Any]) -> bool:
    """Return whether the status of a ChannelInfo is ACTIVE."""
    return info.get("ChannelStatus") == "ACTIVE"


def wait_for_channel(
    channel: Channel,
    status: str = "ACTIVE",
    *,
    timeout: float = 60,
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Wait until a channel has a status.

    With ``"DELETED"``, wait until it no longer exists.

    Parameters
    ----------
    channel
        A name, an ARN or a row.
    status
        ACTIVE, CREATING, UPDATING or DELETING; DELETED waits until
        DescribeSignalingChannel no longer finds the channel.
    timeout
        Seconds to wait.
    connection
        Where the channel is; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        The channel's row as last seen; for DELETED an empty channels frame if
        the channel did not exist from the start.

    Raises
    ------
    InvalidInput
        If the status is not one of those five, or the channel argument is not
        valid.
    WrongConnection
        If the ARN or row is of another account or region than the
        connection's.
    ChannelNotFound
        If the channel does not exist, unless ``status`` is DELETED.
    WaitTimeout
        If the channel does not reach the status within ``timeout``; the
        message has the last status.

    Notes
    -----
    Spends one DescribeSignalingChannel call a second.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door", wait=False)
    >>> kvs.wait_for_channel(channel)["channel_status"].iloc[0]
    'ACTIVE'
    """
    connection = current_connection(connection)
    _check_status(status)
    timeout = check_seconds("timeout", timeout)
    ref = one_channel_ref(channel, connection)
    if status == "DELETED":
        return wait_until_gone(ref, timeout, connection)
    return wait_until(
        ref, lambda info: info.get("ChannelStatus") == status, timeout, connection, goal=f"become {status}"
    )


def watch_channel(
    channel: Channel,
    until: str = "ACTIVE",
    *,
    interval: float = 1.0,
    timeout: float = 60,
    connection: Connection | None = None,
) -> Iterator[tuple[datetime, str | None]]:
    """Yield a channel's status again and again until it is the awaited one.

    Each is yielded with the time of the observation.

    Parameters
    ----------
    channel
        A name, an ARN or a row.
    until
        The last status to observe: ACTIVE, CREATING, UPDATING or DELETING;
        DELETED ends when DescribeSignalingChannel no longer finds the channel.
    interval
        Seconds between two observations, at least 0.2.
    timeout
        Seconds to observe.
    connection
        Where the channel is; None takes the current connection.

    Returns
    -------
    iterator of (datetime.datetime, str or None)
        UTC times and values of channel_status, None if the channel no longer
        exists. ``diagrams.lifecycle`` draws them.

    Raises
    ------
    InvalidInput
        If the status is not one of those five, the interval is too short, or
        the channel argument is not valid.
    WrongConnection
        If the ARN or row is of another account or region than the
        connection's.
    ChannelNotFound
        While iterating: if the channel does not exist, unless ``until`` is
        DELETED.
    WaitTimeout
        While iterating: if the channel does not reach the status within
        ``timeout``; the message has the last status.

    Notes
    -----
    Spends one DescribeSignalingChannel call for each observation.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> channel = kvs.update_channel(channel, message_ttl_seconds=90, wait=False)
    >>> [status for time, status in kvs.watch_channel(channel)][-1]
    'ACTIVE'
    """
    connection = current_connection(connection)
    _check_status(until)
    interval, timeout = check_seconds("interval", interval, SHORTEST_INTERVAL), check_seconds("timeout", timeout)
    return _observe(one_channel_ref(channel, connection), until, interval, timeout, connection)


def _observe(
    ref: ChannelRef, until: str, interval: float, timeout: float, connection: Connection
) -> Iterator[tuple[datetime, str | None]]:
    def describe_once() -> tuple[bool, Mapping[str, Any] | None]:
        try:
            info = describe(ref, connection)
        except ChannelNotFound:
            if until != "DELETED":
                raise
            return True, None
        return info.get("ChannelStatus") == until, info

    for info in _poll(describe_once, timeout, _goal(ref, until), interval):
        yield connection.now(), None if info is None else info["ChannelStatus"]


def _check_status(status: object) -> None:
    """Raise InvalidInput if a channel cannot have this status."""
    if not isinstance(status, str) or status not in STATUSES:
        raise InvalidInput(f"Status {format_value(status)} is not valid. Expected one of: {', '.join(STATUSES)}.")


def _goal(ref: ChannelRef, status: str) -> str:
    """Return what a caller waits for, to complete the message of a timeout."""
    return f"{ref.label!r} to be deleted" if status == "DELETED" else f"{ref.label!r} to become {status}"


def wait_until(
    ref: ChannelRef,
    reached: Callable[[Mapping[str, Any]], bool],
    timeout: float,
    connection: Connection,
    *,
    goal: str = "become ACTIVE",
    may_be_missing: bool = False,
) -> pd.DataFrame:
    """Describe a channel once a second until ``reached`` returns True for its ChannelInfo, and return its row.

    ``goal`` completes the message of a timeout: the channel's name, then "to".
    """

    def describe_once() -> tuple[bool, Mapping[str, Any] | None]:
        try:
            info = describe(ref, connection)
        except ChannelNotFound:
            if not may_be_missing:
                raise
            return False, None
        return reached(info), info

    *_, info = _poll(describe_once, timeout, f"{ref.label!r} to {goal}", SECONDS_BETWEEN_DESCRIBES)
    return channels_frame([info] if info else [])


def wait_until_gone(
    ref: ChannelRef,
    timeout: float,
    connection: Connection,
    *,
    stop_when: Callable[[Mapping[str, Any]], bool] = lambda _: False,
) -> pd.DataFrame:
    """Describe a channel once a second until it is no longer found, and return its row as last seen.

    Waiting ends early if ``stop_when`` returns True for a ChannelInfo.
    """
    last: list[Mapping[str, Any]] = []

    def describe_once() -> tuple[bool, Mapping[str, Any] | None]:
        try:
            last[:] = [describe(ref, connection)]
        except ChannelNotFound:
            return True, None
        return stop_when(last[0]), last[0]

    for _ in _poll(describe_once, timeout, _goal(ref, "DELETED"), SECONDS_BETWEEN_DESCRIBES):
        pass
    return channels_frame(last)


def _poll(
    describe_once: Callable[[], tuple[bool, Mapping[str, Any] | None]], timeout: float, awaited: str, interval: float
) -> Iterator[Mapping[str, Any] | None]:
    """Yield the ChannelInfo of each call of ``describe_once`` until it is done; raise WaitTimeout after ``timeout``."""
    deadline = time.monotonic() + timeout
    while True:
        done, info = describe_once()
        yield info
        if done:
            return
        if time.monotonic() + interval > deadline:
            status = info.get("ChannelStatus") if info else "not found"
            raise WaitTimeout(
                f"Timed out after {timeout:g} s waiting for {awaited} (last status: {status}). Increase timeout=.",
                operation="DescribeSignalingChannel",
            )
        time.sleep(interval)
