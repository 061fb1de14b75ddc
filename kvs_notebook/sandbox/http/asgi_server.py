"""Thread with an event loop that serves ASGI applications with uvicorn on loopback ports."""

from __future__ import annotations

import asyncio
import http
import logging
import os
import socket
import ssl
import threading
import weakref
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
TIMEOUT_SECONDS = 10.0

LONGEST_FRAME = 131_072
"""Bytes; a longer frame closes its connection with 1009 [6.5: the limit of the front end that the observations suggest]."""


class _HttpProtocol(HttpToolsProtocol):
    """Pass the transport to the application, which cuts the connection to simulate a network failure."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[TRANSPORT] = self.transport


class _WebSocketProtocol(WebSocketsSansIOProtocol):
    """Report all data that comes in, pings included, to the application, and let it cut the connection."""

    on_data: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        if self.on_data is not None:
            self.on_data()
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:  # the application has not been called yet
            cast("dict[str, Any]", self.scope)[TRANSPORT] = self

    def shutdown(self) -> None:
        """Close the connection as uvicorn does, but not a second time, which would be an error."""
        if self.handshake_complete and self.conn.state is not State.OPEN:
            self.transport.close()
        else:
            super().shutdown()

    def abort(self) -> None:
        self.transport.abort()


def _is_news(record: logging.LogRecord) -> bool:
    """Filter out what uvicorn logs as errors but the sandbox answers: rejected WebSockets and invalid text."""
    return record.msg not in {REFUSED_WEBSOCKET, INVALID_TEXT}


_listeners: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def _close_listeners() -> None:
    """Close the sockets that a forked child inherits: else a port would stay open after its server has stopped."""
    for listener in _listeners:
        listener.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_listeners)


class AsgiServer:
    """Serve ASGI applications on one daemon thread from :meth:`start` to :meth:`stop`."""

    def __init__(self) -> None:
        self._servers: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    def start(self) -> None:
        """Start the thread and its event loop."""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="kvs-notebook-sandbox", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def serve(self, app: Callable[..., Any], listener: socket.socket) -> None:
        """Serve an application on a socket, and return when it answers."""
        asyncio.run_coroutine_threadsafe(self._serve(app, listener), self.loop).result(TIMEOUT_SECONDS)

    async def _serve(self, app: Callable[..., Any], listener: socket.socket) -> None:
        server = self.serve_soon(app, listener)
        while not server.started:  # noqa: ASYNC110 - uvicorn sets a flag and no event
            await asyncio.sleep(0.001)

    def serve_soon(
        self, app: Callable[..., Any], listener: socket.socket, context: ssl.SSLContext | None = None
    ) -> uvicorn.Server:
        """Begin to serve, called on this server's thread; earlier connections wait in the socket's queue."""
        config = uvicorn.Config(
            app,
            http=_HttpProtocol,
            ws=_WebSocketProtocol,
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
        _listeners.add(listener)
        config.load()
        config.ssl = context
        logging.getLogger("uvicorn.error").addFilter(_is_news)  # adding it again changes nothing
        server = uvicorn.Server(config)
        server.force_exit = True  # do not wait for idle connections at the end
        self._servers.append((server, self.loop.create_task(server.serve([listener]))))
        return server

    def stop(self) -> None:
        """Stop every server, close its connections and end the thread; a second call does nothing."""
        if not self._thread.is_alive() or threading.current_thread() is self._thread:
            return
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result(TIMEOUT_SECONDS)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(TIMEOUT_SECONDS)

    async def _stop(self) -> None:
        # First: over TLS a transport that the server has closed gracefully could not be cut any more.
        self._abort_connections()
        for server, _ in self._servers:
            server.should_exit = True
        await asyncio.gather(*(task for _, task in self._servers))
        self._abort_connections()
        while any(server.server_state.connections for server, _ in self._servers):  # noqa: ASYNC110 - the loop tells them
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:  # requests that a fault delays
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _abort_connections(self) -> None:
        for connection in [each for server, _ in self._servers for each in server.server_state.connections]:
            connection.transport.abort()


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a loopback port; 0 takes any free one.

    Raises
    ------
    OSError
        If the port is taken.
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
