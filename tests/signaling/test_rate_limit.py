"""Tests of MessageRateLimiter, on a clock that the tests move."""

from __future__ import annotations

import asyncio

import pytest

from kvs_notebook.signaling.rate_limit import MessageRateLimiter


def test_burst_leaves_at_once_and_the_rest_at_the_rate():
    now, sent = [0.0], []

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def main() -> None:
        limiter = MessageRateLimiter(lambda: now[0], sleep)
        for message_type in ["SDP_OFFER"] * 12 + ["ICE_CANDIDATE"] * 20:
            await limiter.wait(message_type)
            sent.append((message_type, now[0]))

    asyncio.run(main())
    assert [time for kind, time in sent if kind == "SDP_OFFER"] == pytest.approx([0] * 5 + [10 / 9] * 5 + [20 / 9] * 2)
    assert [time for kind, time in sent if kind == "ICE_CANDIDATE"] == pytest.approx([20 / 9] * 20)


def test_waiting_offers_delay_no_candidate():
    async def main() -> list[str]:
        elapsed, sent = asyncio.Event(), []

        async def sleep(_: float) -> None:
            await elapsed.wait()

        async def send(message_type: str, number: int) -> None:
            await limiter.wait(message_type)
            sent.append(f"{message_type} {number}")

        limiter = MessageRateLimiter(lambda: 0.0, sleep)
        async with asyncio.TaskGroup() as group:
            for number in range(7):
                group.create_task(send("SDP_OFFER", number))
            await group.create_task(send("ICE_CANDIDATE", 0))
            elapsed.set()
        return sent

    offers = [f"SDP_OFFER {number}" for number in range(7)]
    assert asyncio.run(main()) == [*offers[:5], "ICE_CANDIDATE 0", *offers[5:]]
