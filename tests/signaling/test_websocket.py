"""Lines: connected, refused, kept alive, cut and connected again, given up, and left without a trace."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pandas as pd
import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.signaling import websocket
from kvs_notebook.signaling.messages import Offer

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
def quick(monkeypatch) -> None:
    """Let attempts to connect follow each other at once."""
    monkeypatch.setattr(websocket, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(websocket, "LONGEST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


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


def tablet_on(channel: object) -> kvs.Peer:
    return kvs.open_signaling(channel, client_id="tablet")


async def cut(one: kvs.Peer) -> None:
    """Break a peer's line, as a network that fails does."""
    one._socket.transport.abort()
    await one._socket.wait_closed()


async def talks(camera: kvs.Peer, tablet: kvs.Peer, sdp: str, *, first: str = "tablet") -> None:
    """A message each way arrives; whose line was cut speaks first, since the service may take a while to know of it."""
    for speaker in sorted(("camera", "tablet"), key=first.__ne__):
        if speaker == "tablet":
            await tablet.send_offer(sdp)
            assert await anext(camera) == Offer(sdp, "tablet")
        else:
            await camera.send_offer(sdp, recipient_client_id="tablet")
            assert await anext(tablet) == Offer(sdp)


# --- connected again


def test_a_line_that_is_cut_is_connected_again_and_both_sides_go_on(channel, quick):
    async def scene() -> None:
        async with kvs.open_signaling(channel, role="MASTER") as camera, tablet_on(channel) as tablet:
            await talks(camera, tablet, "v=0")
            for number in range(1, 4):
                await cut(tablet)
                await talks(camera, tablet, f"v={number} from the tablet")
                await cut(camera)
                await talks(camera, tablet, f"v={number} from the camera", first="camera")
                assert (camera.connects, tablet.connects) == (number + 1, number + 1)

    play(scene)


def test_a_connection_that_the_service_closes_as_idle_is_made_anew(sandbox, channel, quick):
    async def scene() -> None:
        async with kvs.open_signaling(channel, role="MASTER") as camera, tablet_on(channel) as tablet:
            sandbox.advance(601)
            await until(lambda: (camera.connects, tablet.connects) == (2, 2))
            await talks(camera, tablet, "v=0")

    play(scene)


def test_pings_keep_a_connection_that_is_silent(sandbox, channel, monkeypatch):
    monkeypatch.setattr(websocket, "PING_SECONDS", 0.4)

    async def scene() -> None:
        async with tablet_on(channel) as tablet:
            for _ in range(2):
                before = tablet._socket.latency
                sandbox.advance(599)
                await until(lambda before=before: tablet._socket.latency != before)
            assert tablet.connects == 1

    play(scene)


def test_a_service_that_fails_for_a_while_is_asked_again(sandbox, channel, quick):
    async def scene() -> None:
        async with tablet_on(channel) as tablet:
            sandbox.faults.add("ConnectAsViewer", "error", times=2)
            sandbox.faults.add("ConnectAsViewer", "reset", times=2)
            sandbox.faults.add("ConnectAsViewer", "throttle", times=2)
            await cut(tablet)
            await until(lambda: tablet.connects == 2)
            assert await tablet.ping() > 0

    play(scene)


def test_pings_and_sends_wait_for_the_next_connection(sandbox, channel, quick):
    async def scene() -> None:
        async with kvs.open_signaling(channel, role="MASTER") as camera, tablet_on(channel) as tablet:
            await cut(tablet)
            assert 0 < await tablet.ping() < BOUND_SECONDS
            await cut(tablet)
            await tablet.send_offer("v=0")
            assert await anext(camera) == Offer("v=0", "tablet")

    play(scene)


# --- given up


def test_a_sandbox_that_is_gone_for_good_ends_the_iteration_and_the_sends(quick, monkeypatch):
    attempts = []
    prepare = websocket.Line._prepare
    monkeypatch.setattr(websocket.Line, "_prepare", lambda self: attempts.append(1) or prepare(self))

    async def scene() -> None:
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
        assert len(attempts) == websocket.ATTEMPTS
        assert [message async for message in tablet] == []
        for act in (tablet.send_candidate("x"), tablet.ping()):
            with pytest.raises(errors.EndpointUnreachable):
                await act
        assert repr(tablet) == "<Peer: VIEWER tablet on front-door, failed>"
        await tablet.close()

    play(scene)


def test_a_refusal_that_no_attempt_changes_ends_it_at_once(sandbox, channel, quick):
    async def scene() -> None:
        async with tablet_on(channel) as tablet:
            sandbox.deny("kinesisvideo:ConnectAsViewer")
            await cut(tablet)
            with pytest.raises(errors.AccessDenied):
                await anext(tablet)
            assert sandbox.requests["operation"].tolist().count("ConnectAsViewer") == 2

    play(scene)


