"""Host: a thread of its own, with an event loop and HTTP servers on loopback ports."""

from __future__ import annotations

import asyncio
import http
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

from kvs_notebook.sandbox.http.wire_format import TRANSPORT

LOOPBACK = "127.0.0.1"
REFUSED_WEBSOCKET = "ASGI callable returned without completing handshake."
INVALID_TEXT = "Invalid UTF-8 sequence received from client."
PATIENCE_SECONDS = 10.0

LONGEST_FRAME = 131_072
"""Bytes; a longer frame closes its connection with 1009 [6.5: the limit of the front end that the observations suggest]."""


class _Protocol(HttpToolsProtocol):
    """Let the application reach the transport, so that it can cut the connection as a network that fails does."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[TRANSPORT] = self.transport


class _WebSocket(WebSocketsSansIOProtocol):
    """Tell the application of whatever comes in, pings included, and let it cut the connection."""

    on_data: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        if self.on_data is not None:
            self.on_data()
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:  # what follows from it has not begun yet
            cast("dict[str, Any]", self.scope)[TRANSPORT] = self

    def shutdown(self) -> None:
        """End the connection, as uvicorn does; one that is ending already it would end once more, which is an error."""
        if self.handshake_complete and self.conn.state is not State.OPEN:
            self.transport.close()
        else:
            super().shutdown()

    def abort(self) -> None:
        self.transport.abort()


def _is_news(record: logging.LogRecord) -> bool:
    """Keep uvicorn from calling it an error that a WebSocket is refused, or that a client sends rubbish: both are answered."""
    return record.msg not in {REFUSED_WEBSOCKET, INVALID_TEXT}


class AsgiServer:
    """Run HTTP servers on one daemon thread until stopped."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._servers: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []
        self._thread = threading.Thread(target=self._run, name="kvs-notebook-sandbox", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def serve(self, app: Callable[..., Any], listener: socket.socket) -> None:
        """Serve an application on a socket; returns when it answers."""
        asyncio.run_coroutine_threadsafe(self._serving(app, listener), self._loop).result(PATIENCE_SECONDS)

    async def _serving(self, app: Callable[..., Any], listener: socket.socket) -> None:
        server = self.serve_soon(app, listener)
        while not server.started:  # noqa: ASYNC110 - uvicorn sets a flag and no event
            await asyncio.sleep(0.001)

    def serve_soon(
        self, app: Callable[..., Any], listener: socket.socket, context: ssl.SSLContext | None = None
    ) -> uvicorn.Server:
        """Begin to serve, called on the host's own thread; whoever connects before that waits in the socket's queue."""
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws=_WebSocket,
            ws_max_size=LONGEST_FRAME,
            ws_ping_interval=None,  # the service sends none: an idle peer is an idle peer
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
        )
        config.load()
        config.ssl = context
        logging.getLogger("uvicorn.error").addFilter(_is_news)  # the same function counts once
        server = uvicorn.Server(config)
        server.force_exit = True  # nobody waits for idle connections at the end
        self._servers.append((server, self._loop.create_task(server.serve([listener]))))
        return server

    def stop(self) -> None:
        """Stop every server, close its connections and end the thread; a second call does nothing."""
        if not self._thread.is_alive() or threading.current_thread() is self._thread:
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)

    async def _end(self) -> None:
        states = [server.server_state for server, _ in self._servers]
        # First: over TLS a transport that the server has closed gracefully could not be cut any more.
        for connection in [connection for state in states for connection in state.connections]:
            connection.transport.abort()
        for server, _ in self._servers:
            server.should_exit = True
        await asyncio.gather(*(task for _, task in self._servers))
        for connection in [connection for state in states for connection in state.connections]:
            connection.transport.abort()
        while any(state.connections for state in states):  # noqa: ASYNC110 - they are told by the loop
            await asyncio.sleep(0)  # until each has been told that its connection is gone
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:  # requests that are being delayed
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def listen(port: int) -> socket.socket:
    """Listen on a loopback port, 0 for any that is free.

    Raises
    ------
    OSError
        When the port is taken.
    """
    # asyncio sets TCP_NODELAY only on sockets that name their protocol: without it every reply takes 44 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener
