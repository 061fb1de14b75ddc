"""Tests of ReconnectSupervisor with connections that the tests script: no sandbox, no network."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from kvs_notebook import errors
from kvs_notebook.signaling import supervisor, websocket
from kvs_notebook.signaling.supervisor import MAX_BRIEF_CONNECTIONS, ReconnectSupervisor

BROKEN, CLOSED = "connection broken", "connection closed"
GO_AWAY = "GO_AWAY"


class ScriptedSocket:
    """A connection whose frames, and whose end, a test puts into ``incoming``."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[str] = asyncio.Queue()
        self.state = SimpleNamespace(name="OPEN")
        self.closed = False
        self.close_code: int | None = 1006

    async def __aiter__(self) -> AsyncIterator[str]:
        while (frame := await self.incoming.get()) != CLOSED:
            if frame == BROKEN:
                self.state.name = "CLOSED"
                raise ConnectionClosedError(None, None)
            yield frame
        self.state.name = "CLOSED"

    async def close(self) -> None:
        self.closed = True
        self.incoming.put_nowait(CLOSED)


class ScriptedConnector:
    """Opens scripted connections; ``outcomes`` are raised, or waited for, before the next ones."""

    operation = "ConnectAsViewer"
    channel = SimpleNamespace(label="front-door")

    def __init__(self, *outcomes: Exception | asyncio.Event | None) -> None:
        self.outcomes = [*outcomes]
        self.sockets: list[ScriptedSocket] = []
        self.retried: list[tuple[type[Exception], ...]] = []

    async def open(self, retry_on: tuple[type[Exception], ...]) -> ScriptedSocket:
        self.retried.append(retry_on)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not None:
            await outcome.wait()
        self.sockets.append(ScriptedSocket())
        return self.sockets[-1]


class Session:
    """A supervisor, what it received, and how it ended."""

    def __init__(self, connector: ScriptedConnector) -> None:
        self.connector = connector
        self.received: list[str] = []
        self.ended: list[Exception | None] = []
        self.breaks: list[tuple[int | None, float]] = []
        self.refused_breaks: list[Exception] = []
        self.supervisor = ReconnectSupervisor(connector, self._receive, self.ended.append, self._break)  # type: ignore[arg-type]

    def _break(self, code: int | None, seconds: float) -> None:
        self.breaks.append((code, round(seconds)))
        if self.refused_breaks:
            raise self.refused_breaks.pop()

    def _receive(self, frame: str) -> bool:
        self.received.append(frame)
        return frame == GO_AWAY

    async def connections(self, count: int) -> ScriptedSocket:
        """Return the newest connection once there are ``count``."""
        while len(self.connector.sockets) < count:  # noqa: ASYNC110 - the scripted connector has no event for it
            await asyncio.sleep(0)
        return self.connector.sockets[-1]

    async def receive(self, socket: ScriptedSocket, *frames: str) -> None:
        for frame in frames:
            socket.incoming.put_nowait(frame)
        while not socket.incoming.empty():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        await asyncio.sleep(0)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await main()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(bounded())


async def socket_used(socket: ScriptedSocket) -> ScriptedSocket:
    return socket


@pytest.fixture
def no_waits(monkeypatch) -> list[int]:
    """Record the failures that waits were computed for, and wait no time."""
    asked: list[int] = []
    monkeypatch.setattr(supervisor, "backoff_seconds", lambda failures: asked.append(failures) or 0.0)
    return asked


def test_frames_are_received_in_order_until_close():
    async def main() -> None:
        session = Session(ScriptedConnector())
        await session.supervisor.open()
        socket = await session.connections(1)
        await session.receive(socket, "1", "2")
        assert session.supervisor.is_connected
        await session.supervisor.close()
        await session.supervisor.close()
        assert (session.received, session.ended, socket.closed) == (["1", "2"], [None], True)
        assert not session.supervisor.is_connected

    run(main)


def test_first_connect_retries_throttling_only_and_raises():
    async def main() -> None:
        session = Session(ScriptedConnector(errors.EndpointUnreachable("Gone.")))
        with pytest.raises(errors.EndpointUnreachable):
            await session.supervisor.open()
        assert session.connector.retried == [(errors.Throttled,)]
        assert not session.supervisor.is_open
        with pytest.raises(errors.InvalidInput, match="is not connected"):
            session.supervisor.check_running()

    run(main)