def test_a_failure_that_nobody_foresaw_is_raised_and_not_waited_for(channel, connection, quick, monkeypatch):
    async def scene() -> None:
        async with tablet_on(channel) as tablet:
            monkeypatch.setattr(connection, "tls_context", lambda _: {}["nothing"])
            await cut(tablet)
            with pytest.raises(KeyError):
                await anext(tablet)
            with pytest.raises(KeyError):
                await tablet.send_offer("v=0")

    play(scene)


# --- refused


def test_a_channel_that_is_not_there_is_not_found(channel):
    async def scene() -> None:
        for nobody in ("nobody", channel["channel_arn"].item().replace("front-door", "nobody")):
            with pytest.raises(errors.ChannelNotFound, match="nobody"):
                await tablet_on(nobody).open()

    play(scene)


def test_a_channel_that_goes_before_the_connect_is_not_found(channel, connection, monkeypatch):
    endpoint = websocket.endpoint_of(channel["channel_arn"].item(), "VIEWER", "WSS", connection)
    kvs.delete_channel(channel)
    monkeypatch.setattr(websocket, "endpoint_of", lambda *_: endpoint)

    async def scene() -> None:
        with pytest.raises(errors.ChannelNotFound, match="ConnectAsViewer failed for front-door") as raised:
            await tablet_on(channel).open()
        assert (raised.value.code, raised.value.operation) == ("ResourceNotFoundException", "ConnectAsViewer")

    play(scene)


@pytest.mark.parametrize(
    ("role", "action"), [("VIEWER", "kinesisvideo:ConnectAsViewer"), ("MASTER", "kinesisvideo:ConnectAsMaster")]
)
def test_a_connect_that_is_denied_is_tried_once(sandbox, channel, quick, role, action):
    sandbox.deny(action)

    async def scene() -> None:
        client_id = "tablet" if role == "VIEWER" else None
        with pytest.raises(errors.AccessDenied, match=f"{action.partition(':')[2]} failed for front-door") as raised:
            await kvs.open_signaling(channel, role=role, client_id=client_id).open()
        assert raised.value.code == "AccessDeniedException"
        assert sandbox.requests["operation"].tolist().count(action.partition(":")[2]) == 1

    play(scene)


def test_a_viewer_too_many_is_refused_until_one_leaves(sandbox, channel, quick):
    async def scene() -> None:
        viewers = [await kvs.open_signaling(channel, client_id=f"viewer-{number}").open() for number in range(10)]
        with pytest.raises(errors.Throttled, match="10 viewers at a time") as raised:
            await kvs.open_signaling(channel, client_id="one-more").open()
        assert raised.value.code == "ClientLimitExceededException"
        refused = (sandbox.requests["error_code"] == "ClientLimitExceededException").sum()
        assert refused == websocket.ATTEMPTS
        await viewers.pop().close()
        viewers.append(await kvs.open_signaling(channel, client_id="one-more").open())
        await asyncio.gather(*(viewer.close() for viewer in viewers))

    play(scene)


def test_a_signature_of_other_credentials_is_refused(channel, connection, quick, monkeypatch):
    others = connection.credentials()._replace(secret_key="not this one")
    monkeypatch.setattr(connection, "credentials", lambda: others)

    async def scene() -> None:
        with pytest.raises(errors.ExpiredCredentials, match="ConnectAsViewer failed") as raised:
            await tablet_on(channel).open()
        assert raised.value.code == "InvalidSignatureException"

    play(scene)


def test_a_sandboxs_connection_follows_no_endpoint_away_from_loopback(channel, monkeypatch):
    monkeypatch.setattr(websocket, "endpoint_of", lambda *_: "wss://v-1.kinesisvideo.us-east-1.amazonaws.com")

    async def scene() -> None:
        with pytest.raises(errors.InvalidInput, match="A sandbox answers on loopback only, not on wss://v-1"):
            await tablet_on(channel).open()

    play(scene)


@pytest.mark.parametrize("endpoint", ["wss://127.0.0.1:1", "wss://localhost:1/v"])
def test_an_endpoint_where_nobody_answers_is_unreachable(channel, monkeypatch, endpoint):
    monkeypatch.setattr(websocket, "endpoint_of", lambda *_: endpoint)

    async def scene() -> None:
        with pytest.raises(errors.EndpointUnreachable, match=f"{endpoint} did not answer") as raised:
            await tablet_on(channel).open()
        assert raised.value.operation == "ConnectAsViewer"

    play(scene)


