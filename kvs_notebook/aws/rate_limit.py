"""Keep under the service's quotas: a bucket per operation (and channel), and bounded retries of throttled calls.

botocore makes one attempt on ClientLimitExceededException in every retry mode, so throttling is this room's work. The account's
quotas are shared with every device that connects: a connection takes a share of them, 0.9 by default and 0.5 for the calls
that each device makes when it connects.

The buckets are our own because pyrate-limiter counts in whole milliseconds and refills in windows: 49 requests a second come
out as 47.6 or 50, and a window's burst is refused by a service that allows a smaller one. The retries are tenacity's.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from kvs_notebook.aws.quotas import QUOTAS, SIGNALING_QUOTAS, quota_of
from kvs_notebook.errors import InvalidInput, KVSError, Throttled

DEFAULT_SHARE = 0.9
SHARES_OF_CONNECTING_DEVICES: Mapping[str, float] = {
    "DescribeSignalingChannel": 0.5,
    "GetSignalingChannelEndpoint": 0.5,
    "GetIceServerConfig": 0.5,
    "ConnectAsMaster": 0.5,
    "ConnectAsViewer": 0.5,
}

MAX_ATTEMPTS = 8
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0
FORGET_ABOVE = 10_000


Bucket: TypeAlias = "tuple[str, str | None]"
"""An operation, and the channel that it is about where the quota is a channel's."""

Result = TypeVar("Result")


@dataclass(slots=True)
class _Door:
    """Where one caller of a bucket passes at a time."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    shut_until: float = -math.inf


class RateLimiter:
    """Space out the calls of one account and region.

    Each bucket holds one request and refills at ``share`` of the published quota, so that calls leave evenly spaced. All
    threads of a connection share its buckets.

    Parameters
    ----------
    share
        The part of each quota to use, above 0 and at most 1: one number for all operations, or a mapping of operation
        to number (``{"ListTagsForResource": 0.98}``) over the defaults.

    Attributes
    ----------
    throttles
        How many calls were refused as too many.
    came_back
        When a call last came back, whatever came of it, and before the first one when this was made, by the clock.
    """

    def __init__(
        self,
        share: float | Mapping[str, float] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._shares = _shares(share)
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_turn: dict[Bucket, float] = {}
        self._doors: dict[Bucket, _Door] = {}
        self._shut: KVSError | None = None
        self.throttles = 0
        self.came_back = clock()

    def shut(self, why: KVSError) -> None:
        """Let no further call leave: each raises ``why``, in other threads, too. What has left is not called back."""
        self._shut = why

    def wait(self, operation: str, channel: str | None = None) -> float:
        """Wait until the next call may leave, and give the seconds that it took; an operation without a quota never waits."""
        quota = quota_of(operation)
        if quota is None:
            return 0.0
        share = self._shares[operation]
        waited = 0.0
        if channel is not None and quota.channel is not None:
            # Before the account's bucket: a turn there must not be held while one busy channel makes its caller wait.
            waited += self._take((operation, channel), quota.channel, share)
        if quota.account is not None:
            waited += self._take((operation, None), quota.account, share)
        return waited

    def _take(self, bucket: Bucket, quota: float, share: float) -> float:
        """Wait for a turn, and then at the door: threads that are held up past their turns would leave all at once."""
        return self._await_turn(bucket, 1 / (quota * share)) + self._pass_door(bucket, 1 / quota)

    def _await_turn(self, bucket: Bucket, gap: float) -> float:
        """Wait until ``gap`` seconds after the turn before."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next_turn.get(bucket, now))
            self._next_turn[bucket] = turn + gap
            if len(self._next_turn) > FORGET_ABOVE:
                self._next_turn = {passed: free for passed, free in self._next_turn.items() if free > now}
        return self._sleep_until(turn, now)

    def _pass_door(self, bucket: Bucket, gap: float) -> float:
        """Wait until ``gap`` seconds after the caller before really left; who wakes late holds up those behind."""
        with self._lock:
            if len(self._doors) >= FORGET_ABOVE:
                now = self._clock()
                self._doors = {
                    passed: door for passed, door in self._doors.items() if door.shut_until > now or door.lock.locked()
                }
            door = self._doors.setdefault(bucket, _Door())
        with door.lock:
            now = self._clock()
            leave = max(now, door.shut_until)
            waited = self._sleep_until(leave, now)
            door.shut_until = max(leave, self._clock()) + gap
        return waited

    def _sleep_until(self, moment: float, now: float) -> float:
        if moment > now:
            self._sleep(moment - now)
        return moment - now

    def run(self, operation: str, channel: str | None, call: Callable[[], Result]) -> Result:
        """Make a call when its turn comes, and again after each Throttled, at most 8 times; then let Throttled through.

        The waits between are random up to a bound that doubles (full jitter), so that clients that were refused
        together do not come back together.
        """
        import tenacity  # with it comes tornado, where that is installed: not before the first call

        def attempt() -> Result:
            self.wait(operation, channel)
            if self._shut is not None:
                raise self._shut
            try:
                return call()
            except Throttled:
                self._count_throttle()
                raise
            finally:
                self.came_back = self._clock()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Throttled),
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
            wait=tenacity.wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(attempt)

    def _count_throttle(self) -> None:
        with self._lock:
            self.throttles += 1


def _shares(share: float | Mapping[str, float] | None) -> dict[str, float]:
    operations = [*QUOTAS, *SIGNALING_QUOTAS]
    shares = dict.fromkeys(operations, DEFAULT_SHARE) | dict(SHARES_OF_CONNECTING_DEVICES)
    if isinstance(share, Mapping):
        unknown = sorted(set(share) - set(operations))
        if unknown:
            raise InvalidInput(f"share names {', '.join(unknown)}: the operations are {', '.join(operations)}.")
        shares |= share
    elif share is not None:
        shares = dict.fromkeys(operations, share)
    for operation, part in shares.items():
        if not 0 < part <= 1:
            raise InvalidInput(f"share {part!r} for {operation}: give a part of the quota, above 0 and at most 1.")
    return shares
