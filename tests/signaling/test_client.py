"""Peers: messages as values both ways, refusals where they belong, and connections that outlive GO_AWAY and broken lines."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pandas as pd
import pytest
from websockets.sync.client import connect

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.dataframes.schemas import MESSAGES
from kvs_notebook.signaling import client, websocket
from kvs_notebook.signaling.messages import Answer, Candidate, Offer, ReconnectIceServer, Unknown
from kvs_notebook.signaling.rate_limit import MessageRateLimiter

LINE = "candidate:1 1 UDP 2122252543 192.0.2.7 54321 typ host"
BOUND_SECONDS = 30


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[kvs.Sandbox, Connection]]:
    """One sandbox for all that is asked here: starting it takes longer than what is asked."""
    with kvs.Sandbox(clock="stepped", quotas=False) as started:
        yield started, started.connection()


@pytest.fixture
def sandbox(shared) -> kvs.Sandbox:
    shared[0].reset()
    return shared[0]


@pytest.fixture
def connection(sandbox, shared, monkeypatch) -> Connection:
    """Its connection, which does not wait for its turn."""
    monkeypatch.setattr(shared[1].rate_limiter, "sleep", lambda _: None)
    set_current(shared[1])
    return shared[1]


@pytest.fixture
def channel(connection) -> pd.DataFrame:
    return kvs.create_channel("front-door")


@pytest.fixture
def unpaced(monkeypatch) -> None:
    """Let messages leave as fast as they can, which a sandbox without quotas admits."""
    monkeypatch.setattr(client, "MessageRateLimiter", lambda: MessageRateLimiter(sleep=lambda _: asyncio.sleep(0)))


def play(scene: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Play a scene on a loop of its own, within bounds; it leaves no task behind."""

    async def bounded() -> Any:
        async with asyncio.timeout(BOUND_SECONDS):
            result = await scene()
            for _ in range(3):  # what was cancelled at the end gets to know of it
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return result

    return asyncio.run(bounded())


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - whatever it is, nobody tells
        await asyncio.sleep(0.002)


def camera_and_tablet(channel: pd.DataFrame) -> tuple[kvs.Peer, kvs.Peer]:
    return kvs.open_signaling(channel, role="MASTER"), kvs.open_signaling(channel, client_id="tablet")


# --- messages both ways


def test_a_call_is_an_offer_an_answer_and_candidates_both_ways(channel):
    async def scene() -> None:
        camera, tablet = camera_and_tablet(channel)
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
            came = []
            for candidate in (LINE, {"candidate": LINE, "sdpMid": "1"}, Candidate(LINE, None, 2), ""):
                await tablet.send_candidate(candidate)
                came.append(await anext(camera))
                await camera.send_candidate(came[-1], recipient_client_id="tablet")
                returned = await anext(tablet)
                assert returned == Candidate(came[-1].candidate, came[-1].sdp_mid, came[-1].sdp_m_line_index)
            assert came == [
                Candidate(LINE, "0", 0, "tablet"),
                Candidate(LINE, "1", None, "tablet"),
                Candidate(LINE, None, 2, "tablet"),
                Candidate("", "0", 0, "tablet"),
            ]

    play(scene)


def test_a_message_waits_for_a_peer_that_connects_later(channel):
    async def scene() -> None:
        camera, tablet = camera_and_tablet(channel)
        async with tablet:
            await tablet.send_offer("v=0")
            await tablet.send_candidate(LINE)
            async with camera:
                assert [await anext(camera), await anext(camera)] == [
                    Offer("v=0", "tablet"),
                    Candidate(LINE, "0", 0, "tablet"),
                ]

    play(scene)


RUBBISH = [b"v=0", b"[]", b'{"sdp": 7}', b"\xff", b"[" * 7_000]


