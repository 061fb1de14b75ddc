"""A connection that is lost at any moment is no error in the log, whatever the application or its server does afterwards."""

from __future__ import annotations

import asyncio
import logging
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
import trustme
import uvicorn
from uvicorn.server import ServerState

from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.http.application import Application
from kvs_notebook.sandbox.http.asgi_server import _create_websocket_protocol, _HttpProtocol, _is_news
from kvs_notebook.sandbox.http.data_plane import _WebSocketConnection
from kvs_notebook.sandbox.http.wire_format import TRANSPORT, ConnectionCut, Response
from tests.sandbox.raw_client import UPGRADE, frame, head

STEPS = 14
"""Turns of the event loop in which the connection is lost once each; every exchange of this file ends in fewer."""


class _Slow(Application):
    """Respond after two turns of the event loop, or cut the connection, and send back what a WebSocket receives."""

    async def respond(self, request: Any) -> Response:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if request.path == "/cut":
            raise ConnectionCut
        return Response(200, b"{}")

    async def serve_websocket(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        if scope["path"] == "/rejected":
            raise ServiceError("ResourceNotFoundException", "No signaling here.")
        if scope["path"] == "/cut":
            raise ConnectionCut
        connection = _WebSocketConnection(scope[TRANSPORT], send)
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await asyncio.sleep(0)
            await connection.send(message["text"])
            if message["text"] == "close":
                await connection.close(1000, "")


@dataclass
class _Socket(asyncio.Transport):
    """The transport below TLS: the client reads what is written to it."""

    loop: asyncio.AbstractEventLoop
    protocol: Any
    incoming: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)
    closing: bool = False

    def write(self, data: Any) -> None:
        self.incoming.write(bytes(data))

    def lose(self, error: Exception | None = None) -> None:
        if not self.closing:
            self.closing = True
            self.loop.call_soon(self.protocol.connection_lost, error)

    close = abort = _force_close = lose

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@cache
def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the settings of a server and of its client; creating keys takes long."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


class _Connection:
    """A TLS connection to an application: both ends on one event loop, without a socket."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        config = uvicorn.Config(
            _Slow(),
            http=_HttpProtocol,
            ws=_create_websocket_protocol,  # type: ignore[arg-type]
            ws_ping_interval=None,
            lifespan="off",
            log_config=None,
        )
        config.load()
        server, client = tls_contexts()
        self.app = _HttpProtocol(config, ServerState(), {})
        self.tls: Any = SSLProtocol(loop, self.app, server, None, server_side=True)
        self.socket = _Socket(loop, self.tls)
        self._sent = ssl.MemoryBIO()
        self._client = client.wrap_bio(self.socket.incoming, self._sent, server_hostname="localhost")
        self.tls.connection_made(self.socket)
        for _ in range(3):
            with suppress(ssl.SSLWantReadError):
                self._client.do_handshake()
            self._deliver()

    def _deliver(self) -> None:
        """Pass to the server what the client has sent."""
        if data := self._sent.read():
            self.tls.get_buffer(len(data))[: len(data)] = data
            self.tls.buffer_updated(len(data))

    def send(self, data: bytes) -> None:
        self._client.write(data)
        self._deliver()

    # --- how it ends

    def reset(self) -> None:
        """Lose the connection as by a RST."""
        self.socket.lose(ConnectionResetError())

    def vanish(self) -> None:
        """Lose the connection without an error."""
        self.socket.lose()

    def cut(self) -> None:
        """Let the server cut the connection, as it does for a fault or when it stops."""
        self.app.transport.abort()

    def close(self) -> None:
        """Let the client close TLS, then the connection."""
        with suppress(ssl.SSLError):
            self._client.unwrap()
        self._deliver()
        self.half_close()

    def half_close(self) -> None:
        """Let the client end the stream without closing TLS."""
        if not self.tls.eof_received():
            self.socket.lose()


VIEWER = head(b"GET /v", UPGRADE)
OPEN = [VIEWER, b"", b"", b""]
EXCHANGES: dict[str, list[bytes]] = {
    "one request": [head(b"GET /")],
    "two requests": [head(b"GET /"), head(b"GET /")],
    "the last request": [b"GET / HTTP/1.0\r\n\r\n"],
    "pipelined": [head(b"GET /") * 3],
    "pipelined after the last": [head(b"GET /", b"connection: close\r\n") + head(b"GET /") * 2],
    "pipelined and damaged": [head(b"GET /") * 2 + b"\0"],
    "damaged later": [head(b"GET /"), b"\0", b"\0"],
    "half a body": [head(b"POST /", b"content-length: 2\r\n"), b"{"],
    "continue": [head(b"POST /", b"expect: 100-continue\r\ncontent-length: 2\r\n")],
    "cut": [head(b"GET /cut")],
    "cut before others": [head(b"GET /cut") + head(b"GET /") * 2],
    "upgrade that is cut": [head(b"GET /cut", UPGRADE)],
    "upgrade with frames that is cut": [head(b"GET /cut", UPGRADE) + frame(1, b"a") * 2],
    "rejected": [head(b"GET /rejected", UPGRADE)],
    "rejected with frames": [head(b"GET /rejected", UPGRADE), frame(1, b"a"), frame(8, b"")],
    "damaged upgrade": [head(b"GET /v", b"upgrade: websocket\r\nconnection: upgrade\r\n"), frame(1, b"a")],
    "WebSocket": [VIEWER],
    "frames": [VIEWER, frame(1, b"a") * 9, frame(9, b"p") + frame(1, b"b")],
    "early frames": [VIEWER, frame(1, b"a") + frame(9, b"p"), b"", frame(8, b"")],
    "closed by the client": [*OPEN, frame(1, b"a") + frame(8, b"") + frame(9, b"p"), frame(1, b"a")],
    "closed by the server": [*OPEN, frame(1, b"close") + frame(1, b"a"), frame(9, b"p"), b"", frame(8, b"")],
    "damaged frame": [*OPEN, frame(1, b"a") + frame(3, b""), frame(1, b"a")],
    "text that is not UTF-8": [*OPEN, frame(1, b"a"), frame(1, b"\xff"), frame(9, b"p")],
}
"""What a client sends, with a turn of the event loop after each part."""

ENDS = [_Connection.reset, _Connection.vanish, _Connection.cut, _Connection.close, _Connection.half_close]


async def exchange(parts: list[bytes], end: Callable[[_Connection], None], step: int, failures: list[Any]) -> set[Any]:
    """Send parts, end the connection after a number of turns, and return the tasks that never end."""
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    connection = _Connection()
    for turn in range(STEPS):
        if turn == step:
            end(connection)
        if turn < min(step, len(parts)) and parts[turn] and not connection.socket.closing:
            connection.send(parts[turn])
        await asyncio.sleep(0)
    assert connection.socket.closing, step
    for _ in range(STEPS):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for timer in (connection.app._deadline, connection.app.timeout_keep_alive_task):
        if timer is not None:
            timer.cancel()
    return left


@pytest.mark.draw(1, of_each=("what",))
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
@pytest.mark.parametrize("what", EXCHANGES)
def test_connection_lost_at_any_moment_is_no_error(what, end, caplog):
    logger = logging.getLogger("uvicorn.error")
    logger.addFilter(_is_news)  # as the server does
    for step in range(STEPS):
        failures: list[Any] = []
        assert asyncio.run(exchange(EXCHANGES[what], end, step, failures)) == set(), step
        assert failures == [], step
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == [], step