def test_broken_connection_is_replaced_and_reading_continues(no_waits, caplog):
    async def main() -> None:
        session = Session(ScriptedConnector())
        await session.supervisor.open()
        (await session.connections(1)).incoming.put_nowait(BROKEN)
        second = await session.connections(2)
        await session.receive(second, "after")
        assert session.received == ["after"]
        assert session.connector.retried[1] == (errors.Throttled, errors.EndpointUnreachable, errors.ServiceFault)
        assert no_waits == []
        await session.supervisor.close()

    with caplog.at_level(logging.INFO, "kvs_notebook.signaling"):
        run(main)
    assert "ConnectAsViewer to front-door: the connection ended after 0.0 s, connecting again" in caplog.messages


def test_break_is_not_reconnected_if_the_caller_refuses(no_waits):
    async def main() -> None:
        session = Session(ScriptedConnector())
        await session.supervisor.open(retry_throttled=False)
        (await session.connections(1)).incoming.put_nowait(BROKEN)
        second = await session.connections(2)
        await session.receive(second, GO_AWAY)
        third = await session.connections(3)
        session.refused_breaks.append(errors.ChannelBusy("Displaced."))
        third.close_code = 1001
        third.incoming.put_nowait(CLOSED)
        while not session.ended:  # noqa: ASYNC110 - the end has no event
            await asyncio.sleep(0)
        assert session.breaks == [(1006, 0), (1001, 0)]
        assert session.connector.retried[0] == ()
        assert session.ended == [session.supervisor.failure]
        assert str(session.supervisor.failure) == "Displaced."
        await session.supervisor.close()

    run(main)


def test_go_away_reads_the_old_connection_to_its_end(caplog):
    async def main() -> None:
        opening = asyncio.Event()
        session = Session(ScriptedConnector(None, opening))
        await session.supervisor.open()
        first = await session.connections(1)
        await session.receive(first, GO_AWAY, "late", "later", GO_AWAY, "last")
        assert await session.supervisor.run(socket_used) is first
        opening.set()
        second = await session.connections(2)
        await session.receive(second, "new")
        assert first.closed
        assert await session.supervisor.run(socket_used) is second
        assert session.received == [GO_AWAY, "late", "later", GO_AWAY, "last", "new"]
        await session.supervisor.close()

    with caplog.at_level(logging.INFO, "kvs_notebook.signaling"):
        run(main)
    assert "ConnectAsViewer to front-door: the service sent GO_AWAY, connecting again" in caplog.messages


def test_sends_wait_until_the_old_connection_is_closed(monkeypatch):
    async def main() -> None:
        closing = asyncio.Event()

        async def close_slowly(socket: ScriptedSocket) -> None:
            await closing.wait()
            await socket.close()

        session = Session(ScriptedConnector())
        await session.supervisor.open()
        first = await session.connections(1)
        with monkeypatch.context() as patched:
            patched.setattr(supervisor, "close_websocket", close_slowly)
            await session.receive(first, GO_AWAY)
            second = await session.connections(2)
            sending = asyncio.create_task(session.supervisor.run(socket_used))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not sending.done()
            closing.set()
            assert await sending is second
        await session.supervisor.close()

    run(main)


def test_action_runs_again_with_the_next_connection():
    async def main() -> None:
        session = Session(ScriptedConnector())
        await session.supervisor.open()
        first = await session.connections(1)
        used: list[ScriptedSocket] = []

        async def act(socket: ScriptedSocket) -> str:
            used.append(socket)
            if socket is first:
                first.incoming.put_nowait(BROKEN)
                raise ConnectionClosedError(None, None)
            return "done"

        assert await session.supervisor.run(act) == "done"
        assert used == session.connector.sockets
        await session.supervisor.close()

    run(main)


def test_failed_reconnect_ends_the_session_with_its_error(caplog):
    async def main() -> None:
        session = Session(ScriptedConnector(None, errors.AccessDenied("No.")))
        await session.supervisor.open()
        first = await session.connections(1)
        sending = asyncio.create_task(session.supervisor.run(socket_used_after(first)))
        await asyncio.sleep(0)
        first.incoming.put_nowait(BROKEN)
        with pytest.raises(errors.AccessDenied):
            await sending
        with pytest.raises(errors.AccessDenied):
            session.supervisor.check_running()
        assert session.ended == [session.supervisor.failure]
        assert session.supervisor.is_open
        await session.supervisor.close()

    def socket_used_after(first: ScriptedSocket) -> Callable[[ScriptedSocket], Coroutine[Any, Any, ScriptedSocket]]:
        async def act(socket: ScriptedSocket) -> ScriptedSocket:
            if socket is first:
                raise ConnectionClosedError(None, None)
            return socket

        return act

    with caplog.at_level(logging.INFO, "kvs_notebook.signaling"):
        run(main)
    assert "ConnectAsViewer to front-door: reconnecting failed (AccessDenied)" in caplog.messages


