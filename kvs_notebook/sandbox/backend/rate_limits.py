"""Published request and message rates as the service enforces them: per account and region, per channel, per connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from kvs_notebook.aws.quotas import MESSAGE_RATES, quota_of
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.backend.context import Caller
from kvs_notebook.sandbox.backend.validation import ServiceError

SWEEP_ABOVE = 10_000
"""Number of buckets above which the full ones are dropped."""

ROUNDING = 1e-9


class RateLimits:
    """Limit requests and messages by token buckets on wall time.

    The size of a burst is not published: it is ``assumptions.quota_burst``.
    """

    def __init__(
        self, assumptions: Assumptions, clock: Callable[[], float] = time.monotonic, *, enabled: bool = True
    ) -> None:
        self.enabled = enabled
        self._burst = assumptions.quota_burst
        self._clock = clock
        self._full_again: dict[Hashable, float] = {}  # by bucket, the time at which it will be full
        self._sweep_above = SWEEP_ABOVE

    def count_request(self, caller: Caller, operation: str, channel: str | None) -> None:
        """Count one request against the operation's quotas; a request that one of them rejects counts against none.

        Parameters
        ----------
        caller
            Its account and region have quotas of their own.
        operation
            An operation without a published quota is not limited.
        channel
            The name of the channel, if the operation names one.

        Raises
        ------
        ServiceError
            ClientLimitExceededException, with the message observed for video streams.
        """
        quota = quota_of(operation)
        if not self.enabled or quota is None:
            return
        now = self._clock()
        account = (caller.account_id, caller.region, operation)
        account_full = now if quota.account is None else self._after_one_more(account, quota.account, now)
        if account_full is None:
            raise account_limit_exceeded(operation)
        if quota.channel is not None and channel is not None:
            of_channel = (*account, channel)
            channel_full = self._after_one_more(of_channel, quota.channel, now)
            if channel_full is None:
                raise _exceeded(f"Limit exceeded on number of requests for {operation} API for resource '{channel}'")
            self._full_again[of_channel] = channel_full
        self._full_again[account] = account_full
        if len(self._full_again) > self._sweep_above:
            self._sweep(now)

    def count_message(self, connection: Hashable, message_type: str) -> None:
        """Count one message against what a WebSocket connection may send.

        Raises
        ------
        ServiceError
            ClientLimitExceededException.
        """
        if not self.enabled:
            return
        bucket = (connection, message_type)
        full = self._after_one_more(bucket, MESSAGE_RATES[message_type], self._clock())
        if full is None:
            raise _exceeded(f"Limit exceeded on number of {message_type} messages for this connection")
        self._full_again[bucket] = full

    def _after_one_more(self, bucket: Hashable, rate: float, now: float) -> float | None:
        """Return the time at which the bucket will be full after one more request; None if it is empty."""
        capacity = rate if self._burst is None else self._burst
        full = max(self._full_again.get(bucket, now), now) + 1 / rate
        return full if full - now <= capacity / rate + ROUNDING else None

    def _sweep(self, now: float) -> None:
        self._full_again = {bucket: full for bucket, full in self._full_again.items() if full > now}
        self._sweep_above = max(SWEEP_ABOVE, 2 * len(self._full_again))


def account_limit_exceeded(operation: str) -> ServiceError:
    """Return the error for an account that exceeds an operation's rate."""
    return _exceeded(f"Limit exceeded on number of requests for {operation} API")


def _exceeded(message: str) -> ServiceError:
    return ServiceError("ClientLimitExceededException", message)
