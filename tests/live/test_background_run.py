"""A coroutine on a thread of its own: what it returns and raises, and that no connection is left when it was cancelled."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import ssl
import threading
from contextlib import closing, suppress

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.server import ServerProtocol

from kvs_notebook.live import picture_call
from kvs_notebook.live.background_run import iterate_in_background, run_in_background
from kvs_notebook.signaling.websocket import close_websocket
from tests.signaling.event_loop import run_bounded

SECONDS = 30
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE")


def test_result_and_error_reach_the_caller_whose_loop_runs():
    async def fail():
        raise LookupError("none")

    async def main():
        with pytest.raises(LookupError, match="none"):
            run_in_background(fail)
        return run_in_background(lambda: asyncio.sleep(0, threading.current_thread().name))

    assert asyncio.run(main()) == "kvs-notebook-video"


def test_coroutine_has_the_context_of_the_caller():
    VARIABLE.set("of the caller")

    async def read():
        return VARIABLE.get()

    assert run_in_background(read) == "of the caller"


def test_items_come_before_the_error_that_ends_them():
    async def produce(emit):
        emit(1)
        emit(2)
        raise LookupError("no third")

    items = iterate_in_background(produce)
    assert (next(items), next(items)) == (1, 2)
    with pytest.raises(LookupError, match="no third"):
        next(items)


def test_closing_waits_until_a_cancelled_coroutine_has_ended():
    ended = []

    async def produce(emit):
        try:
            emit("begun")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(threading.current_thread().name)

    with closing(iterate_in_background(produce)) as items:
        assert next(items) == "begun"
    assert ended == ["kvs-notebook-video"]


def test_call_that_hangs_is_not_waited_for():
    hangs = threading.Event()

    async def produce(emit):
        work = asyncio.create_task(asyncio.to_thread(hangs.wait, SECONDS))
        emit("begun")
        await work

    with closing(iterate_in_background(produce)) as items:
        next(items)
    assert not hangs.is_set()
    hangs.set()


# --- connections that are left


def test_connection_that_was_not_closed_is_aborted_at_the_end():
    """For instance a peer connection whose close() did not end in time."""

    async def main():
        left = asyncio.Event()

        async def serve(reader, writer):
            with suppress(ConnectionError):
                await reader.read()
            writer.transport.abort()
            left.set()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()

            async def leave_open():
                loop = asyncio.get_running_loop()
                await loop.create_connection(asyncio.Protocol, *address)
                await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))

            await asyncio.to_thread(run_in_background, leave_open)
            await left.wait()

    run_bounded(main)
    gc.collect()  # warns of a socket that is left, which fails a test


class SilentServer:
    """A WebSocket server that falls silent in one phase of a connection: at its handshake of TLS, its upgrade or its close."""

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.is_silent, self.is_left = asyncio.Event(), asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Accept the WebSocket if the phase is a later one; then read until the client ends the connection."""
        protocol = ServerProtocol()
        with suppress(ConnectionError):
            while data := await reader.read(10_000):
                protocol.receive_data(data)
                if self.phase == "close" and not self.is_silent.is_set():
                    protocol.send_response(protocol.accept(protocol.events_received()[0]))
                    writer.writelines(protocol.data_to_send())
                self.is_silent.set()
        writer.transport.abort()
        self.is_left.set()


@pytest.mark.parametrize("phase", ["handshake", "upgrade", "close"])
def test_cancelled_connection_to_a_silent_peer_leaves_no_socket(phase, monkeypatch):
    monkeypatch.setattr(picture_call, "CLOSING_SECONDS", 0.01)
    ca = trustme.CA()
    server_context, client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(server_context)
    ca.configure_trust(client_context)

    async def main():
        silent, opened = SilentServer(phase), threading.Event()
        context = None if phase == "handshake" else server_context
        async with await asyncio.start_server(silent.serve, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]

            async def produce(emit):
                emit("begun")
                socket = await connect(f"wss://127.0.0.1:{port}", ssl=client_context, proxy=None)
                opened.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    await picture_call.within_closing_time(lambda: close_websocket(socket))

            with closing(iterate_in_background(produce)) as items:
                await asyncio.to_thread(next, items)
                await silent.is_silent.wait()
                if phase == "close":
                    await asyncio.to_thread(opened.wait)
                await asyncio.to_thread(items.close)
            await silent.is_left.wait()

    run_bounded(main)
    gc.collect()  # warns of a socket that is left, which fails a test