@pytest.mark.parametrize("ends", [[BROKEN], [CLOSED], [GO_AWAY], [GO_AWAY, BROKEN], [BROKEN, GO_AWAY, CLOSED]])
def test_brief_connections_are_spaced_out_and_given_up(no_waits, ends):
    """However they end: closed, broken, or by GO_AWAY, in any mixture."""

    async def main() -> None:
        session = Session(ScriptedConnector())
        await session.supervisor.open()
        for count in range(1, MAX_BRIEF_CONNECTIONS + 1):
            (await session.connections(count)).incoming.put_nowait(ends[count % len(ends)])
        while not session.ended:  # noqa: ASYNC110 - ends with the last of them
            await asyncio.sleep(0)
        assert len(session.connector.sockets) == MAX_BRIEF_CONNECTIONS
        assert isinstance(session.ended[0], errors.EndpointUnreachable)
        assert "8 connections in a row ended within 10 s" in str(session.ended[0])
        assert no_waits == [2, 3, 4, 5, 6, 7]
        await session.supervisor.close()

    run(main)


def test_waits_between_brief_connections_end_within_20_seconds(monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr("random.uniform", lambda _, longest: longest)

    async def note(seconds: float) -> None:
        waits.append(seconds)

    async def main() -> None:
        session = Session(ScriptedConnector())
        monkeypatch.setattr(supervisor.asyncio, "sleep", note)
        for _ in range(MAX_BRIEF_CONNECTIONS - 1):
            await session.supervisor._wait_if_brief(0)
        monkeypatch.undo()

    run(main)
    assert waits == sorted(waits)
    assert 10 < sum(waits) < 20


@pytest.mark.parametrize(
    ("operation", "cause"),
    [("ConnectAsMaster", "another MASTER displaces"), ("ConnectAsViewer", "another viewer with the same client id")],
)
def test_hint_about_brief_connections_fits_the_role(no_waits, operation, cause):
    async def main() -> None:
        connector = ScriptedConnector()
        connector.operation = operation
        ended = Session(connector).supervisor
        with pytest.raises(errors.EndpointUnreachable, match=cause):
            for _ in range(MAX_BRIEF_CONNECTIONS):
                await ended._wait_if_brief(0)

    run(main)


def test_long_connection_resets_the_count_of_brief_ones(no_waits, monkeypatch):
    monkeypatch.setattr(supervisor, "BRIEF_SECONDS", 0.0)

    async def main() -> None:
        session = Session(ScriptedConnector())
        await session.supervisor.open()
        for count in range(1, 2 * MAX_BRIEF_CONNECTIONS):
            (await session.connections(count)).incoming.put_nowait(BROKEN)
        assert no_waits == []
        await session.supervisor.close()

    run(main)


def test_close_while_reconnecting_ends_waiting_sends():
    async def main() -> None:
        session = Session(ScriptedConnector(None, asyncio.Event()))
        await session.supervisor.open()
        first = await session.connections(1)
        first.incoming.put_nowait(BROKEN)
        while session.supervisor.is_connected:  # noqa: ASYNC110 - the scripted socket has no event for it
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        sending = asyncio.create_task(session.supervisor.run(socket_used))
        await asyncio.sleep(0)
        await session.supervisor.close()
        with pytest.raises(errors.InvalidInput, match="is not connected"):
            await sending
        assert session.ended == [None]

    run(main)


@pytest.mark.parametrize(("failures", "longest"), [(0, 0.2), (1, 0.4), (5, 6.4), (6, 10.0), (20, 10.0)])
def test_waits_are_random_below_a_bound_that_doubles(monkeypatch, failures, longest):
    monkeypatch.setattr("random.uniform", lambda low, high: (low, high))
    assert websocket.backoff_seconds(failures) == (0, pytest.approx(longest))
