"""Malformed frames, floods and peers that do not read, which must not affect other peers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

import kvs_notebook as kvs
from kvs_notebook.sandbox.http import asgi_server
from tests.sandbox.websocket_peer import CANDIDATE, OFFER, ChannelSignaling, run, sent_text


@pytest.fixture(scope="module")
def shared():
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(creating_seconds=0)) as started:
        yield ChannelSignaling(started)


@pytest.fixture
def signaling(shared):
    shared.begin_again()
    return shared


@pytest.fixture(autouse=True)
def nothing_is_logged_as_an_error(caplog):
    caplog.set_level(logging.WARNING)
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def assert_peers_can_talk(camera, tablet):
    await tablet.send(OFFER, "still here?")
    assert await camera.receive_many(1) == [(OFFER, "still here?")]
    await camera.send(CANDIDATE, "yes", to="tablet")
    assert await tablet.receive_many(1) == [(CANDIDATE, "yes")]


def invalid_utf8(socket):
    """Write a text frame that is no text, which the client itself would never send."""
    socket.protocol.writes.append(Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True, extensions=[]))
    socket.transport.write(b"".join(socket.protocol.data_to_send()))


MALFORMED_FRAMES = {
    "no JSON": ("hello", 1007),
    "half of JSON": ('{"action": "SDP_OFFER"', 1007),
    "no object": ("[1, 2]", 1007),
    "a number": ("12", 1007),
    "nested without end": ("[" * 60_000, 1007),
    "bytes": (b"\x00\x01", 1003),
    "a frame above 128 KiB": ("x" * 131_073, 1009),
    "text that is no UTF-8": (None, 1007),
}


@pytest.mark.parametrize("what", MALFORMED_FRAMES)
def test_malformed_frame_closes_only_its_senders_connection(signaling, what):
    content, code = MALFORMED_FRAMES[what]

    async def talk():
        async with (
            signaling.master() as camera,
            signaling.peer("tablet") as tablet,
            signaling.peer("malformed") as malformed,
        ):
            if content is None:
                invalid_utf8(malformed.socket)
            else:
                await malformed.socket.send(content)
            assert await malformed.closed() == code
            await assert_peers_can_talk(camera, tablet)

    run(talk())


def test_malformed_frames_can_be_ignored():
    with kvs.Sandbox(assumptions=kvs.Assumptions(creating_seconds=0, malformed_frame="ignore")) as sandbox:
        signaling = ChannelSignaling(sandbox)

        async def talk():
            async with signaling.master() as camera, signaling.peer("tablet") as tablet:
                await tablet.socket.send("hello")
                await tablet.socket.send(b"\x00")
                await assert_peers_can_talk(camera, tablet)

        run(talk())


def test_burst_of_connects_is_throttled_without_affecting_other_channels():
    with kvs.Sandbox(assumptions=kvs.Assumptions(creating_seconds=0)) as sandbox:
        signaling, other = ChannelSignaling(sandbox), ChannelSignaling(sandbox, "other-door")
        url = signaling.url("tablet")
        at_once = asyncio.Semaphore(50)

        async def connect():
            async with at_once:
                try:
                    async with signaling.open(url, open_timeout=60):
                        return 101
                except InvalidStatus as refused:
                    return refused.response.status_code

        async def burst():
            async with other.master() as camera, other.peer("tablet") as tablet:
                connects = [asyncio.create_task(connect()) for _ in range(150)]
                while not all(task.done() for task in connects):
                    await assert_peers_can_talk(camera, tablet)
                    await asyncio.wait(connects, timeout=0.5)
                return [task.result() for task in connects]

        answers = run(burst())
        assert set(answers) == {101, 400}
        assert answers.count(101) < 60
        assert len(sandbox.requests.query("operation == 'ConnectAsViewer' and channel_name == 'front-door'")) == 150


def test_peer_that_does_not_read_fills_a_bounded_queue():
    assumed = kvs.Assumptions(creating_seconds=0, queued_messages=50)
    with kvs.Sandbox(quotas=False, assumptions=assumed) as sandbox:
        signaling = ChannelSignaling(sandbox)
        frame = json.dumps({"action": CANDIDATE, "messagePayload": "A" * 10_000, "recipientClientId": "slow"})

        async def talk():
            async with (
                signaling.master() as camera,
                signaling.peer("tablet") as tablet,
                signaling.peer("slow", max_queue=1) as slow,
            ):
                slow.socket.transport.pause_reading()
                refused: list[str] = []
                sent = 0

                async def offer_arrives(text):
                    await tablet.send(OFFER, text)
                    while (frame := await camera.receive())["messageType"] == "STATUS_RESPONSE":
                        refused.append(frame["statusResponse"]["errorType"])
                    assert sent_text(frame) == (OFFER, text)

                while not refused:  # until the sockets' own buffers and the queue are full
                    for _ in range(50):
                        await camera.socket.send(frame)
                    await camera.socket.send(json.dumps({**json.loads(frame), "correlationId": "last"}))
                    sent += 51
                    await offer_arrives(f"meanwhile {sent}")
                    assert sent < 5_000
                assert set(refused) == {"ClientLimitExceededException"}
                await offer_arrives("still here?")
                await camera.send(CANDIDATE, "yes", to="tablet")
                assert await tablet.receive_many(1) == [(CANDIDATE, "yes")]
                slow.socket.transport.resume_reading()
                got = 0
                with contextlib.suppress(TimeoutError):
                    while got < sent:
                        async with asyncio.timeout(1):
                            assert (await slow.receive())["messageType"] == CANDIDATE
                        got += 1
                assert 50 <= got < sent

        run(talk())


def test_aborted_peer_does_not_affect_others(signaling):
    async def talk():
        async with signaling.master() as camera, signaling.peer("tablet") as tablet:
            with contextlib.suppress(ConnectionClosed):
                async with signaling.peer("gone") as gone:
                    await gone.send(OFFER, "last words")
                    gone.socket.transport.abort()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):  # the words may have been cut off with it
                    assert await camera.receive_many(1) == [(OFFER, "last words")]
            await camera.send(CANDIDATE, "to an absent viewer", to="gone")
            await assert_peers_can_talk(camera, tablet)

    run(talk())


def test_vanished_viewer_counts_until_the_idle_timeout(signaling):
    async def talk():
        async with signaling.open(signaling.url("vanished")) as vanished, AsyncExitStack() as others:
            vanished.transport.pause_reading()  # it hears of nothing any more, and says nothing
            for number in range(9):
                await others.enter_async_context(signaling.peer(f"viewer-{number}"))
            with pytest.raises(InvalidStatus):
                await others.enter_async_context(signaling.peer("one-more"))
            await others.aclose()
            signaling.sandbox.advance(600)
            for number in range(10):
                await others.enter_async_context(signaling.peer(f"viewer-{number}"))
            vanished.transport.abort()

    run(talk())


def test_unfinished_handshakes_do_not_block_other_peers(signaling):
    async def talk():
        host_name, _, port = signaling.url("tablet").partition("/v?")[0].removeprefix("wss://").partition(":")
        halves = [await asyncio.open_connection(host_name, int(port)) for _ in range(50)]  # and no TLS hello
        async with signaling.master() as camera, signaling.peer("tablet") as tablet:
            await assert_peers_can_talk(camera, tablet)
        for _, writer in halves:
            writer.transport.abort()

    run(talk())


@pytest.mark.parametrize("filtered", [asgi_server.REFUSED_WEBSOCKET, asgi_server.INVALID_TEXT])
def test_filtered_log_messages_still_exist_in_uvicorn(filtered):
    sources = Path(uvicorn.__file__).parent.rglob("*.py")
    assert any(filtered in source.read_text(encoding="utf-8") for source in sources), (
        "remove the filter from asgi_server.py"
    )


def test_other_log_records_are_kept():
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "Something else", (), None)
    assert asgi_server._is_news(record)
    record.msg = asgi_server.INVALID_TEXT
    assert not asgi_server._is_news(record)
