"""The cameras of a channel argument, each with the connection that reaches its account and region."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.regions import partition_of
from kvs_notebook.channels.reference import Channel, ChannelRef, channel_refs
from kvs_notebook.dataframes.frame_check import check_unique_columns
from kvs_notebook.errors import InvalidInput, KVSError, NoCredentials
from kvs_notebook.fleet.account_access import AccountAccess
from kvs_notebook.fleet.accounts import AccountsFile, accounts_to_read
from kvs_notebook.fleet.connection_factory import ConnectionFactory


@dataclass(frozen=True)
class Reach:
    """How the accounts of channels are reached: the keywords of inventory()."""

    profiles: Iterable[str] | None = None
    role_arns: Iterable[str] | None = None
    external_id: str | None = None
    accounts: AccountsFile | None = None
    role_name: str | None = None

    @property
    def is_base_only(self) -> bool:
        """Whether nothing but the connection itself was given."""
        return self.profiles is None and self.role_arns is None and self.accounts is None

    def open(self, account_ids: set[str], base: Connection) -> AccountAccess:
        """Connect to accounts: one GetCallerIdentity call each, unless their id is known."""
        accounts = accounts_to_read(
            self.profiles,
            self.role_arns,
            self.external_id,
            self.accounts,
            role_name=self.role_name,
            partition=partition_of(base.region),
        )
        return AccountAccess(accounts, ConnectionFactory.in_process(base), account_ids, allow_changes=False)


@dataclass(frozen=True)
class Camera:
    """A channel to call, with a connection, or with the error that creating the connection has raised."""

    ref: ChannelRef
    region: str
    account_id: str | None
    connection: Connection | None
    error: KVSError | None = None

    @property
    def channel_name(self) -> str:
        """The channel's name."""
        return self.ref.label

    @property
    def channel_arn(self) -> str | None:
        """The channel's ARN, None if only its name was given."""
        return self.ref.channel_arn


def find_cameras(channels: Channel, reach: Reach, base: Connection) -> list[Camera]:
    """Return the cameras of a channel argument in its order; a name is a channel of ``base``."""
    if isinstance(channels, pd.DataFrame):
        check_unique_columns(channels, "list_channels()")
        return _of_rows(channels.to_dict("records"), reach, base)
    if isinstance(channels, (pd.Series, Mapping)):
        return _of_rows([dict(channels)], reach, base)
    if str(channels).startswith("arn:"):
        return _of_rows([{"channel_arn": channels}], reach, base)
    known = base.config.account_id or (base.known_identity.account_id if base.known_identity else None)
    return [Camera(ref, base.region, known, base) for ref in channel_refs(channels, base)]


def close_connections(cameras: list[Camera], base: Connection) -> None:
    """Close the clients that were made for cameras; those of ``base`` are the caller's."""
    for connection in {camera.connection for camera in cameras} - {base, None}:
        assert connection is not None  # noqa: S101 - see above
        connection.close_clients()


def _of_rows(rows: list[dict[Any, Any]], reach: Reach, base: Connection) -> list[Camera]:
    if not rows:
        return []
    arns = [_arn_of(row) for row in rows]
    access = reach.open({arn.account_id for arn in arns}, base)
    connections = {place: access.connect(*place) for place in {(arn.account_id, arn.region) for arn in arns}}
    if reach.is_base_only:
        connections[base.resolve_account_id(), base.region] = base  # with its clients and its rate limits
    return [
        _camera(row, arn, connections[arn.account_id, arn.region], access) for row, arn in zip(rows, arns, strict=True)
    ]


def _arn_of(row: Mapping[Any, Any]) -> ChannelArn:
    """Return the ARN of a row; raise InvalidInput if it has none."""
    arn = row.get("channel_arn")
    if not isinstance(arn, str):
        raise InvalidInput("Missing column 'channel_arn'. Pass a row returned by list_channels().")
    return ChannelArn.parse(arn)


def _camera(row: Mapping[Any, Any], arn: ChannelArn, connection: Connection | None, access: AccountAccess) -> Camera:
    if connection is None:
        ref = ChannelRef(arn.channel_name, str(row["channel_arn"]))
        error = NoCredentials(access.reason_without(arn.account_id))
        return Camera(ref, arn.region, arn.account_id, None, error)
    (ref,) = channel_refs(row, connection)
    return Camera(ref, arn.region, arn.account_id, connection)
