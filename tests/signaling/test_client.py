"""Tests of SignalingClient: messages both ways, refusals, GO_AWAY, opening and closing."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from websockets.sync.client import connect

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.dataframes.schemas import MESSAGES
from kvs_notebook.signaling import client, supervisor, websocket
from kvs_notebook.signaling.client import SignalingClient
from kvs_notebook.signaling.messages import Answer, Candidate, Offer, ReconnectIceServer, Unknown
from kvs_notebook.signaling.rate_limit import MessageRateLimiter
from tests.signaling.event_loop import (
    BOUND_SECONDS,
    create_pair,
    run_bounded,
    wait_until,
)

LINE = "candidate:1 1 UDP 2122252543 192.0.2.7 54321 typ host"


@pytest.fixture
def unlimited_messages(monkeypatch) -> None:
    """Disable the waits between messages, for a sandbox without quotas."""
    monkeypatch.setattr(client, "MessageRateLimiter", lambda: MessageRateLimiter(sleep=lambda _: asyncio.sleep(0)))


# --- messages both ways


def test_offer_answer_and_candidates_arrive_both_ways(channel):
    async def main() -> None:
        camera, tablet = create_pair(channel)
        async with camera, tablet:
            assert (camera.role, camera.client_id, tablet.role, tablet.client_id) == (
                "MASTER",
                None,
                "VIEWER",
                "tablet",
            )
            await tablet.send_offer("v=0 offer")
            assert await anext(camera) == Offer("v=0 offer", "tablet")
            await camera.send_answer({"type": "answer", "sdp": "v=0 answer"}, recipient_client_id="tablet")
            assert await anext(tablet) == Answer("v=0 answer", None)
            await camera.send_offer({"type": "offer", "sdp": "v=0 of the camera's own"}, recipient_client_id="tablet")
            assert await anext(tablet) == Offer("v=0 of the camera's own")
            received = []
            for candidate in (LINE, {"candidate": LINE, "sdpMid": "1"}, Candidate(LINE, None, 2), ""):
                await tablet.send_candidate(candidate)
                received.append(await anext(camera))
                await camera.send_candidate(received[-1], recipient_client_id="tablet")
                returned = await anext(tablet)
                assert returned == Candidate(
                    received[-1].candidate, received[-1].sdp_mid, received[-1].sdp_m_line_index
                )
            assert received == [
                Candidate(LINE, "0", 0, "tablet"),
                Candidate(LINE, "1", None, "tablet"),
                Candidate(LINE, None, 2, "tablet"),
                Candidate("", "0", 0, "tablet"),
            ]

    run_bounded(main)


def test_message_waits_for_a_client_that_connects_later(channel):
    async def main() -> None:
        camera, tablet = create_pair(channel)
        async with tablet:
            await tablet.send_offer("v=0")
            await tablet.send_candidate(LINE)
            async with camera:
                assert [await anext(camera), await anext(camera)] == [
                    Offer("v=0", "tablet"),
                    Candidate(LINE, "0", 0, "tablet"),
                ]

    run_bounded(main)


MALFORMED = [b"v=0", b"[]", b'{"sdp": 7}', b"\xff", b"[" * 7_000]


def test_malformed_messages_are_unknown_and_iteration_continues(sandbox, channel):
    url = kvs.sign_url(channel, client_id="other").reveal()
    trust = ssl.create_default_context(cafile=sandbox.environment()["AWS_CA_BUNDLE"])
    encoded = [base64.b64encode(malformed).decode() for malformed in MALFORMED]

    def send_malformed() -> None:
        with connect(url, ssl=trust, proxy=None) as socket:
            for payload in encoded:
                socket.send(json.dumps({"Action": "SDP_OFFER", "action": "SDP_OFFER", "messagePayload": payload}))
            socket.send("{}")
            assert socket.ping().wait(10)

    async def main() -> None:
        camera, tablet = create_pair(channel)
        async with camera, tablet:
            await asyncio.to_thread(send_malformed)
            assert [await anext(camera) for _ in encoded] == [
                Unknown("SDP_OFFER", payload, "other") for payload in encoded
            ]
            await tablet.send_offer("v=0")
            assert await anext(camera) == Offer("v=0", "tablet")
            assert camera.connects == 1
            assert set(camera.messages["sender_client_id"]) == {"other", "tablet"}

    run_bounded(main)


def test_messages_frame_has_sent_and_received_messages(channel):
    async def main() -> tuple[pd.DataFrame, pd.DataFrame, str]:
        camera, tablet = create_pair(channel)
        for empty in (camera.messages, tablet.messages):
            assert dict(empty.dtypes.astype(str)) == dict(MESSAGES)
            assert len(empty) == 0
        async with camera, tablet:
            sent = await tablet.send_offer("v=0")
            await anext(camera)
            await camera.send_answer("v=1", recipient_client_id="tablet")
            await anext(tablet)
        return camera.messages, tablet.messages, sent

    camera, tablet, sent = run_bounded(main)
    for frame in (camera, tablet):
        assert dict(frame.dtypes.astype(str)) == dict(MESSAGES)
        assert frame["time"].is_monotonic_increasing
        assert frame["error_code"].isna().all()
    columns = ["direction", "message_type", "sender_client_id", "recipient_client_id"]
    assert camera[columns].astype(object).where(camera[columns].notna(), None).to_numpy().tolist() == [
        ["received", "SDP_OFFER", "tablet", None],
        ["sent", "SDP_ANSWER", None, "tablet"],
    ]
    assert tablet[columns].astype(object).where(tablet[columns].notna(), None).to_numpy().tolist() == [
        ["sent", "SDP_OFFER", "tablet", None],
        ["received", "SDP_ANSWER", None, "tablet"],
    ]
    assert tablet["correlation_id"][0] == sent
    assert json.loads(camera["message_payload"][0]) == {"type": "offer", "sdp": "v=0"}


# --- refusals


@pytest.mark.parametrize(
    ("role", "send", "because"),
    [
        ("MASTER", lambda one: one.send_offer("v=0"), "A MASTER needs recipient_client_id="),
        (
            "MASTER",
            lambda one: one.send_answer("v=0", recipient_client_id="AWS_x"),
            "has the prefix AWS_, reserved by AWS",
        ),
        ("MASTER", lambda one: one.send_candidate(LINE, recipient_client_id=""), "has 0 characters"),
        (
            "VIEWER",
            lambda one: one.send_offer("v=0", recipient_client_id="lobby"),
            "A viewer sends to the MASTER only",
        ),
        ("VIEWER", lambda one: one.send_offer("x" * 8_000), "characters in base64 \\(maximum 10,000\\)"),
        ("VIEWER", lambda one: one.send_candidate("x" * 8_000), "characters in base64 \\(maximum 10,000\\)"),
        ("VIEWER", lambda one: one.send_offer({"type": "answer", "sdp": "v=0"}), "Not a valid SDP offer"),
        ("VIEWER", lambda one: one.send_answer(""), "Not a valid SDP answer"),
        ("VIEWER", lambda one: one.send_candidate({}), "Not a valid ICE candidate"),
    ],
)
def test_invalid_message_is_refused_before_it_is_sent(channel, role, send, because):
    async def main() -> None:
        async with kvs.open_signaling(channel, role=role, client_id=None if role == "MASTER" else "tablet") as one:
            with pytest.raises(errors.InvalidInput, match=because):
                await send(one)
            assert one.messages.empty
            assert len(one._refusals) == 0

    run_bounded(main)


@pytest.fixture
def strict() -> Iterator[pd.DataFrame]:
    """Return a channel with a smaller burst than the client's, and which refuses messages to absent viewers."""
    assumptions = kvs.Assumptions(absent_viewer="not_found", quota_burst=4)
    with kvs.Sandbox(clock="stepped", assumptions=assumptions) as sandbox:
        set_current(sandbox.connection())
        yield kvs.create_channel("front-door")


