"""Keep one WebSocket connection under the published message rates."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from kvs_notebook.aws.quotas import MESSAGE_RATES
from kvs_notebook.aws.rate_limit import DEFAULT_SHARE


class MessageRateLimiter:
    """Keep one WebSocket connection under the rates of its messages.

    As many as may be sent in a second leave at once, for a call begins with a handful of candidates; then the next one waits
    until the first of them is a second, and a ninth of it more, ago. Each type of message has a queue of its own.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._left: dict[str, deque[float]] = {kind: deque(maxlen=int(rate)) for kind, rate in MESSAGE_RATES.items()}
        self._turns = {kind: asyncio.Lock() for kind in MESSAGE_RATES}

    async def wait(self, message_type: str) -> None:
        """Wait until the next message of a type may leave; whoever asks first leaves first."""
        left = self._left[message_type]
        async with self._turns[message_type]:
            if len(left) == left.maxlen:
                await self._sleep(max(0.0, left[0] + 1 / DEFAULT_SHARE - self._clock()))
            left.append(self._clock())
