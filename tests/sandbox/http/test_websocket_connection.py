"""Frames and closes of several tasks over one WebSocket, whose peer reads, pauses and leaves at any moment."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from kvs_notebook.sandbox.http.data_plane import _WebSocketConnection
from tests.signaling.event_loop import run_bounded


class FakeServer:
    """A WebSocket of uvicorn: it waits until the peer reads, and rejects what is sent after a close as a bug."""

    def __init__(self) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self.transport = self
        self.sent: list[str] = []
        self._is_closing = self._close_sent = False

    def is_closing(self) -> bool:
        return self._is_closing

    def abort(self) -> None:
        self._is_closing = True
        self.writable.set()

    async def send(self, message: dict[str, Any]) -> None:
        await self.writable.wait()
        if self._is_closing:
            raise OSError
        if self._close_sent:
            raise RuntimeError(f"Unexpected ASGI message {message['type']!r}, after sending 'websocket.close'.")
        self._close_sent = message["type"] == "websocket.close"
        self.sent.append(message["type"])


ACTIONS = ("send", "send", "close", "pause", "read", "read", "leave", "let others run", "let others run")


@given(st.lists(st.sampled_from(ACTIONS), max_size=16))
@example(["pause", "send", "let others run", "close", "read"])
def test_nothing_is_sent_after_a_close_whatever_waits(actions):
    async def main() -> list[str]:
        server = FakeServer()
        connection = _WebSocketConnection(server, server.send)
        tasks: list[asyncio.Task[object]] = []
        for action in actions:
            if action == "send":
                tasks.append(asyncio.create_task(connection.send("{}")))
            elif action == "close":
                tasks.append(asyncio.create_task(connection.close(1001, "")))
            elif action == "pause":
                server.writable.clear()
            elif action == "read":
                server.writable.set()
            elif action == "leave":
                server.abort()
            else:
                await asyncio.sleep(0)
        server.writable.set()
        await asyncio.gather(*tasks)
        return server.sent

    sent = run_bounded(main)
    assert "websocket.close" not in sent[:-1]