def test_iteration_raises_refusal_and_continues(strict):
    async def main() -> None:
        camera, tablet = create_pair(strict)
        async with camera, tablet:
            sent = [await tablet.send_offer(f"v={number}") for number in range(5)]
            with pytest.raises(errors.Throttled, match="SendSDPOffer failed for the MASTER") as raised:
                await anext(tablet)
            assert (raised.value.code, raised.value.operation) == ("ClientLimitExceededException", "SendSDPOffer")
            assert "5 offers, 5 answers and 20 candidates a second" in str(raised.value)
            await camera.send_answer("v=0", recipient_client_id="tablet")
            assert await anext(tablet) == Answer("v=0")
            assert [await anext(camera) for _ in range(4)] == [Offer(f"v={number}", "tablet") for number in range(4)]
            refusal = tablet.messages.query("message_type == 'STATUS_RESPONSE'").iloc[0]
            assert refusal["correlation_id"] == sent[-1]
            assert refusal["error_code"] == "ClientLimitExceededException"
            assert refusal["direction"] == "received"

    run_bounded(main)


def test_sends_stay_below_the_message_rates():
    with kvs.Sandbox(clock="stepped") as sandbox:
        set_current(sandbox.connection())
        channel = kvs.create_channel("front-door")

        async def main() -> None:
            camera, tablet = create_pair(channel)
            async with camera, tablet:
                async with asyncio.TaskGroup() as group:
                    for number in range(7):
                        group.create_task(tablet.send_offer(f"v={number}"))
                assert [await anext(camera) for _ in range(7)] == [Offer(f"v={n}", "tablet") for n in range(7)]
                assert set(tablet.messages["message_type"]) == {"SDP_OFFER"}

        run_bounded(main)


