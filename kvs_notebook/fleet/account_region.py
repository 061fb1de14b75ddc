"""Unit: one account in one region, read for an inventory; whatever goes wrong in it stays in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kvs_notebook.aws.assume_role import assume_role
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import for_profile
from kvs_notebook.channels.listing import channel_infos
from kvs_notebook.errors import (
    AccessDenied,
    ExpiredCredentials,
    InvalidInput,
    KVSError,
    NoCredentials,
    Throttled,
)
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.tag_reader import read_tags

EXPIRED = "expired"

NOT_ENABLED = frozenset({"UnrecognizedClientException", "InvalidClientTokenId"})
"""How a region refuses keys of an account that has not enabled it; the same keys work elsewhere."""


class Origin:
    """Say where connections begin; sent to another process it makes them anew there, since it takes no credentials along.

    Parameters
    ----------
    profile, region, endpoint_url
        How the connection is made that roles are assumed from.
    connection
        That connection itself, where the work stays in its process.
    """

    def __init__(
        self, profile: str | None, region: str, endpoint_url: str | None, connection: Connection | None = None
    ) -> None:
        self.region = region
        self._here = (profile, region, endpoint_url)
        self._connection = connection
        self._ways: dict[Account, Connection] = {}
        self._lock = threading.Lock()

    @classmethod
    def elsewhere(cls, connection: Connection) -> Origin:
        """Say how another process makes a connection again, which a profile's name says and keys of this process do not.

        Raises
        ------
        InvalidInput
            Where it takes such keys.
        """
        if not connection.config.portable:
            raise InvalidInput(
                "This connection's keys stay in this process, so an executor can't read with it: connect by a profile, as "
                'in kvs.connect("my-profile"), or by the environment. For a sandbox start the workers in '
                "sandbox.environment()."
            )
        return cls(connection.profile, connection.region, connection.endpoint_url)

    def __reduce__(self) -> tuple[object, ...]:
        return (Origin, self._here)

    def connect(self, account: Account, region: str) -> Connection:
        """Make a connection into an account; nothing is sent yet. Those of one account share its session, which is dear."""
        if self._connection is None:
            return _way_in(*self._here, account).replace(region=region)
        with self._lock:
            if account not in self._ways:
                self._ways[account] = _entered(self._connection, account)
            return self._ways[account].replace(region=region)

    def ask(self, account: Account) -> None:
        """Ask an account, in the region where connections begin, who its keys belong to; raise what it answers if not that."""
        connection = self.connect(account, self.region)
        try:
            connection.call("GetCallerIdentity", {}, client=connection.client("sts"))
        finally:
            connection.close_clients()

    def forget(self, account: Account) -> None:
        """Let go of an account's session, once its last unit was read."""
        with self._lock:
            self._ways.pop(account, None)


@lru_cache(maxsize=16)
def _way_in(profile: str | None, region: str, endpoint_url: str | None, account: Account) -> Connection:
    return _entered(for_profile(profile, region=region, endpoint_url=endpoint_url), account)


def _entered(base: Connection, account: Account) -> Connection:
    if account.profile is not None:
        return for_profile(account.profile, region=base.region, endpoint_url=base.endpoint_url)
    if account.role_arn is not None:
        return assume_role(base, account.role_arn, external_id=account.external_id, region=base.region)
    return base