def test_an_endpoint_with_a_certificate_of_others_is_not_talked_to(channel, monkeypatch):
    async def scene() -> None:
        with kvs.Sandbox(clock="stepped") as other:
            theirs = other.connection()
            arn = kvs.create_channel("front-door", connection=theirs)["channel_arn"].item()
            endpoint = websocket.endpoint_of(arn, "VIEWER", "WSS", theirs)
            monkeypatch.setattr(websocket, "endpoint_of", lambda *_: endpoint)
            with pytest.raises(errors.EndpointUnreachable, match="SSLCertVerificationError"):
                await tablet_on(channel).open()

    play(scene)


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "code"),
    [
        (400, {}, b"", errors.InvalidInput, "InvalidArgumentException"),
        (403, {}, b"<html>", errors.AccessDenied, "AccessDeniedException"),
        (404, {}, b"[]", errors.ChannelNotFound, "ResourceNotFoundException"),
        (503, {}, b"{}", errors.ServiceFault, "HTTP 503"),
        (403, {"x-amzn-ErrorType": "ExpiredTokenException:http://x"}, b'{"Message": "Old"}', errors.ExpiredCredentials,
         "ExpiredTokenException"),
        (400, {"x-amzn-errortype": "ClientLimitExceededException"}, b'{"Message": null}', errors.Throttled,
         "ClientLimitExceededException"),
    ],
)  # fmt: skip
def test_a_refusal_is_understood_with_and_without_a_code(channel, status, headers, body, kind, code):
    refusal = InvalidStatus(Response(status, "", Headers(headers), body))
    error = tablet_on(channel)._line._refusal(refusal)
    assert type(error) is kind
    assert error.code == code


# --- cancelled


@asynccontextmanager
async def silence(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Queue[str]]:
    """An endpoint that lets everybody in and says nothing; tells who has come and who has gone."""
    told: asyncio.Queue[str] = asyncio.Queue()

    async def let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.put_nowait("came")
        try:
            while await reader.read(1_000):
                pass
        except OSError:
            pass
        told.put_nowait("gone")
        writer.close()

    server = await asyncio.start_server(let_in, "127.0.0.1", 0, family=socket.AF_INET)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(websocket, "endpoint_of", lambda *_: f"wss://127.0.0.1:{port}/v")
    async with server:
        yield told


def test_one_who_is_cancelled_while_connecting_leaves_nothing_behind(channel, monkeypatch, recwarn):
    async def scene() -> None:
        async with silence(monkeypatch) as told:
            opening = asyncio.create_task(tablet_on(channel).open())
            assert await told.get() == "came"
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            assert await told.get() == "gone"
            await until(lambda: len(asyncio.all_tasks()) == 1)

    play(scene)
    gc.collect()
    assert not recwarn.list


def test_an_endpoint_that_says_nothing_is_unreachable_after_a_while(channel, monkeypatch):
    monkeypatch.setattr(websocket, "OPENING_SECONDS", 0.05)

    async def scene() -> None:
        async with silence(monkeypatch) as told:
            with pytest.raises(errors.EndpointUnreachable, match="did not answer"):
                await tablet_on(channel).open()
            assert [await told.get(), await told.get()] == ["came", "gone"]
            await until(lambda: len(asyncio.all_tasks()) == 1)

    play(scene)


def test_one_who_is_cancelled_while_leaving_leaves_nothing_behind(sandbox, channel, recwarn):
    async def scene() -> None:
        for steps in range(6):
            tablet = await tablet_on(channel).open()
            leaving = asyncio.create_task(tablet.close())
            for _ in range(steps):
                await asyncio.sleep(0)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            await tablet.close()
            if steps:
                await until(lambda: sandbox.send_notice("front-door", "GO_AWAY") == 0)

    play(scene)
    gc.collect()
    assert not recwarn.list


def test_one_who_leaves_while_it_connects_again_leaves_nothing_behind(sandbox, channel, monkeypatch, recwarn):
    async def scene() -> None:
        for loss in ("cut", "told to go"):
            tablet = await tablet_on(channel).open()
            with monkeypatch.context() as patched:
                async with silence(patched) as told:
                    if loss == "cut":
                        await cut(tablet)
                    else:
                        sandbox.send_notice("front-door", "GO_AWAY")
                    assert await told.get() == "came"
                    await tablet.close()
                    assert await told.get() == "gone"
                    await until(lambda: len(asyncio.all_tasks()) == 1)
            await until(lambda: sandbox.send_notice("front-door", "GO_AWAY") == 0)

    play(scene)
    gc.collect()
    assert not recwarn.list
