"""WebSocket protocol of the sandbox; a module of its own, because it is imported with the first upgrade only."""

from __future__ import annotations

import http
from collections.abc import Callable
from typing import Any, cast

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from kvs_notebook.sandbox.http.wire_format import BAD_REQUEST, TRANSPORT


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Read nothing from a peer that does not read what is written to it, pongs included: else they would fill the memory.

    It also reports all data that comes in, pings included, to the application, and lets it cut the connection.
    """

    on_data: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        """Report that data has come, and parse it."""
        if self.on_data is not None:
            self.on_data()
        super().data_received(data)
        self._pause_reading_if_not_writable()

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next message for the application."""
        message = await super().receive()
        self._pause_reading_if_not_writable()  # uvicorn has resumed it
        return message

    def resume_writing(self) -> None:
        """Read again, now that the peer has read."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def _pause_reading_if_not_writable(self) -> None:
        if not self.writable.is_set() and not self.transport.is_closing():
            self.transport.pause_reading()

    def handle_cont(self, event: Frame) -> None:
        """Handle a continuation frame; an empty one that is not the last is dropped."""
        if event.data or event.fin:  # uvicorn keeps each fragment of a message, also those without a byte
            super().handle_cont(event)

    def handle_parser_exception(self) -> None:
        """Answer bytes that are not valid: before the handshake with 400."""
        if self.conn.close_sent is None:  # the upgrade itself is not valid
            self.handshake_complete = True
            self.transport.write(BAD_REQUEST)
            self.transport.close()
        else:
            super().handle_parser_exception()

    def handle_connect(self, event: Request) -> None:
        """Handle the handshake, and pass this protocol to the application."""
        super().handle_connect(event)
        if self.response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:  # the application has not been called yet
            cast("dict[str, Any]", self.scope)[TRANSPORT] = self

    def abort(self) -> None:
        """Cut the connection."""
        self.transport.abort()
