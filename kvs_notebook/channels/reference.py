"""ChannelRef: what a channel argument names, after the checks that cost no call.

A *channel* argument takes a name, an ARN, a row of a channels frame, or a frame of one row; reads take a whole frame too. A row
carries its account, region and version: a row of another account or region is refused, and its version is what a change sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.validation import check_channel_name, check_version
from kvs_notebook.errors import InvalidInput, WrongConnection
from kvs_notebook.formatting import format_value

Channel: TypeAlias = "str | pd.Series[Any] | pd.DataFrame | Mapping[str, Any]"
"""What the channel argument of a public function may be."""


NAMING = ("channel_arn", "account_id", "region", "version")
"""The columns of a row that say which channel it is; whatever else a row has is its owner's."""


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """What a channel argument names, after the checks that cost no call."""

    channel_name: str | None = None
    channel_arn: str | None = None
    version: str | None = None

    @property
    def label(self) -> str:
        """Give the channel's name, for messages and per-channel quotas."""
        return self.channel_name or ChannelArn.parse(self.channel_arn).channel_name

    @property
    def params(self) -> dict[str, str]:
        """Give the parameters by which DescribeSignalingChannel finds it: the ARN where it is known."""
        return {"ChannelARN": self.channel_arn} if self.channel_arn else {"ChannelName": self.label}


def channel_refs(channel: Channel, connection: Connection) -> list[ChannelRef]:
    """Give what a channel argument names: one target, or one for each row of a frame.

    Raises
    ------
    InvalidInput
        For a name, an ARN or a row that the service would refuse.
    WrongConnection
        For an ARN or a row of another account or region than the connection's.
    """
    if isinstance(channel, str):
        if channel.startswith("arn:"):
            connection.check_arn(channel)
            return [ChannelRef(channel_arn=channel)]
        return [ChannelRef(channel_name=check_channel_name(channel))]
    if isinstance(channel, pd.DataFrame):
        return [_row_target(row, connection) for row in channel.to_dict("records")]
    if isinstance(channel, (pd.Series, Mapping)):
        return [_row_target(dict(channel), connection)]
    raise InvalidInput(
        f"Channel {format_value(channel)} is a {type(channel).__name__}: give a name, an ARN, or a row of list_channels()."
    )


def _row_target(row: Mapping[Any, Any], connection: Connection) -> ChannelRef:
    given = {column: row[column] for column in NAMING if not _is_missing(row.get(column))}
    if "channel_arn" not in given:
        raise InvalidInput(
            f"The row has no channel_arn (it has {', '.join(map(str, row))}): take it from list_channels()."
        )
    arn = given["channel_arn"]
    parsed = connection.check_arn(arn)
    for column, actual in (("account_id", parsed.account_id), ("region", parsed.region)):
        if given.get(column, actual) != actual:
            raise WrongConnection(
                f"The row says {column} {given[column]}, its ARN {actual}: take the row from list_channels() unchanged."
            )
    version = given.get("version")
    return ChannelRef(parsed.channel_name, arn, check_version(version) if version is not None else None)


def _is_missing(value: Any) -> bool:
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def one_channel_ref(channel: Channel, connection: Connection) -> ChannelRef:
    """Give the one channel that an argument names; raise InvalidInput for a frame of none or many rows."""
    found = channel_refs(channel, connection)
    if len(found) != 1:
        raise InvalidInput(
            f"The frame has {len(found)} rows: this takes one channel, so pass one row, such as frame.iloc[0]."
        )
    return found[0]


def describe(target: ChannelRef, connection: Connection) -> dict[str, Any]:
    """Give the ChannelInfo of one channel: one DescribeSignalingChannel call."""
    reply = connection.call("DescribeSignalingChannel", target.params, channel=target.label)
    info: dict[str, Any] = reply.get("ChannelInfo") or {}
    return info


def resolve_arn(ref: ChannelRef, connection: Connection) -> str:
    """Return the ARN of a channel; if only its name is known, this spends one DescribeSignalingChannel call."""
    arn: str = ref.channel_arn or describe(ref, connection)["ChannelARN"]
    return arn


def ttl_of(info: Mapping[str, Any]) -> int | None:
    """Give the message TTL of a ChannelInfo in seconds."""
    ttl: int | None = (info.get("SingleMasterConfiguration") or {}).get("MessageTtlSeconds")
    return ttl
