"""The media loop runs coroutines for other threads, and closes what is open when the process ends."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from kvs_notebook.live.media_loop import MediaLoop

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE")


def test_functions_run_on_the_thread_in_the_caller_context():
    loop = MediaLoop()
    seen, done = [], threading.Event()
    VARIABLE.set("of the caller")
    loop.submit(lambda: (seen.append((threading.current_thread().name, VARIABLE.get())), done.set()))
    assert done.wait(10)
    assert seen == [("kvs-live", "of the caller")]
    loop.stop()


def test_run_cancels_what_takes_too_long():
    loop = MediaLoop()
    cancelled = threading.Event()

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        loop.run(wait_for_ever(), 0.01)
    assert cancelled.wait(10)
    loop.stop()


def test_stop_closes_what_is_open_but_not_what_was_forgotten():
    loop = MediaLoop()
    closed = []

    async def first() -> None:
        closed.append("first")

    async def second() -> None:
        closed.append("second")

    loop.close_at_exit(first)
    loop.close_at_exit(second)
    loop.forget(second)
    loop.stop()
    assert closed == ["first"]
    assert not loop._thread.is_alive()
