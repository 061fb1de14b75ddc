"""Tests of reconnecting to a sandbox: broken, idle and refused connections."""

from __future__ import annotations

import asyncio
import re

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.signaling import websocket
from kvs_notebook.signaling.client import SignalingClient
from kvs_notebook.signaling.messages import Offer
from tests.signaling.event_loop import (
    BOUND_SECONDS,
    break_connection,
    create_tablet,
    run_bounded,
    wait_until,
)


async def exchange_offers(camera: SignalingClient, tablet: SignalingClient, sdp: str, *, first: str = "tablet") -> None:
    """Send an offer each way; the client whose connection broke sends first, since the service may not have noticed yet."""
    for speaker in sorted(("camera", "tablet"), key=first.__ne__):
        if speaker == "tablet":
            await tablet.send_offer(sdp)
            assert await anext(camera) == Offer(sdp, "tablet")
        else:
            await camera.send_offer(sdp, recipient_client_id="tablet")
            assert await anext(tablet) == Offer(sdp)


# --- reconnected


def test_broken_connection_is_reconnected_on_both_sides(channel, fast_retries):
    async def main() -> None:
        async with kvs.open_signaling(channel, role="MASTER") as camera, create_tablet(channel) as tablet:
            await exchange_offers(camera, tablet, "v=0")
            for number in range(1, 4):
                await break_connection(tablet)
                await exchange_offers(camera, tablet, f"v={number} from the tablet")
                await break_connection(camera)
                await exchange_offers(camera, tablet, f"v={number} from the camera", first="camera")
                assert (camera.connects, tablet.connects) == (number + 1, number + 1)

    run_bounded(main)


def test_connection_closed_as_idle_is_reconnected(sandbox, channel, fast_retries):
    async def main() -> None:
        async with kvs.open_signaling(channel, role="MASTER") as camera, create_tablet(channel) as tablet:
            sandbox.advance(601)
            await wait_until(lambda: (camera.connects, tablet.connects) == (2, 2))
            await exchange_offers(camera, tablet, "v=0")

    run_bounded(main)


def test_pings_keep_a_silent_connection_open(sandbox, channel, monkeypatch):
    monkeypatch.setattr(websocket, "PING_SECONDS", 0.4)

    async def main() -> None:
        async with create_tablet(channel) as tablet:
            for _ in range(2):
                before = tablet._supervisor._socket.latency
                sandbox.advance(599)
                await wait_until(lambda before=before: tablet._supervisor._socket.latency != before)
            assert tablet.connects == 1

    run_bounded(main)


def test_reconnect_retries_temporary_faults(sandbox, channel, fast_retries):
    async def main() -> None:
        async with create_tablet(channel) as tablet:
            sandbox.faults.add("ConnectAsViewer", "error", times=2)
            sandbox.faults.add("ConnectAsViewer", "reset", times=2)
            sandbox.faults.add("ConnectAsViewer", "throttle", times=2)
            await break_connection(tablet)
            await wait_until(lambda: tablet.connects == 2)
            assert await tablet.ping() > 0

    run_bounded(main)


def test_pings_and_sends_wait_for_the_next_connection(sandbox, channel, fast_retries):
    async def main() -> None:
        async with kvs.open_signaling(channel, role="MASTER") as camera, create_tablet(channel) as tablet:
            await break_connection(tablet)
            assert 0 < await tablet.ping() < BOUND_SECONDS
            await break_connection(tablet)
            await tablet.send_offer("v=0")
            assert await anext(camera) == Offer("v=0", "tablet")

    run_bounded(main)


# --- given up


def test_stopped_sandbox_ends_iteration_and_sends(fast_retries, monkeypatch):
    attempts = []
    prepare = websocket.WebSocketConnector._prepare
    monkeypatch.setattr(websocket.WebSocketConnector, "_prepare", lambda self: attempts.append(1) or prepare(self))

    async def main() -> None:
        sandbox = await asyncio.to_thread(kvs.Sandbox, clock="stepped")
        connection = sandbox.connection()
        channel = kvs.create_channel("front-door", connection=connection)
        tablet = await kvs.open_signaling(channel, client_id="tablet", connection=connection).open()
        attempts.clear()
        await asyncio.to_thread(sandbox.stop)
        sending = asyncio.create_task(tablet.send_offer("v=0"))
        with pytest.raises(errors.EndpointUnreachable, match=re.escape("kvs.use_sandbox()")):
            async for _ in tablet:
                pass
        with pytest.raises(errors.EndpointUnreachable):
            await sending
        assert len(attempts) == websocket.MAX_ATTEMPTS
        assert [message async for message in tablet] == []
        for act in (tablet.send_candidate("x"), tablet.ping()):
            with pytest.raises(errors.EndpointUnreachable):
                await act
        assert repr(tablet) == "<SignalingClient: VIEWER tablet on front-door, failed>"
        await tablet.close()

    run_bounded(main)


def test_permanent_refusal_ends_reconnecting_at_once(sandbox, channel, fast_retries):
    async def main() -> None:
        async with create_tablet(channel) as tablet:
            sandbox.deny("kinesisvideo:ConnectAsViewer")
            await break_connection(tablet)
            with pytest.raises(errors.AccessDenied):
                await anext(tablet)
            assert sandbox.requests["operation"].tolist().count("ConnectAsViewer") == 2

    run_bounded(main)


def test_unexpected_error_of_reconnect_is_raised(channel, connection, fast_retries, monkeypatch):
    async def main() -> None:
        async with create_tablet(channel) as tablet:
            monkeypatch.setattr(connection, "tls_context", lambda _: {}["nothing"])
            await break_connection(tablet)
            with pytest.raises(KeyError):
                await anext(tablet)
            with pytest.raises(KeyError):
                await tablet.send_offer("v=0")

    run_bounded(main)
