"""Tests of WebSocketConnector through the client: refused, unreachable and cancelled connects."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.utils import accept_key

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.secret import Secret
from kvs_notebook.signaling import websocket
from kvs_notebook.signaling.messages import Unknown
from tests.signaling.event_loop import (
    BOUND_SECONDS,
    break_connection,
    create_tablet,
    run_bounded,
    wait_until,
)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

# --- refused


def test_hint_that_takes_long_does_not_block_the_event_loop(channel, connection, monkeypatch):
    """The hint of a sandbox tries to connect to it, for up to 2 s."""
    answered, had_to_wait = threading.Event(), []

    def hint() -> str:
        had_to_wait.append(answered.wait(BOUND_SECONDS))
        return "Start it again."

    monkeypatch.setattr(websocket, "request_endpoint", lambda *_: "wss://127.0.0.1:9/v")
    service = dataclasses.replace(connection.config.local_service, unreachable_hint=hint)
    client = kvs.open_signaling(channel, client_id="tablet", connection=connection.replace(local_service=service))

    async def main() -> None:
        opening = asyncio.create_task(client.open())
        asyncio.get_running_loop().call_later(0.05, answered.set)
        with pytest.raises(errors.EndpointUnreachable, match="Start it again"):
            await opening

    run_bounded(main)
    assert had_to_wait == [True]


def test_unknown_channel_is_not_found(channel):
    async def main() -> None:
        for unknown in ("unknown", channel["channel_arn"].item().replace("front-door", "unknown")):
            with pytest.raises(errors.ChannelNotFound, match="unknown"):
                await create_tablet(unknown).open()

    run_bounded(main)


def test_channel_deleted_before_connect_is_not_found(channel, connection, monkeypatch):
    endpoint = websocket.request_endpoint(channel["channel_arn"].item(), "VIEWER", "WSS", connection)
    kvs.delete_channel(channel)
    monkeypatch.setattr(websocket, "request_endpoint", lambda *_: endpoint)

    async def main() -> None:
        with pytest.raises(errors.ChannelNotFound, match="ConnectAsViewer failed for front-door") as raised:
            await create_tablet(channel).open()
        assert (raised.value.code, raised.value.operation) == ("ResourceNotFoundException", "ConnectAsViewer")

    run_bounded(main)


@pytest.mark.parametrize(
    ("role", "action"), [("VIEWER", "kinesisvideo:ConnectAsViewer"), ("MASTER", "kinesisvideo:ConnectAsMaster")]
)
def test_denied_connect_is_not_retried(sandbox, channel, fast_retries, role, action):
    sandbox.deny(action)

    async def main() -> None:
        client_id = "tablet" if role == "VIEWER" else None
        with pytest.raises(errors.AccessDenied, match=f"{action.partition(':')[2]} failed for front-door") as raised:
            await kvs.open_signaling(channel, role=role, client_id=client_id).open()
        assert raised.value.code == "AccessDeniedException"
        assert sandbox.requests["operation"].tolist().count(action.partition(":")[2]) == 1

    run_bounded(main)


def test_eleventh_viewer_is_throttled_until_one_closes(sandbox, channel, fast_retries):
    async def main() -> None:
        viewers = [await kvs.open_signaling(channel, client_id=f"viewer-{number}").open() for number in range(10)]
        with pytest.raises(errors.Throttled, match="10 viewers at a time") as raised:
            await kvs.open_signaling(channel, client_id="one-more").open()
        assert raised.value.code == "ClientLimitExceededException"
        refused = (sandbox.requests["error_code"] == "ClientLimitExceededException").sum()
        assert refused == websocket.MAX_ATTEMPTS
        await viewers.pop().close()
        viewers.append(await kvs.open_signaling(channel, client_id="one-more").open())
        await asyncio.gather(*(viewer.close() for viewer in viewers))

    run_bounded(main)


def test_signature_of_wrong_credentials_is_refused(channel, connection, fast_retries, monkeypatch):
    others = dataclasses.replace(connection.credentials(), secret_key="not this one")
    monkeypatch.setattr(connection, "credentials", lambda: others)

    async def main() -> None:
        with pytest.raises(errors.ExpiredCredentials, match="ConnectAsViewer failed") as raised:
            await create_tablet(channel).open()
        assert raised.value.code == "InvalidSignatureException"

    run_bounded(main)


def test_sandbox_connection_refuses_endpoint_off_loopback(channel, monkeypatch):
    monkeypatch.setattr(websocket, "request_endpoint", lambda *_: "wss://v-1.kinesisvideo.us-east-1.amazonaws.com")

    async def main() -> None:
        with pytest.raises(errors.InvalidInput, match="A sandbox has endpoints on loopback only, not at wss://v-1"):
            await create_tablet(channel).open()

    run_bounded(main)


@pytest.mark.parametrize("endpoint", ["wss://127.0.0.1:1", "wss://localhost:1/v"])
def test_endpoint_without_server_is_unreachable(channel, monkeypatch, endpoint):
    monkeypatch.setattr(websocket, "request_endpoint", lambda *_: endpoint)

    async def main() -> None:
        with pytest.raises(errors.EndpointUnreachable, match=f"{endpoint} did not answer") as raised:
            await create_tablet(channel).open()
        assert raised.value.operation == "ConnectAsViewer"

    run_bounded(main)


def test_endpoint_with_untrusted_certificate_is_unreachable(channel, monkeypatch):
    async def main() -> None:
        with kvs.Sandbox(clock="stepped") as other:
            theirs = other.connection()
            arn = kvs.create_channel("front-door", connection=theirs)["channel_arn"].item()
            endpoint = websocket.request_endpoint(arn, "VIEWER", "WSS", theirs)
            monkeypatch.setattr(websocket, "request_endpoint", lambda *_: endpoint)
            with pytest.raises(errors.EndpointUnreachable, match=r"the certificate of wss:.* is not trusted"):
                await create_tablet(channel).open()

    run_bounded(main)


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
def test_refused_upgrade_becomes_the_error_of_its_code(channel, status, headers, body, kind, code):
    refusal = InvalidStatus(Response(status, "", Headers(headers), body))
    error = create_tablet(channel)._connector._refusal(refusal)
    assert type(error) is kind
    assert error.code == code


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message": "Signature expired: X is now earlier than Y"}', "Signature expired"),
        (b'{"Message": "User: me is not authorized"}', "is not authorized"),
        (b'{"message": null, "Message": "both"}', "both"),
        (b'{"message": 7}', "AccessDeniedException: 7"),
        (b'{"message": "\\ud800"}', "AccessDeniedException: ?"),
        (b'{"message": ["a"]}', "AccessDeniedException"),
        (b"7", "no message"),
        (b"null", "no message"),
        (b"\xff", "no message"),
        (b"[" * 5_000, "no message"),
    ],
)
def test_refused_upgrade_is_read_with_either_name_of_its_message(channel, body, message):
    error = create_tablet(channel)._connector._refusal(InvalidStatus(Response(403, "", Headers(), body)))
    assert message in str(error)
    str(error).encode()


@pytest.mark.parametrize(("role", "client_id", "viewers"), [("MASTER", None, False), ("VIEWER", "tablet", True)])
def test_hint_about_throttled_connects_fits_the_role(channel, role, client_id, viewers):
    client = kvs.open_signaling(channel, role=role, client_id=client_id)
    headers = Headers({"x-amzn-errortype": "ClientLimitExceededException"})
    error = client._connector._refusal(InvalidStatus(Response(400, "", headers, b"")))
    assert ("viewers at a time" in str(error)) is viewers


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_redirect_of_a_connect_is_not_followed(channel, monkeypatch, status):
    asked: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {status} Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(redirect, "127.0.0.1", 0, family=socket.AF_INET)
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v"
        monkeypatch.setattr(websocket.WebSocketConnector, "_prepare", lambda _: (Secret(url), url, None))
        async with server:
            with pytest.raises(errors.ServiceFault, match=f"HTTP {status}"):
                await create_tablet(channel).open()

    run_bounded(main)
    assert [request.split(b" ")[1] for request in asked] == [b"/v"]


# --- cancelled


@asynccontextmanager
async def silent_endpoint(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Queue[str]]:
    """Serve an endpoint that accepts connections and sends nothing; yield a queue of what happens to them."""
    events: asyncio.Queue[str] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        events.put_nowait("accepted")
        try:
            while await reader.read(1_000):
                pass
        except OSError:
            pass
        events.put_nowait("ended")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, family=socket.AF_INET)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(websocket, "request_endpoint", lambda *_: f"wss://127.0.0.1:{port}/v")
    async with server:
        yield events


def test_cancelled_open_closes_its_connection(channel, monkeypatch, recwarn):
    async def main() -> None:
        async with silent_endpoint(monkeypatch) as events:
            opening = asyncio.create_task(create_tablet(channel).open())
            assert await events.get() == "accepted"
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            assert await events.get() == "ended"
            await wait_until(lambda: len(asyncio.all_tasks()) == 1)

    run_bounded(main)
    gc.collect()
    assert not recwarn.list


def test_silent_endpoint_is_unreachable_after_the_timeout(channel, monkeypatch):
    monkeypatch.setattr(websocket, "OPENING_SECONDS", 0.05)

    async def main() -> None:
        async with silent_endpoint(monkeypatch) as events:
            with pytest.raises(errors.EndpointUnreachable, match="did not answer"):
                await create_tablet(channel).open()
            assert [await events.get(), await events.get()] == ["accepted", "ended"]
            await wait_until(lambda: len(asyncio.all_tasks()) == 1)

    run_bounded(main)


def test_cancelled_close_closes_its_connection(sandbox, channel, recwarn):
    async def main() -> None:
        for steps in range(6):
            tablet = await create_tablet(channel).open()
            leaving = asyncio.create_task(tablet.close())
            for _ in range(steps):
                await asyncio.sleep(0)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            await tablet.close()
            if steps:
                await wait_until(lambda: sandbox.send_notice("front-door", "GO_AWAY") == 0)

    run_bounded(main)
    gc.collect()
    assert not recwarn.list


def test_close_while_reconnecting_closes_both_connections(sandbox, channel, monkeypatch, recwarn):
    async def main() -> None:
        for loss in ("break", "GO_AWAY"):
            tablet = await create_tablet(channel).open()
            with monkeypatch.context() as patched:
                async with silent_endpoint(patched) as events:
                    if loss == "break":
                        await break_connection(tablet)
                    else:
                        sandbox.send_notice("front-door", "GO_AWAY")
                    assert await events.get() == "accepted"
                    await tablet.close()
                    assert await events.get() == "ended"
                    await wait_until(lambda: len(asyncio.all_tasks()) == 1)
            await wait_until(lambda: sandbox.send_notice("front-door", "GO_AWAY") == 0)

    run_bounded(main)
    gc.collect()
    assert not recwarn.list


def test_connection_lost_during_its_handshake_sends_no_pings(channel, monkeypatch, caplog):
    """The library would wait 30 s, then log an ERROR with a traceback."""
    made = []

    class LostSocket:
        state = State.CLOSED

        def __init__(self) -> None:
            self.keepalive_task = asyncio.create_task(asyncio.sleep(BOUND_SECONDS))
            self.transport = SimpleNamespace(abort=lambda: None)
            self.close_code = None

        def __aiter__(self):
            return self

        async def __anext__(self) -> str:
            raise StopAsyncIteration

        async def close(self) -> None:
            """Do nothing: it is closed."""

    async def connect(*_: object, **__: object) -> LostSocket:
        made.append(LostSocket())
        return made[-1]

    monkeypatch.setattr(websocket, "_connect_class", lambda: connect)
    monkeypatch.setattr("kvs_notebook.signaling.supervisor.LONGEST_WAIT_SECONDS", 0)

    async def main() -> None:
        async with create_tablet(channel) as tablet:
            with pytest.raises(errors.EndpointUnreachable, match="8 connections in a row"):
                await anext(tablet)

    run_bounded(main)
    assert len(made) == 8
    assert all(each.keepalive_task.cancelled() for each in made)


@asynccontextmanager
async def raw_server(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> AsyncIterator[None]:
    """Serve each connection of a client after its handshake, without TLS, until the context ends."""
    connections: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split()[1] for line in head.splitlines() if line.lower().startswith("sec-websocket-key"))
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: "
            + accept_key(key).encode()
            + b"\r\n\r\n"
        )
        await serve(reader, writer)
        writer.close()
        await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(accept(reader, writer))
        task.add_done_callback(lambda _: writer.transport.abort())
        connections.add(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v"
    monkeypatch.setattr(websocket.WebSocketConnector, "_prepare", lambda _: (Secret(url), url, None))
    try:
        yield
    finally:
        server.close()
        for each in connections:
            each.cancel()
        for outcome in await asyncio.gather(*connections, return_exceptions=True):
            assert outcome is None or isinstance(outcome, OSError | asyncio.CancelledError), outcome
        await asyncio.sleep(0)  # aborted transports are closed in the next step of the loop


CLOSE = bytes([0x80 | Opcode.CLOSE, 0x80 | 2])
"""The beginning of a client's close frame, which has 8 bytes."""


def test_pings_of_a_server_that_does_not_read_are_bounded(channel, monkeypatch):
    pings = Frame(Opcode.PING, b"p" * 125).serialize(mask=False) * 500
    client_has_paused = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()
        pongs = asyncio.create_task(read_pongs(reader, writer))
        for _ in range(400):  # 25 MB
            if not client_has_paused.is_set():
                writer.write(pings)
                await writer.drain()
        writer.write(Frame(Opcode.TEXT, b'{"messageType": "HELLO"}').serialize(mask=False))
        await pongs

    async def read_pongs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await client_has_paused.wait()
        writer.transport.resume_reading()
        while (await reader.read(100_000))[-8:-6] not in {CLOSE, b""}:
            pass

    async def main() -> None:
        async with raw_server(monkeypatch, serve), create_tablet(channel) as tablet:
            transport = tablet._supervisor._socket.transport
            reading = asyncio.create_task(anext(tablet))
            await wait_until(lambda: not transport.is_reading() or reading.done())
            assert transport.get_write_buffer_size() < 1_000_000
            client_has_paused.set()
            assert await reading == Unknown("HELLO", "")

    run_bounded(main)