def test_rubbish_of_another_peer_is_unknown_and_harms_nobody(sandbox, channel):
    url = kvs.sign_url(channel, client_id="stranger").reveal()
    trust = ssl.create_default_context(cafile=sandbox.environment()["AWS_CA_BUNDLE"])
    encoded = [base64.b64encode(rubbish).decode() for rubbish in RUBBISH]

    def strangers() -> None:
        with connect(url, ssl=trust, proxy=None) as socket:
            for payload in encoded:
                socket.send(json.dumps({"Action": "SDP_OFFER", "action": "SDP_OFFER", "messagePayload": payload}))
            socket.send("{}")
            assert socket.ping().wait(10)

    async def scene() -> None:
        camera, tablet = camera_and_tablet(channel)
        async with camera, tablet:
            await asyncio.to_thread(strangers)
            assert [await anext(camera) for _ in encoded] == [
                Unknown("SDP_OFFER", payload, "stranger") for payload in encoded
            ]
            await tablet.send_offer("v=0")
            assert await anext(camera) == Offer("v=0", "tablet")
            assert camera.connects == 1
            assert set(camera.messages["sender_client_id"]) == {"stranger", "tablet"}

    play(scene)


def test_what_was_sent_and_received_is_a_frame(channel):
    async def scene() -> tuple[pd.DataFrame, pd.DataFrame, str]:
        camera, tablet = camera_and_tablet(channel)
        for empty in (camera.messages, tablet.messages):
            assert dict(empty.dtypes.astype(str)) == dict(MESSAGES)
            assert len(empty) == 0
        async with camera, tablet:
            sent = await tablet.send_offer("v=0")
            await anext(camera)
            await camera.send_answer("v=1", recipient_client_id="tablet")
            await anext(tablet)
        return camera.messages, tablet.messages, sent

    camera, tablet, sent = play(scene)
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


def test_the_frame_keeps_the_newest(channel, monkeypatch):
    monkeypatch.setattr(client, "REMEMBERED", 3)

    async def scene() -> None:
        camera, tablet = camera_and_tablet(channel)
        async with camera, tablet:
            for number in range(5):
                await tablet.send_candidate(f"{number}")
            assert [json.loads(text)["candidate"] for text in tablet.messages["message_payload"]] == ["2", "3", "4"]
            assert len(tablet._sent) == 3

    play(scene)


# --- refusals


@pytest.mark.parametrize(
    ("role", "send", "because"),
    [
        ("MASTER", lambda one: one.send_offer("v=0"), "A MASTER says to whom: give recipient_client_id="),
        ("MASTER", lambda one: one.send_answer("v=0", recipient_client_id="AWS_x"), "the prefix AWS_ is AWS's own"),
        ("MASTER", lambda one: one.send_candidate(LINE, recipient_client_id=""), "has 0 characters"),
        (
            "VIEWER",
            lambda one: one.send_offer("v=0", recipient_client_id="lobby"),
            "A viewer writes to the MASTER alone",
        ),
        ("VIEWER", lambda one: one.send_offer("x" * 8_000), "characters in base64: the service takes 10,000"),
        ("VIEWER", lambda one: one.send_candidate("x" * 8_000), "characters in base64: the service takes 10,000"),
        ("VIEWER", lambda one: one.send_offer({"type": "answer", "sdp": "v=0"}), "This is no SDP offer"),
        ("VIEWER", lambda one: one.send_answer(""), "This is no SDP answer"),
        ("VIEWER", lambda one: one.send_candidate({}), "This is no ICE candidate"),
    ],
)
def test_what_the_service_would_refuse_is_refused_before_it_is_sent(channel, role, send, because):
    async def scene() -> None:
        async with kvs.open_signaling(channel, role=role, client_id=None if role == "MASTER" else "tablet") as one:
            with pytest.raises(errors.InvalidInput, match=because):
                await send(one)
            assert one.messages.empty
            assert one._sent == {}

    play(scene)


@pytest.fixture
def strict() -> Iterator[pd.DataFrame]:
    """A channel that admits fewer messages at once than are published, and whose MASTER is told that a viewer is not there."""
    assumptions = kvs.Assumptions(absent_viewer="not_found", quota_burst=4)
    with kvs.Sandbox(clock="stepped", assumptions=assumptions) as sandbox:
        set_current(sandbox.connection())
        yield kvs.create_channel("front-door")