def test_send_with_refusal_timeout_raises_its_refusal(strict):
    async def main() -> None:
        async with kvs.open_signaling(strict, role="MASTER") as camera:
            with pytest.raises(errors.ChannelNotFound, match="SendSDPAnswer failed for lobby.*ResourceNotFound"):
                await camera.send_answer("v=0", recipient_client_id="lobby", refusal_timeout=10)
            assert camera._inbox.empty()
            async with kvs.open_signaling(strict, client_id="lobby"):
                assert await camera.send_answer("v=0", recipient_client_id="lobby", refusal_timeout=0.05)
            await camera.send_candidate(LINE, recipient_client_id="lobby")
            with pytest.raises(errors.ChannelNotFound, match="SendICECandidate failed for lobby"):
                await anext(camera)

    run_bounded(main)


def test_refusal_that_arrives_during_the_send_is_raised(strict):
    async def main() -> None:
        async with kvs.open_signaling(strict, role="MASTER") as camera:
            run = camera._supervisor.run

            async def slowly(act: Any) -> Any:
                result = await run(act)
                await wait_until(lambda: "STATUS_RESPONSE" in set(camera.messages["message_type"]))
                return result

            camera._supervisor.run = slowly  # type: ignore[method-assign]
            await camera.send_answer("v=0", recipient_client_id="lobby")
            with pytest.raises(errors.ChannelNotFound, match="lobby"):
                await anext(camera)

    run_bounded(main)


# --- what the service says by itself


def test_reconnect_ice_server_is_a_message(sandbox, channel):
    async def main() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            assert sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER") == 1
            assert await anext(tablet) == ReconnectIceServer()
            assert tablet.connects == 1
            assert tablet.messages["message_type"].tolist() == ["RECONNECT_ICE_SERVER"]

    run_bounded(main)


def test_go_away_loses_and_reorders_no_message(sandbox, channel, unlimited_messages):
    count = 400

    async def main() -> None:
        camera, tablet = create_pair(channel)
        async with camera, tablet:

            async def send(one: SignalingClient, to: str | None) -> None:
                for number in range(count):
                    await one.send_candidate(f"{number}", recipient_client_id=to)
                    await asyncio.sleep(0)
                    if number % 100 == 50:
                        before = one.connects
                        sandbox_told = asyncio.to_thread(sandbox.send_notice, "front-door", "GO_AWAY")
                        assert await sandbox_told >= 2
                        if number % 200 == 50:
                            await wait_until(lambda before=before: one.connects > before)

            async def receive(one: SignalingClient) -> list[str]:
                return [(await anext(one)).candidate for _ in range(count)]

            async with asyncio.TaskGroup() as group:
                arrived = [group.create_task(receive(camera)), group.create_task(receive(tablet))]
                group.create_task(send(camera, "tablet"))
                group.create_task(send(tablet, None))
            in_order = [f"{number}" for number in range(count)]
            assert [task.result() for task in arrived] == [in_order, in_order]
            assert camera.connects > 2
            assert tablet.connects > 2
            assert "GO_AWAY" in set(camera.messages["message_type"])
            await wait_until(lambda: len(connected_clients(sandbox)) == 2)
            for one in (camera, tablet):
                candidates = one.messages.query("message_type == 'ICE_CANDIDATE'")
                assert candidates["direction"].value_counts().to_dict() == {"sent": count, "received": count}

    run_bounded(main)


