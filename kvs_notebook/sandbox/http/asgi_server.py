"""Thread with an event loop that serves ASGI applications with uvicorn on loopback ports."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
import threading
import weakref
from collections.abc import Callable
from email.utils import formatdate
from functools import cache, partial
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState

from kvs_notebook.sandbox.http.tls_transport import TlsTransport
from kvs_notebook.sandbox.http.wire_format import BAD_REQUEST, TRANSPORT

LOOPBACK = "127.0.0.1"
REFUSED_WEBSOCKET = "ASGI callable returned without completing handshake."
INVALID_TEXT = "Invalid UTF-8 sequence received from client."
TIMEOUT_SECONDS = 10.0
BACKLOG = 2048

CLOSING_SECONDS = 2.0
"""How long a peer may take to close a TLS connection that the sandbox has closed; then it is cut."""

END_SECONDS = 0.1
"""How long requests may take to end after their connections are cut."""

LONGEST_FRAME = 131_072
"""Bytes; a longer frame closes its connection with 1009 [6.5: the limit of the front end that the observations suggest]."""


LONGEST_HEAD = 65_536
"""Bytes of a request line with all headers; AWS's front ends accept 8 to 64 KiB. A longer one is answered with 431."""

REQUEST_SECONDS = 20.0
"""How long a client may take to send a request, its body included, and for the TLS handshake; then it is cut off."""

MOST_CONNECTIONS = 10_000
"""Connections that are open at a time, on a machine that allows as many descriptors."""

WARN_AGAIN_SECONDS = 60.0

OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of accept() after which asyncio waits a second, and logs an ERROR for each place in the queue, up to 2,048."""

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


_logger = logging.getLogger(__name__)


class _HttpProtocol(HttpToolsProtocol):
    """Limit the size of a request's head and the time of a request, which uvicorn does not.

    It also passes the transport to the application, which cuts the connection to simulate a network failure.
    """

    _head_size = 0  # of the request that is being received
    _unparsed = 0  # bytes since the parser has found something: it collects a name or value in memory until its end
    _head_is_too_large = _is_rejected = False
    _is_turned_away = False
    _deadline: asyncio.TimerHandle | None = None
    _running: RequestResponseCycle | None = None  # the last request that was passed to the application

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.server_state.connections) >= most_connections():
            self._is_turned_away = True
            transport.abort()
            return
        if is_ssl(transport):
            transport = cast("asyncio.Transport", TlsTransport(transport))
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_turned_away:
            return
        self._end_deadline()
        super().connection_lost(exc)
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True  # uvicorn tells only the last of pipelined requests
            self._running.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        if self._is_rejected:
            return  # dropped: closed with unread data, the connection would be reset before the client reads the response
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > LONGEST_HEAD:
            self._head_is_too_large = True
            self._reject()

    def handle_websocket_upgrade(self) -> None:
        self._end_deadline()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        self._reject()

    def _reject(self) -> None:
        """Answer a request that is not valid, unless another response is on its way, and close the connection."""
        if self._is_rejected:
            return
        self._is_rejected = True
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self.transport.abort()
            return
        self.transport.write(TOO_LARGE if self._head_is_too_large else BAD_REQUEST)
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._start_deadline()
        else:
            self.transport.close()

    # --- calls of the parser

    def on_message_begin(self) -> None:
        self._unparsed = self._head_size = 0
        self._start_deadline()
        self.server_state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[TRANSPORT] = self.transport

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._end_deadline()
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._unparsed = 0
        self._head_size += size
        if self._head_size > LONGEST_HEAD:
            self._head_is_too_large = True
            raise ValueError("head too large")  # stops the parser, so that uvicorn calls send_400_response()

    # --- the time of a request

    def _start_deadline(self) -> None:
        self._end_deadline()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._cut_off)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut_off(self) -> None:
        if self.flow.read_paused:  # the rest of the request waits for the response to another one
            self._start_deadline()
        else:
            self.transport.abort()


def _create_websocket_protocol(**options: Any) -> asyncio.Protocol:
    """Return the protocol of an upgraded connection; websockets is imported with the first, not at the sandbox's start."""
    from kvs_notebook.sandbox.http.websocket_protocol import WebSocketProtocol

    return WebSocketProtocol(**options)


def _is_news(record: logging.LogRecord) -> bool:
    """Filter out what uvicorn logs as errors but the sandbox answers: rejected WebSockets and invalid text."""
    return record.msg not in {REFUSED_WEBSOCKET, INVALID_TEXT}


@cache
def most_connections() -> int:
    """Return how many connections may be open: half of the descriptors, since the process may be a notebook's kernel."""
    try:
        import resource  # not on Windows
    except ImportError:
        return MOST_CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)


class _ExceptionHandler:
    """The exception handler of the server's event loop: it warns once a minute if a connection cannot be accepted."""

    def __init__(self) -> None:
        self._warned_at = -WARN_AGAIN_SECONDS

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in OUT_OF_DESCRIPTORS:
            loop.default_exception_handler(context)
        elif loop.time() - self._warned_at >= WARN_AGAIN_SECONDS:
            self._warned_at = loop.time()
            _logger.warning("New connections to the sandbox wait: %s. Close files or connections.", error.strerror)


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
        self._servers: list[asyncio.Task[asyncio.Server]] = []
        self._state = ServerState()

    @property
    def connections(self) -> list[Any]:
        """The protocols of all open connections."""
        return [*self._state.connections]

    def start(self) -> None:
        """Start the thread and its event loop."""
        self.loop = asyncio.SelectorEventLoop()
        self.loop.set_exception_handler(_ExceptionHandler())
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
        await self.serve_soon(app, listener)

    def serve_soon(
        self, app: Callable[..., Any], listener: socket.socket, context: ssl.SSLContext | None = None
    ) -> asyncio.Task[asyncio.Server]:
        """Begin to serve, called on this server's thread; earlier connections wait in the socket's queue.

        uvicorn parses HTTP and WebSockets only: its Server looks ten times a second whether to stop, and waits when it stops.
        """
        config = uvicorn.Config(
            app,
            http=_HttpProtocol,
            ws=_create_websocket_protocol,  # type: ignore[arg-type] # uvicorn calls it
            ws_max_size=LONGEST_FRAME,
            ws_ping_interval=None,  # the service sends none: they would count as traffic
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
        logging.getLogger("uvicorn.error").addFilter(_is_news)  # adding it again changes nothing
        opening = self.loop.create_server(
            partial(_HttpProtocol, config, self._state, {}),
            sock=listener,
            backlog=BACKLOG,
            ssl=context,
            ssl_handshake_timeout=None if context is None else REQUEST_SECONDS,
            ssl_shutdown_timeout=None if context is None else CLOSING_SECONDS,
        )
        self._servers.append(self.loop.create_task(opening))
        return self._servers[-1]

    def stop(self) -> None:
        """Stop every server, close its connections and end the thread; a second call does nothing."""
        if not self._thread.is_alive() or threading.current_thread() is self._thread:
            return
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result(TIMEOUT_SECONDS)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(TIMEOUT_SECONDS)

    async def _stop(self) -> None:
        for server in await asyncio.gather(*self._servers):
            server.close()
        await self._abort_connections()
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            _, late = await asyncio.wait(left, timeout=END_SECONDS)
            for task in late:  # requests that a fault delays
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            await self._abort_connections()  # of TLS handshakes that have ended meanwhile

    async def _abort_connections(self) -> None:
        """Cut every connection, and return when its protocol knows."""
        while self._state.connections:
            for connection in self.connections:
                connection.transport.abort()
            await asyncio.sleep(0.001)


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
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