def test_a_refusal_is_raised_in_the_iteration_which_goes_on(strict):
    async def scene() -> None:
        camera, tablet = camera_and_tablet(strict)
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

    play(scene)


def test_messages_leave_no_faster_than_the_service_admits_them():
    with kvs.Sandbox(clock="stepped") as sandbox:
        set_current(sandbox.connection())
        channel = kvs.create_channel("front-door")

        async def scene() -> None:
            camera, tablet = camera_and_tablet(channel)
            async with camera, tablet:
                async with asyncio.TaskGroup() as group:
                    for number in range(7):
                        group.create_task(tablet.send_offer(f"v={number}"))
                assert [await anext(camera) for _ in range(7)] == [Offer(f"v={n}", "tablet") for n in range(7)]
                assert set(tablet.messages["message_type"]) == {"SDP_OFFER"}

        play(scene)


def test_a_refusal_is_raised_at_the_send_where_that_waits_for_it(strict):
    async def scene() -> None:
        async with kvs.open_signaling(strict, role="MASTER") as camera:
            with pytest.raises(errors.ChannelNotFound, match="SendSDPAnswer failed for lobby.*ResourceNotFound"):
                await camera.send_answer("v=0", recipient_client_id="lobby", refusal_timeout=10)
            assert camera._inbox.empty()
            async with kvs.open_signaling(strict, client_id="lobby"):
                assert await camera.send_answer("v=0", recipient_client_id="lobby", refusal_timeout=0.05)
            await camera.send_candidate(LINE, recipient_client_id="lobby")
            with pytest.raises(errors.ChannelNotFound, match="SendICECandidate failed for lobby"):
                await anext(camera)

    play(scene)


def test_a_refusal_that_comes_while_a_send_still_waits_is_not_lost(strict):
    async def scene() -> None:
        async with kvs.open_signaling(strict, role="MASTER") as camera:
            carried = camera._carried

            async def slowly(act: Any) -> Any:
                result = await carried(act)
                await until(lambda: "STATUS_RESPONSE" in set(camera.messages["message_type"]))
                return result

            camera._carried = slowly  # type: ignore[method-assign]
            await camera.send_answer("v=0", recipient_client_id="lobby")
            with pytest.raises(errors.ChannelNotFound, match="lobby"):
                await anext(camera)

    play(scene)


# --- what the service says by itself


def test_a_notice_to_reconnect_the_media_is_a_message(sandbox, channel):
    async def scene() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            assert sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER") == 1
            assert await anext(tablet) == ReconnectIceServer()
            assert tablet.connects == 1
            assert tablet.messages["message_type"].tolist() == ["RECONNECT_ICE_SERVER"]

    play(scene)


def test_go_away_is_answered_by_a_new_connection_and_nothing_is_lost_or_reordered(sandbox, channel, unpaced):
    count = 400

    async def scene() -> None:
        camera, tablet = camera_and_tablet(channel)
        async with camera, tablet:

            async def send(one: kvs.Peer, to: str | None) -> None:
                for number in range(count):
                    await one.send_candidate(f"{number}", recipient_client_id=to)
                    await asyncio.sleep(0)
                    if number % 100 == 50:
                        before = one.connects
                        sandbox_told = asyncio.to_thread(sandbox.tell, "front-door", "GO_AWAY")
                        assert await sandbox_told >= 2
                        if number % 200 == 50:
                            await until(lambda before=before: one.connects > before)

            async def receive(one: kvs.Peer) -> list[str]:
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
            await until(lambda: len(sandbox_peers(sandbox)) == 2)
            for one in (camera, tablet):
                candidates = one.messages.query("message_type == 'ICE_CANDIDATE'")
                assert candidates["direction"].value_counts().to_dict() == {"sent": count, "received": count}

    play(scene)


