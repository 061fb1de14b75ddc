"""Keep a client connected: the first connect, moves after GO_AWAY, and reconnects after a connection broke."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from kvs_notebook.errors import EndpointUnreachable, InvalidInput, KVSError, ServiceFault, Throttled
from kvs_notebook.signaling.websocket import WebSocketConnector, backoff_seconds, close_websocket

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

Result = TypeVar("Result")

FIRST_CONNECT_RETRIES: tuple[type[KVSError], ...] = (Throttled,)
RECONNECT_RETRIES: tuple[type[KVSError], ...] = (Throttled, EndpointUnreachable, ServiceFault)

BRIEF_SECONDS = 10.0
"""A connection that ends sooner has probably ended for a reason that persists, such as a second MASTER."""

MAX_BRIEF_CONNECTIONS = 8

LONGEST_WAIT_SECONDS = 3.0
"""Between brief connections: eight of them end within 20 s."""

DISPLACED_BY = {
    "ConnectAsMaster": "another MASTER",
    "ConnectAsViewer": "another viewer with the same client id",
}
"""What usually ends the connections of each role."""

_logger = logging.getLogger(__name__)


class ReconnectSupervisor:
    """Own the connection of a client from open() to close(): one task reads it, and opens the next one when it ends.

    A supervisor is opened once.

    Parameters
    ----------
    connector
        Opens connections.
    receive
        Called with each frame; returns True if the service asks in it to connect again (GO_AWAY).
    on_end
        Called when no more frames come: with the error that reconnecting failed with, or with None after close().
    before_reconnect
        Called when a connection has ended without GO_AWAY, with its close code and the seconds that it lasted. An error that it
        raises is the failure.

    Attributes
    ----------
    failure
        The error that reconnecting failed with, None before.
    """

    def __init__(
        self,
        connector: WebSocketConnector,
        receive: Callable[[str | bytes], bool],
        on_end: Callable[[Exception | None], None],
        before_reconnect: Callable[[int | None, float], None],
    ) -> None:
        self.failure: Exception | None = None
        self._connector = connector
        self._receive = receive
        self._on_end = on_end
        self._before_reconnect = before_reconnect
        self._socket: ClientConnection | None = None
        self._connected_at = 0.0
        self._brief_connections = 0
        self._usable = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """True between open() and close(), also if reconnecting failed."""
        return self._reader is not None

    @property
    def is_connected(self) -> bool:
        """True while a connection is open."""
        return self._reader is not None and self._socket is not None and self._socket.state.name == "OPEN"

    def check_running(self) -> None:
        """Raise the failure, or InvalidInput if the client was not opened or is closed."""
        if self._reader is None or self._reader.done():
            raise self.failure or InvalidInput(
                "The signaling client is not connected. Use it inside 'async with', or open() it."
            )

    async def open(self, *, retry_throttled: bool = True) -> None:
        """Connect, and stay connected on this event loop until close()."""
        socket = await self._connect(FIRST_CONNECT_RETRIES if retry_throttled else ())
        self._usable.set()
        self._reader = asyncio.create_task(self._stay_connected(socket))

    async def close(self) -> None:
        """Close the connection; a second call does nothing."""
        if self._reader is None:
            return
        reader, self._reader = self._reader, None
        reader.cancel()
        try:
            await asyncio.wait([reader])
        finally:
            self._on_end(None)
            self._usable.set()  # run() calls that wait for a connection now raise
            if self._socket is not None:
                await close_websocket(self._socket)

    async def run(self, action: Callable[[ClientConnection], Awaitable[Result]]) -> Result:
        """Run an action with the connection; if that ends meanwhile, run it again with the next one."""
        from websockets.exceptions import ConnectionClosed

        while True:
            socket = await self._usable_socket()
            try:
                return await action(socket)
            except ConnectionClosed:
                if self._socket is socket:
                    self._usable.clear()  # until the reader, which sees the end too, has connected again

    async def _usable_socket(self) -> ClientConnection:
        self.check_running()
        await self._usable.wait()
        self.check_running()
        assert self._socket is not None  # noqa: S101 - set before the reader is started
        return self._socket

    async def _connect(self, retry_on: tuple[type[KVSError], ...]) -> ClientConnection:
        self._socket = await self._connector.open(retry_on)
        self._connected_at = time.monotonic()
        return self._socket

    async def _stay_connected(self, socket: ClientConnection) -> None:
        try:
            while True:
                if await self._read_until_go_away(socket):
                    socket = await self._move(socket)
                else:
                    socket = await self._reconnect(socket)
        except Exception as error:  # noqa: BLE001 - raised by the calls that send and iterate
            _logger.warning("%s: reconnecting failed (%s)", self._label, type(error).__name__)
            self.failure = error
            self._usable.set()
            self._on_end(error)

    async def _move(self, old: ClientConnection) -> ClientConnection:
        """Open the next connection while the old one still carries messages, then read the old one to its end."""
        _logger.info("%s: the service sent GO_AWAY, connecting again", self._label)
        reading = asyncio.create_task(self._read_to_end(old))
        try:
            await self._wait_if_brief(time.monotonic() - self._connected_at)
            new = await self._connect(RECONNECT_RETRIES)
            self._usable.clear()  # messages sent from now on must not overtake those on the old connection
            await close_websocket(old)
            self._usable.set()
            await reading
        finally:
            reading.cancel()
        return new

    async def _reconnect(self, ended: ClientConnection) -> ClientConnection:
        """Open the next connection after one broke, later and later if several in a row were brief."""
        self._usable.clear()
        lasted = time.monotonic() - self._connected_at
        self._before_reconnect(ended.close_code, lasted)
        _logger.warning("%s: the connection ended after %.1f s, connecting again", self._label, lasted)
        await self._wait_if_brief(lasted)
        socket = await self._connect(RECONNECT_RETRIES)
        self._usable.set()
        return socket

    async def _wait_if_brief(self, lasted: float) -> None:
        """Count a connection that was brief, and wait before the next; raise EndpointUnreachable if too many were in a row."""
        self._brief_connections = self._brief_connections + 1 if lasted < BRIEF_SECONDS else 0
        if self._brief_connections >= MAX_BRIEF_CONNECTIONS:
            raise EndpointUnreachable(
                f"{self._label}: {MAX_BRIEF_CONNECTIONS} connections in a row ended within {BRIEF_SECONDS:g} s. Check "
                f"whether {DISPLACED_BY[self._connector.operation]} displaces this client; then open it again.",
                operation=self._connector.operation,
            )
        if self._brief_connections > 1:  # a single brief connection may be an accident: connect again at once
            await asyncio.sleep(min(backoff_seconds(self._brief_connections), LONGEST_WAIT_SECONDS))

    async def _read_to_end(self, socket: ClientConnection) -> None:
        while await self._read_until_go_away(socket):
            pass

    async def _read_until_go_away(self, socket: ClientConnection) -> bool:
        """Receive frames; return True after GO_AWAY, False when the connection has ended."""
        from websockets.exceptions import ConnectionClosed

        try:
            async for frame in socket:
                if self._receive(frame):
                    return True
        except ConnectionClosed:
            return False
        return False

    @property
    def _label(self) -> str:
        return f"{self._connector.operation} to {self._connector.channel.label}"
