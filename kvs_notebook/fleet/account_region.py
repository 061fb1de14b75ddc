"""Read the channels and tags of one account in one region; its errors become its row of coverage."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.listing import channel_infos
from kvs_notebook.channels.tag_reader import BULK, CHEAPEST, TagReading, read_tags_of
from kvs_notebook.errors import ExpiredCredentials, KVSError, NoCredentials, ServiceFault, to_kvs_error
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.connection_factory import ConnectionFactory
from kvs_notebook.fleet.coverage import EXPIRED, NO_CREDENTIALS, NOT_ENABLED, status_of_error, unread_row
from kvs_notebook.fleet.dask_worker import stop_profiler
from kvs_notebook.formatting import format_value

UNKNOWN_KEY_CODES = frozenset({"UnrecognizedClientException", "InvalidClientTokenId"})
"""Error codes of a region that does not know the access key: not enabled for the account, or the key was revoked."""


@dataclass(frozen=True, slots=True)
class AccountRegion:
    """One account in one region, and what is read there.

    Attributes
    ----------
    account
        How to connect to the account.
    account_id, region
        The account's id and the region's code.
    prefix
        Only channels whose name begins with it; None for all.
    tags
        How tags are read: ``"bulk"``, ``"each"`` or ``"none"``.
    """

    account: Account
    account_id: str
    region: str
    prefix: str | None
    tags: str

    @property
    def tag_mode(self) -> str:
        """How the tags are read: for the channels of a prefix, reading the tags of the whole region may take more calls."""
        return CHEAPEST if self.tags == BULK and self.prefix is not None else self.tags


@dataclass(frozen=True, slots=True)
class AccountRegionResult:
    """What was read of one account in one region.

    The replies stay as the service sent them: a DataFrame of each account-region's few rows would cost more than the calls.

    Attributes
    ----------
    channels
        ChannelInfo structures.
    tags
        The tags of each channel that has some, by its ARN.
    coverage
        The row of coverage.
    credentials_refused
        True if the credentials have ended, so that no further call with them can succeed.
    unread_tags
        The ARNs of channels whose tags are unknown although the others' were read.
    """

    channels: Sequence[Mapping[str, Any]]
    tags: Mapping[str, Mapping[str, str]]
    coverage: dict[str, Any]
    credentials_refused: bool = False
    unread_tags: frozenset[str] = frozenset()


class AccountRegionReader:
    """Read one account in one region; another thread may watch the time since the last reply, and stop it.

    Parameters
    ----------
    account_region
        What to read.
    connections
        What to connect with.
    paging_seconds
        How long all pages of a list, or of the tags in bulk, may take; None for the connection's own bound.
    """

    def __init__(
        self, account_region: AccountRegion, connections: ConnectionFactory, paging_seconds: float | None = None
    ) -> None:
        self.account_region = account_region
        self._paging_seconds = paging_seconds
        self._connections = connections
        self._started = time.monotonic()
        self._connection: Connection | None = None
        self._channels: Sequence[Mapping[str, Any]] | None = None
        self._stop_reason: KVSError | None = None

    @property
    def seconds_since_reply(self) -> float:
        """The seconds since the last call returned, or since the start if none did."""
        connection = self._connection
        return time.monotonic() - (self._started if connection is None else connection.last_reply)

    def read(self) -> AccountRegionResult:
        """Read channels and tags; an error of any kind ends up in the result, so that the other account-regions are read."""
        tags = TagReading({}, "none")
        where = self.account_region
        try:
            connection = self._connections.connect_to(where.account, where.account_id, where.region)
            if self._paging_seconds is not None:
                connection = connection.replace(paging_seconds=self._paging_seconds)
            self._connection = connection
            self._raise_if_stopped()
            self._channels = _check_own(channel_infos(where.prefix, connection), where)
            tags = read_tags_of([info["ChannelARN"] for info in self._channels], where.tag_mode, connection)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - of a reply, or of a program of the user's configuration
            tags = TagReading({}, "none", to_kvs_error(error))
        finally:
            if self._connection is not None:
                self._connection.close_clients()
        return self._result(self._channels, tags)

    def _raise_if_stopped(self) -> None:
        if self._stop_reason is not None:
            raise self._stop_reason

    def stop(self, reason: KVSError) -> AccountRegionResult:
        """Prevent further calls and return what was read so far: the channels if all are listed, without their tags."""
        self._stop_reason = reason
        if self._connection is not None:
            self._connection.stop(reason)
        channels = self._channels
        if channels is not None and self.account_region.tags == "none":
            return self._result(channels, TagReading({}, "none"))
        return self._result(channels, TagReading({}, "none" if channels is None else "failed", reason))

    def _result(self, channels: Sequence[Mapping[str, Any]] | None, tags: TagReading) -> AccountRegionResult:
        error = tags.error
        coverage = unread_row(self.account_region.account_id, self.account_region.region, error)
        coverage |= {"tags_source": tags.source, "seconds": round(time.monotonic() - self._started, 3)}
        key_is_unknown = error is not None and error.code in UNKNOWN_KEY_CODES
        if channels is not None:
            coverage |= {"status": "ok", "channels": len(channels)}
        elif key_is_unknown:
            coverage["status"] = self._status_of_unknown_key()
        ended = error is not None and not key_is_unknown and status_of_error(error) in (EXPIRED, NO_CREDENTIALS)
        return AccountRegionResult(
            channels or [],
            tags.tags,
            coverage | self._calls_spent(),
            credentials_refused=ended or coverage["status"] == EXPIRED,
            unread_tags=tags.unread,
        )

    def _calls_spent(self) -> dict[str, int]:
        connection = self._connection
        if connection is None:
            return {}
        return {
            "calls": connection.calls,
            "throttles": connection.throttles,
            "retries": max(connection.attempts - connection.calls, 0),
        }

    def _status_of_unknown_key(self) -> str:
        """Return the status if a region does not know the access key: STS tells a disabled region from a revoked key."""
        try:
            self._connections.check_credentials(self.account_region.account)
        except (ExpiredCredentials, NoCredentials):
            return EXPIRED
        except Exception:  # noqa: BLE001 - STS did not tell; the row has the error of the region
            return "error"
        return NOT_ENABLED


def _check_own(infos: Sequence[Mapping[str, Any]], where: AccountRegion) -> Sequence[Mapping[str, Any]]:
    """Return the channels; raise ServiceFault if one is of another account or region, whose rows it would mix with."""
    for info in infos:
        arn = info["ChannelARN"]
        if not isinstance(arn, str) or arn.split(":")[2:5] != ["kinesisvideo", where.region, where.account_id]:
            raise ServiceFault(
                f"ListSignalingChannels returned the channel {format_value(arn)}, which is not of account {where.account_id}, "
                f"{where.region}. Check what answers at the endpoint."
            )
    return infos


def read_account_regions(
    account_regions: Sequence[AccountRegion], connections: ConnectionFactory
) -> list[AccountRegionResult]:
    """Read some account-regions on threads; a function of the module, so that an executor can pickle it."""
    stop_profiler()
    readers = [AccountRegionReader(each, connections) for each in account_regions]
    return map_concurrent(AccountRegionReader.read, readers, description="Inventory", unit="account-region", quiet=True)