def sandbox_peers(sandbox: kvs.Sandbox) -> range:
    """As long as there are peers."""
    return range(sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER"))


def test_what_comes_between_go_away_and_the_new_connection_is_all_read(sandbox, channel, unpaced):
    count = 500

    async def scene() -> None:
        camera, tablet = camera_and_tablet(channel)
        async with camera, tablet:
            opening, waiting = camera._line.open, asyncio.Event()

            async def late(*given: Any) -> Any:
                await waiting.wait()
                return await opening(*given)

            camera._line.open = late  # type: ignore[method-assign]
            sandbox.send_notice("front-door", "GO_AWAY")
            await until(lambda: "GO_AWAY" in set(camera.messages["message_type"]))
            for number in range(count):
                await tablet.send_candidate(f"{number}" + "x" * 500)
            waiting.set()
            arrived = [int((await anext(camera)).candidate.rstrip("x")) for _ in range(count)]
            assert arrived == list(range(count))

    play(scene)


def test_what_is_sent_while_it_moves_follows_what_the_old_connection_carries(sandbox, channel, monkeypatch):
    async def scene() -> None:
        camera, tablet = camera_and_tablet(channel)
        async with camera, tablet:
            hang_up, carried = client.hang_up, asyncio.Event()

            async def late(socket: Any) -> None:
                await carried.wait()
                await hang_up(socket)

            with monkeypatch.context() as patched:
                patched.setattr(client, "hang_up", late)
                sandbox.send_notice("front-door", "GO_AWAY")
                await until(lambda: tablet.connects == 2)
                assert repr(tablet) == "<Peer: VIEWER tablet on front-door, connected>"
                sending = asyncio.create_task(tablet.send_offer("v=0"))
                await asyncio.wait([sending], timeout=0.05)
                assert not sending.done()
                carried.set()
                await sending
            assert await anext(camera) == Offer("v=0", "tablet")

    play(scene)


# --- coming and going


def test_leaving_ends_the_iteration_of_everybody_at_once_and_for_good(channel):
    async def scene() -> None:
        tablet = kvs.open_signaling(channel, client_id="tablet")

        async def listen() -> list[Any]:
            return [message async for message in tablet]

        async with asyncio.TaskGroup() as group, tablet:
            listeners = [group.create_task(listen()) for _ in range(3)]
            await asyncio.sleep(0)
        assert [listener.result() for listener in listeners] == [[], [], []]
        assert await listen() == []

    play(scene)


def test_what_had_come_before_it_left_can_still_be_read(sandbox, channel):
    async def scene() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER")
            await until(lambda: len(tablet.messages) == 1)
        assert [message async for message in tablet] == [ReconnectIceServer()]

    play(scene)


def test_leaving_twice_is_leaving_once(sandbox, channel):
    async def scene() -> None:
        tablet = kvs.open_signaling(channel, client_id="tablet")
        await tablet.close()
        async with tablet:
            await tablet.close()
            await tablet.close()
        await tablet.close()
        await until(lambda: not sandbox_peers(sandbox))

    play(scene)


def test_outside_of_its_block_a_peer_neither_sends_nor_waits(channel):
    async def scene() -> None:
        tablet = kvs.open_signaling(channel, client_id="tablet")
        assert repr(tablet) == "<Peer: VIEWER tablet on front-door, not connected>"
        for act in (tablet.send_offer("v=0"), tablet.send_candidate(LINE), tablet.ping(), anext(tablet)):
            with pytest.raises(errors.InvalidInput, match="use it inside 'async with', or open\\(\\) it"):
                await act
        async with tablet:
            assert repr(tablet) == "<Peer: VIEWER tablet on front-door, connected>"
        assert repr(tablet) == "<Peer: VIEWER tablet on front-door, not connected>"
        for act in (tablet.send_answer("v=0"), tablet.ping()):
            with pytest.raises(errors.InvalidInput, match="The peer is not connected"):
                await act

    play(scene)


def test_one_that_waits_to_send_learns_that_the_peer_has_left(channel):
    async def scene() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            never = asyncio.Event()
            tablet._line.open = lambda _: never.wait()  # type: ignore[method-assign, assignment, return-value]
            tablet._socket.transport.abort()
            await until(lambda: "not connected" in repr(tablet))
            sending = asyncio.create_task(tablet.send_offer("v=0"))
            await asyncio.sleep(0)
        with pytest.raises(errors.InvalidInput, match="The peer is not connected"):
            await sending

    play(scene)


def test_a_send_that_waits_for_a_refusal_learns_that_the_connection_is_lost_for_good(channel):
    async def scene() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            sending = asyncio.create_task(tablet.send_offer("v=0", refusal_timeout=BOUND_SECONDS))
            await until(lambda: len(tablet.messages) == 1)

            async def lost(_: Any) -> Any:
                raise errors.EndpointUnreachable("Nobody answers.")

            tablet._line.reopen = lost  # type: ignore[method-assign]
            tablet._socket.transport.abort()
            with pytest.raises(errors.EndpointUnreachable, match="Nobody answers"):
                await sending

    play(scene)


def test_two_masters_that_displace_each_other_do_not_do_so_for_ever(monkeypatch):
    monkeypatch.setattr(websocket, "FIRST_WAIT_SECONDS", 0.001)
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(displaced_peer="closed")) as sandbox:
        connection = sandbox.connection()
        monkeypatch.setattr(connection.rate_limiter, "sleep", lambda _: None)
        channel = kvs.create_channel("front-door", connection=connection)

        async def scene() -> None:
            cameras = [kvs.open_signaling(channel, role="MASTER", connection=connection) for _ in range(2)]
            async with cameras[0], cameras[1]:
                ended = [asyncio.ensure_future(anext(camera)) for camera in cameras]
                await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
                loser = next(one for one in ended if one.done())
                with pytest.raises(
                    errors.EndpointUnreachable, match="8 connections in a row ended within 10 s.*second MASTER"
                ):
                    await loser
                assert max(camera.connects for camera in cameras) <= websocket.ATTEMPTS + 1
            await asyncio.wait(ended)
            assert {type(one.exception()) for one in ended} == {errors.EndpointUnreachable, StopAsyncIteration}

        play(scene)