@dataclass(frozen=True, slots=True)
class Unit:
    """One account in one region, and what is to be read there."""

    account: Account
    account_id: str
    region: str
    prefix: str | None
    tags: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a unit, as the service gave it, and the row of coverage.

    Frames are made of many units at once: of one unit's few rows they would take longer than the calls.

    Attributes
    ----------
    channels
        ChannelInfo structures.
    tags
        The tags of each channel that has some, by its ARN.
    refused
        Whether the keys were refused on the way, so that nothing more need be asked with them.
    """

    channels: Sequence[Mapping[str, Any]]
    tags: Mapping[str, Mapping[str, str]]
    coverage: dict[str, Any]
    refused: bool = False


class Reader:
    """Read a unit, while another thread may see how long it has had no answer, and stop it."""

    def __init__(self, unit: Unit, origin: Origin) -> None:
        self.unit = unit
        self._origin = origin
        self._began = time.monotonic()
        self._connection: Connection | None = None
        self._channels: Sequence[Mapping[str, Any]] | None = None
        self._stopped: KVSError | None = None

    @property
    def silent_for(self) -> float:
        """The seconds since a call last came back."""
        connection = self._connection
        return time.monotonic() - (self._began if connection is None else connection.last_reply)

    def read(self) -> Reading:
        """Read it; never raises an error of the service or of the way to it."""
        tags: Mapping[str, Mapping[str, str]] = {}
        source = "none"
        problem: KVSError | None = None
        try:
            self._connection = connection = self._origin.connect(self.unit.account, self.unit.region)
            if self._stopped is not None:
                raise self._stopped
            self._channels = channel_infos(self.unit.prefix, connection)
            tags, source, problem = read_tags(
                self.unit.tags, [info["ChannelARN"] for info in self._channels], connection
            )
        except KVSError as error:
            problem = error
        finally:
            if self._connection is not None:
                self._connection.close_clients()
        return self._reading(self._channels, tags, source, problem)

    def stop(self, why: KVSError) -> Reading:
        """Let it make no further call, and give what it has read so far: its channels where all are listed, without tags."""
        self._stopped = why
        if self._connection is not None:
            self._connection.stop(why)
        channels = self._channels
        if channels is not None and self.unit.tags == "none":
            return self._reading(channels, {}, "none", None)
        return self._reading(channels, {}, "none" if channels is None else "failed", why)

    def _reading(
        self,
        channels: Sequence[Mapping[str, Any]] | None,
        tags: Mapping[str, Mapping[str, str]],
        source: str,
        problem: KVSError | None,
    ) -> Reading:
        coverage = unread(self.unit.account_id, self.unit.region, problem) | {
            "tags_source": source,
            "seconds": round(time.monotonic() - self._began, 3),
        }
        if channels is not None:
            coverage |= {"status": "ok", "channels": len(channels)}
        elif problem is not None and problem.code in NOT_ENABLED:
            coverage["status"] = self._status_of_unknown_keys()
        connection = self._connection
        if connection is not None:
            coverage |= {
                "calls": connection.calls,
                "throttles": connection.throttles,
                "retries": max(connection.attempts - connection.calls, 0),
            }
        expired = problem is not None and problem.code not in NOT_ENABLED and status_of(problem) == EXPIRED
        return Reading(channels or [], tags, coverage, refused=expired or coverage["status"] == EXPIRED)

    def _status_of_unknown_keys(self) -> str:
        """Give coverage's word where a region does not know the keys: others are asked, since they may have been revoked."""
        try:
            self._origin.ask(self.unit.account)
        except ExpiredCredentials:
            return EXPIRED
        except KVSError:
            return "error"
        return "region_disabled"


def read(unit: Unit, origin: Origin) -> Reading:
    """Read a unit, as another process is told to."""
    return Reader(unit, origin).read()


def unread(account_id: str | None, region: str | None, problem: KVSError | None) -> dict[str, Any]:
    """Give the row of coverage of a unit that was not read."""
    return {
        "account_id": account_id,
        "region": region,
        "status": "error" if problem is None else status_of(problem),
        "error_code": None if problem is None else problem.code or type(problem).__name__,
        "message": None if problem is None else str(problem),
        "tags_source": "none",
        "channels": 0,
        "calls": 0,
        "throttles": 0,
        "retries": 0,
        "seconds": 0.0,
    }


def unforeseen(error: Exception) -> KVSError:
    """Give the problem of a unit or an account for an error that is none of this tree: a bug, or a worker that was lost."""
    return KVSError(f"{type(error).__name__}: {error}", code=type(error).__name__)


def status_of(problem: KVSError) -> str:
    """Give coverage's word for what went wrong."""
    kinds = (
        (AccessDenied, "denied"),
        (Throttled, "throttled"),
        ((ExpiredCredentials, NoCredentials), EXPIRED),
    )
    return next((status for kind, status in kinds if isinstance(problem, kind)), "error")


# --- tags