def connected_clients(sandbox: kvs.Sandbox) -> range:
    """Return a range as long as the number of connected clients."""
    return range(sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER"))


def test_messages_between_go_away_and_new_connection_are_read(sandbox, channel, unlimited_messages):
    count = 500

    async def main() -> None:
        camera, tablet = create_pair(channel)
        async with camera, tablet:
            opening, waiting = camera._connector.open, asyncio.Event()

            async def late(*given: Any) -> Any:
                await waiting.wait()
                return await opening(*given)

            camera._connector.open = late  # type: ignore[method-assign]
            sandbox.send_notice("front-door", "GO_AWAY")
            await wait_until(lambda: "GO_AWAY" in set(camera.messages["message_type"]))
            for number in range(count):
                await tablet.send_candidate(f"{number}" + "x" * 500)
            waiting.set()
            arrived = [int((await anext(camera)).candidate.rstrip("x")) for _ in range(count)]
            assert arrived == list(range(count))

    run_bounded(main)


def test_send_during_move_waits_for_the_old_connection(sandbox, channel, monkeypatch):
    async def main() -> None:
        camera, tablet = create_pair(channel)
        async with camera, tablet:
            close_websocket, carried = supervisor.close_websocket, asyncio.Event()

            async def late(socket: Any) -> None:
                await carried.wait()
                await close_websocket(socket)

            with monkeypatch.context() as patched:
                patched.setattr(supervisor, "close_websocket", late)
                sandbox.send_notice("front-door", "GO_AWAY")
                await wait_until(lambda: tablet.connects == 2)
                assert repr(tablet) == "<SignalingClient: VIEWER tablet on front-door, connected>"
                sending = asyncio.create_task(tablet.send_offer("v=0"))
                await asyncio.wait([sending], timeout=0.05)
                assert not sending.done()
                carried.set()
                await sending
            assert await anext(camera) == Offer("v=0", "tablet")

    run_bounded(main)


# --- coming and going


def test_close_ends_every_iteration(channel):
    async def main() -> None:
        tablet = kvs.open_signaling(channel, client_id="tablet")

        async def listen() -> list[Any]:
            return [message async for message in tablet]

        async with asyncio.TaskGroup() as group, tablet:
            listeners = [group.create_task(listen()) for _ in range(3)]
            await asyncio.sleep(0)
        assert [listener.result() for listener in listeners] == [[], [], []]
        assert await listen() == []

    run_bounded(main)


def test_messages_received_before_close_can_be_read_afterwards(sandbox, channel):
    async def main() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER")
            await wait_until(lambda: len(tablet.messages) == 1)
        assert [message async for message in tablet] == [ReconnectIceServer()]

    run_bounded(main)


def test_second_close_does_nothing(sandbox, channel):
    async def main() -> None:
        tablet = kvs.open_signaling(channel, client_id="tablet")
        await tablet.close()
        async with tablet:
            await tablet.close()
            await tablet.close()
        await tablet.close()
        await wait_until(lambda: not connected_clients(sandbox))

    run_bounded(main)


def test_client_outside_its_block_raises_invalid_input(channel):
    async def main() -> None:
        tablet = kvs.open_signaling(channel, client_id="tablet")
        assert repr(tablet) == "<SignalingClient: VIEWER tablet on front-door, not connected>"
        for act in (tablet.send_offer("v=0"), tablet.send_candidate(LINE), tablet.ping(), anext(tablet)):
            with pytest.raises(errors.InvalidInput, match="Use it inside 'async with', or open\\(\\) it"):
                await act
        async with tablet:
            assert repr(tablet) == "<SignalingClient: VIEWER tablet on front-door, connected>"
        assert repr(tablet) == "<SignalingClient: VIEWER tablet on front-door, not connected>"
        for act in (tablet.send_answer("v=0"), tablet.ping()):
            with pytest.raises(errors.InvalidInput, match="The signaling client is not connected"):
                await act

    run_bounded(main)


def test_close_ends_a_send_that_waits_for_a_connection(channel):
    async def main() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            never = asyncio.Event()
            tablet._connector.open = lambda _: never.wait()  # type: ignore[method-assign, assignment, return-value]
            tablet._supervisor._socket.transport.abort()
            await wait_until(lambda: "not connected" in repr(tablet))
            sending = asyncio.create_task(tablet.send_offer("v=0"))
            await asyncio.sleep(0)
        with pytest.raises(errors.InvalidInput, match="The signaling client is not connected"):
            await sending

    run_bounded(main)


def test_failed_reconnect_ends_a_wait_for_a_refusal(channel):
    async def main() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            sending = asyncio.create_task(tablet.send_offer("v=0", refusal_timeout=BOUND_SECONDS))
            await wait_until(lambda: len(tablet.messages) == 1)

            async def lost(_: Any) -> Any:
                raise errors.EndpointUnreachable("The endpoint did not answer.")

            tablet._connector.open = lost  # type: ignore[method-assign]
            tablet._supervisor._socket.transport.abort()
            with pytest.raises(errors.EndpointUnreachable, match="The endpoint did not answer"):
                await sending

    run_bounded(main)


def test_masters_that_displace_each_other_give_up(monkeypatch):
    monkeypatch.setattr(websocket, "FIRST_WAIT_SECONDS", 0.001)
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(displaced_peer="closed")) as sandbox:
        connection = sandbox.connection()
        monkeypatch.setattr(connection.rate_limiter, "sleep", lambda _: None)
        channel = kvs.create_channel("front-door", connection=connection)

        async def main() -> None:
            cameras = [kvs.open_signaling(channel, role="MASTER", connection=connection) for _ in range(2)]
            async with cameras[0], cameras[1]:
                ended = [asyncio.ensure_future(anext(camera)) for camera in cameras]
                await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
                loser = next(one for one in ended if one.done())
                with pytest.raises(
                    errors.EndpointUnreachable, match="8 connections in a row ended within 10 s.*another MASTER"
                ):
                    await loser
                assert max(camera.connects for camera in cameras) <= supervisor.MAX_BRIEF_CONNECTIONS + 1
            await asyncio.wait(ended)
            assert {type(one.exception()) for one in ended} == {errors.EndpointUnreachable, StopAsyncIteration}

        run_bounded(main)