def test_a_line_that_breaks_now_and_then_is_opened_again_each_time(channel, monkeypatch):
    monkeypatch.setattr(websocket, "BRIEF_SECONDS", 0.0)

    async def scene() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            for number in range(websocket.ATTEMPTS + 2):
                assert tablet.connects == number + 1
                tablet._socket.transport.abort()
                await until(lambda: tablet.connects == number + 2)  # noqa: B023 - waited for in its own round

    play(scene)


def test_a_peer_that_is_connected_cannot_connect_once_more(sandbox, channel):
    async def scene() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            with pytest.raises(errors.InvalidInput, match="The peer is connected already: close\\(\\) it first"):
                await tablet.open()
            assert len(sandbox_peers(sandbox)) == 1

    play(scene)


def test_a_peer_that_has_left_may_come_again_on_any_loop(channel):
    camera, tablet = camera_and_tablet(channel)

    async def scene() -> None:
        async with camera, tablet:
            listening = asyncio.create_task(anext(tablet))
            await tablet.send_offer("v=0")
            assert await anext(camera) == Offer("v=0", "tablet")
            await camera.send_answer("v=1", recipient_client_id="tablet")
            assert await listening == Answer("v=1")

    for times in (1, 2, 3):
        play(scene)
        assert (camera.connects, tablet.connects) == (times, times)
    assert len(tablet.messages) == 6


def test_an_error_inside_the_block_comes_out_of_it(sandbox, channel):
    async def scene() -> None:
        with pytest.raises(ZeroDivisionError):
            async with kvs.open_signaling(channel, client_id="tablet"):
                _ = 1 / 0
        await until(lambda: not sandbox_peers(sandbox))

    play(scene)
