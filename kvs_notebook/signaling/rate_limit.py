"""Limit the messages of one WebSocket connection to the published rates."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from kvs_notebook.aws.quotas import MESSAGE_RATES
from kvs_notebook.aws.rate_limit import DEFAULT_SHARE


class MessageRateLimiter:
    """Limit the messages of one WebSocket connection to a share of the published rates.

    As many messages as a second admits leave at once, because a WebRTC call begins with a handful of candidates. The next one
    waits until the first of them left 1/0.9 seconds ago. Each message type has a queue of its own.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._sent_at: dict[str, deque[float]] = {kind: deque(maxlen=int(rate)) for kind, rate in MESSAGE_RATES.items()}
        self._locks = {kind: asyncio.Lock() for kind in MESSAGE_RATES}

    async def wait(self, message_type: str) -> None:
        """Wait until the next message of a type may leave; callers are served in FIFO order."""
        sent_at = self._sent_at[message_type]
        async with self._locks[message_type]:
            if len(sent_at) == sent_at.maxlen:
                await self._sleep(max(0.0, sent_at[0] + 1 / DEFAULT_SHARE - self._clock()))
            sent_at.append(self._clock())