def test_occasional_breaks_are_reconnected_without_limit(channel, monkeypatch):
    monkeypatch.setattr(supervisor, "BRIEF_SECONDS", 0.0)

    async def main() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            for number in range(supervisor.MAX_BRIEF_CONNECTIONS + 2):
                assert tablet.connects == number + 1
                tablet._supervisor._socket.transport.abort()
                await wait_until(lambda: tablet.connects == number + 2)  # noqa: B023 - waited for in its own round

    run_bounded(main)


def test_open_refuses_a_connected_client(sandbox, channel):
    async def main() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            with pytest.raises(errors.InvalidInput, match="already connected. Call close"):
                await tablet.open()
            assert len(connected_clients(sandbox)) == 1

    run_bounded(main)


def test_closed_client_may_open_again_on_another_loop(channel):
    camera, tablet = create_pair(channel)

    async def main() -> None:
        async with camera, tablet:
            listening = asyncio.create_task(anext(tablet))
            await tablet.send_offer("v=0")
            assert await anext(camera) == Offer("v=0", "tablet")
            await camera.send_answer("v=1", recipient_client_id="tablet")
            assert await listening == Answer("v=1")

    for times in (1, 2, 3):
        run_bounded(main)
        assert (camera.connects, tablet.connects) == (times, times)
    assert len(tablet.messages) == 6


def test_error_inside_the_block_propagates_and_disconnects(sandbox, channel):
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            async with kvs.open_signaling(channel, client_id="tablet"):
                _ = 1 / 0
        await wait_until(lambda: not connected_clients(sandbox))

    run_bounded(main)
