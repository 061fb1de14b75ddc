"""Channel arguments: the names, ARNs and rows by which public functions take channels.

A *channel* argument is a name, an ARN, a row of a channels frame, or a frame of one row; functions that read take a frame of any
length. A row of another account or region than the connection's is rejected. Changes send the version of the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.validation import check_channel_name, check_version
from kvs_notebook.dataframes.frame_check import check_unique_columns
from kvs_notebook.errors import ChannelNotFound, InvalidInput, WrongConnection
from kvs_notebook.formatting import format_count, format_value

Channel: TypeAlias = "str | pd.Series[Any] | pd.DataFrame | Mapping[str, Any]"
"""The types of a channel argument."""

IDENTIFYING_COLUMNS = ("channel_arn", "account_id", "region", "version")
"""The columns of a row that are read; it may have others."""


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """A channel by its name or ARN, and the version that a change sends; checked without an API call."""

    channel_name: str | None = None
    channel_arn: str | None = None
    version: str | None = None

    @property
    def label(self) -> str:
        """The channel's name, for messages and per-channel quotas."""
        return self.channel_name or ChannelArn.parse(self.channel_arn).channel_name

    @property
    def params(self) -> dict[str, str]:
        """The parameters of DescribeSignalingChannel: the ARN if it is known, else the name."""
        return {"ChannelARN": self.channel_arn} if self.channel_arn else {"ChannelName": self.label}


def channel_refs(channel: Channel, connection: Connection) -> list[ChannelRef]:
    """Return the channels of a channel argument: one, or one for each row of a frame.

    Raises
    ------
    InvalidInput
        If a name, an ARN or a version is not one that the service accepts, or a row has no ``channel_arn``.
    WrongConnection
        If an ARN or a row is of another account or region than the connection's.
    """
    if isinstance(channel, str):
        if channel.startswith("arn:"):
            connection.check_arn(channel)
            return [ChannelRef(channel_arn=channel)]
        return [ChannelRef(channel_name=check_channel_name(channel))]
    if isinstance(channel, pd.DataFrame):
        check_unique_columns(channel, "list_channels()")
        return [_row_ref(row, connection) for row in channel.to_dict("records")]
    if isinstance(channel, (pd.Series, Mapping)):
        return [_row_ref(dict(channel), connection)]
    raise InvalidInput(
        f"Channel {format_value(channel)} has type {type(channel).__name__}. Pass a name, an ARN, or a row of list_channels()."
    )


def _row_ref(row: Mapping[Any, Any], connection: Connection) -> ChannelRef:
    given = {column: row[column] for column in IDENTIFYING_COLUMNS if not _is_missing(row.get(column))}
    if "channel_arn" not in given:
        raise InvalidInput("Missing column 'channel_arn'. Pass a row returned by list_channels().")
    arn = given["channel_arn"]
    parsed = connection.check_arn(arn)
    for column, actual in (("account_id", parsed.account_id), ("region", parsed.region)):
        if given.get(column, actual) != actual:
            raise WrongConnection(
                f"Column {column!r} is {given[column]}, but the ARN has {actual}. Pass a row as list_channels() returns it."
            )
    version = given.get("version")
    return ChannelRef(parsed.channel_name, arn, check_version(version) if version is not None else None)


def _is_missing(value: Any) -> bool:
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def one_channel_ref(channel: Channel, connection: Connection, *, plan: str = "") -> ChannelRef:
    """Return the channel of a channel argument.

    ``plan`` is the line that plans the same for many channels.

    Raises
    ------
    InvalidInput
        If a frame does not have exactly one row, or as for channel_refs().
    """
    rows = len(channel) if isinstance(channel, pd.DataFrame) else 1
    if rows != 1:
        hint = f", or make a plan: {plan}" if plan and rows else ", such as frame.iloc[0]"
        raise InvalidInput(f"Expected one channel, got a frame of {format_count(rows, 'row')}. Pass one row{hint}.")
    return channel_refs(channel, connection)[0]


def describe(ref: ChannelRef, connection: Connection) -> dict[str, Any]:
    """Return the ChannelInfo of one channel: one DescribeSignalingChannel call.

    Raises
    ------
    ChannelNotFound
        If the channel does not exist, or if an ARN was given, and another channel has its name now.
    """
    info: dict[str, Any] = connection.call("DescribeSignalingChannel", ref.params, channel=ref.label)["ChannelInfo"]
    if ref.channel_arn not in (None, info["ChannelARN"]):
        raise ChannelNotFound(
            f"Channel {ref.channel_arn} does not exist; another channel has that name now: {info['ChannelARN']}. Pass the "
            "name, or that ARN, if you mean the new one.",
            operation="DescribeSignalingChannel",
        )
    return info


def resolve_arn(ref: ChannelRef, connection: Connection) -> str:
    """Return the ARN of a channel; if only its name is known, this spends one DescribeSignalingChannel call."""
    arn: str = ref.channel_arn or describe(ref, connection)["ChannelARN"]
    return arn


def ttl_of(info: Mapping[str, Any]) -> int | None:
    """Return the message TTL of a ChannelInfo in seconds."""
    ttl: int | None = (info.get("SingleMasterConfiguration") or {}).get("MessageTtlSeconds")
    return ttl
