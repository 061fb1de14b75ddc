"""Rate limits of messages on one WebSocket, on a clock that tests move."""

from __future__ import annotations

import asyncio

import pytest

from kvs_notebook.signaling.rate_limit import MessageRateLimiter


def test_messages_are_sent_in_bursts_of_one_second():
    now = 0.0
    sent: list[tuple[str, float]] = []

    async def send(limiter: MessageRateLimiter, message_type: str) -> None:
        await limiter.wait(message_type)
        sent.append((message_type, now))

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def run() -> None:
        limiter = MessageRateLimiter(lambda: now, sleep)
        for _ in range(12):
            await send(limiter, "SDP_OFFER")
        for _ in range(20):
            await send(limiter, "ICE_CANDIDATE")

    asyncio.run(run())
    assert [when for kind, when in sent if kind == "SDP_OFFER"] == pytest.approx([0] * 5 + [10 / 9] * 5 + [20 / 9] * 2)
    assert [when for kind, when in sent if kind == "ICE_CANDIDATE"] == pytest.approx([20 / 9] * 20)


def test_waiting_offers_do_not_delay_candidates():
    async def run() -> list[str]:
        resume, sent = asyncio.Event(), []

        async def sleep(_: float) -> None:
            await resume.wait()

        async def send(message_type: str, number: int) -> None:
            await limiter.wait(message_type)
            sent.append(f"{message_type} {number}")

        limiter = MessageRateLimiter(lambda: 0.0, sleep)
        async with asyncio.TaskGroup() as group:
            for number in range(7):
                group.create_task(send("SDP_OFFER", number))
            candidate = group.create_task(send("ICE_CANDIDATE", 0))
            await candidate
            resume.set()
        return sent

    offers = [f"SDP_OFFER {number}" for number in range(7)]
    assert asyncio.run(run()) == [*offers[:5], "ICE_CANDIDATE 0", *offers[5:]]
