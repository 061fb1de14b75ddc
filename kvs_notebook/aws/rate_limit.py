"""Keep the calls of one account and region under their share of the service's quotas.

The quotas are shared with every device that connects, so a connection takes a part of them: 0.9 by default, and 0.5 of the
operations that each device calls when it connects.

The limiter is our own because pyrate-limiter counts in whole milliseconds and refills in windows: 49 requests a second come
out as 47.6 or 50, and a window's burst is refused by a service that allows a smaller one.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from kvs_notebook.aws.quotas import QUOTAS, SIGNALING_QUOTAS, quota_of
from kvs_notebook.errors import InvalidInput, KVSError
from kvs_notebook.formatting import format_value

DEFAULT_SHARE = 0.9
SHARES_OF_CONNECTING_DEVICES: Mapping[str, float] = {
    "DescribeSignalingChannel": 0.5,
    "GetSignalingChannelEndpoint": 0.5,
    "GetIceServerConfig": 0.5,
    "ConnectAsMaster": 0.5,
    "ConnectAsViewer": 0.5,
}

MAX_BUCKETS = 10_000
"""Buckets that are kept; above this number, those that no call waits for are dropped."""

LOGGED_WAIT_SECONDS = 1.0

Bucket: TypeAlias = "tuple[str, str | None]"
"""An operation, and its channel if the quota is per channel."""

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Departures:
    """When the next call of a bucket may be sent; the lock lets one caller at a time wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    next_allowed: float = -math.inf


class RateLimiter:
    """Space out the calls of one account and region.

    Each bucket holds one request and refills at ``share`` of the published quota, so that calls are sent evenly spaced. All
    threads of a connection share its buckets.

    Parameters
    ----------
    share
        The part of each quota to use, above 0 and at most 1: one number for all operations, or a mapping of operation
        to number (``{"ListTagsForResource": 0.98}``) over the defaults.
    clock, sleep
        Functions that return the time in seconds and that wait; tests pass a clock of their own.
    """

    def __init__(
        self,
        share: float | Mapping[str, float] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.sleep = sleep
        self._shares = _shares(share)
        self._clock = clock
        self._lock = threading.Lock()
        self._next_slot: dict[Bucket, float] = {}
        self._departures: dict[Bucket, _Departures] = {}
        self._stopped_by: KVSError | None = None

    def stop(self, error: KVSError) -> None:
        """Stop sending calls: each further :meth:`wait` raises ``error``, also in other threads."""
        self._stopped_by = error

    def wait(self, operation: str, channel: str | None = None) -> float:
        """Wait until the next call may be sent, and return the seconds that it took; without a quota there is no wait.

        Raises
        ------
        KVSError
            The error that :meth:`stop` was called with.
        """
        quota = quota_of(operation)
        waited = 0.0
        if quota is not None:
            share = self._shares[operation]
            if channel is not None and quota.channel is not None:
                # Before the account's bucket: a slot there must not be taken while one busy channel makes its caller wait.
                waited += self._wait_for((operation, channel), quota.channel, share)
            if quota.account is not None:
                waited += self._wait_for((operation, None), quota.account, share)
        if waited > LOGGED_WAIT_SECONDS:
            _logger.info("%s waited %.2f s for the rate limit", operation, waited)
        if self._stopped_by is not None:
            raise self._stopped_by
        return waited

    def _wait_for(self, bucket: Bucket, quota: float, share: float) -> float:
        """Wait for a slot, then until the previous call was sent: threads that wake up late would otherwise all send at once."""
        return self._wait_for_slot(bucket, 1 / (quota * share)) + self._wait_for_departure(bucket, 1 / quota)

    def _wait_for_slot(self, bucket: Bucket, gap: float) -> float:
        """Wait until ``gap`` seconds after the previous slot."""
        with self._lock:
            now = self._clock()
            slot = max(now, self._next_slot.get(bucket, now))
            self._next_slot[bucket] = slot + gap
            if len(self._next_slot) > MAX_BUCKETS:
                self._next_slot = {kept: free for kept, free in self._next_slot.items() if free > now}
        return self._sleep_until(slot, now)

    def _wait_for_departure(self, bucket: Bucket, gap: float) -> float:
        """Wait until ``gap`` seconds after the previous call was sent; a caller that wakes up late delays the next ones."""
        departures = self._departures_of(bucket)
        with departures.lock:
            now = self._clock()
            allowed = max(now, departures.next_allowed)
            waited = self._sleep_until(allowed, now)
            departures.next_allowed = max(allowed, self._clock()) + gap
        return waited

    def _departures_of(self, bucket: Bucket) -> _Departures:
        with self._lock:
            if len(self._departures) >= MAX_BUCKETS:
                now = self._clock()
                self._departures = {
                    kept: each
                    for kept, each in self._departures.items()
                    if each.next_allowed > now or each.lock.locked()
                }
            return self._departures.setdefault(bucket, _Departures())

    def _sleep_until(self, moment: float, now: float) -> float:
        if moment > now:
            self.sleep(moment - now)
        return moment - now


def _shares(share: float | Mapping[str, float] | None) -> dict[str, float]:
    operations = [*QUOTAS, *SIGNALING_QUOTAS]
    shares = dict.fromkeys(operations, DEFAULT_SHARE) | dict(SHARES_OF_CONNECTING_DEVICES)
    if isinstance(share, Mapping):
        unknown = sorted(map(str, set(share) - set(operations)))
        if unknown:
            raise InvalidInput(
                f"Unknown operations in share: {', '.join(unknown)}. Expected some of: {', '.join(operations)}."
            )
        shares |= share
    elif share is not None:
        shares = dict.fromkeys(operations, share)
    for operation, part in shares.items():
        if not _is_share(part):
            raise InvalidInput(
                f"share {format_value(part)} for {operation} is out of range. Expected a number above 0 and at most 1."
            )
    return shares


def _is_share(part: object) -> bool:
    return isinstance(part, int | float) and not isinstance(part, bool) and 0 < part <= 1
