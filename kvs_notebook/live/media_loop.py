"""The event loop on which live video does its signaling, on one daemon thread for all views of a process.

Callbacks of widgets run on different threads in different versions of ipykernel, and cells have an event loop of their own: tasks
of one cannot be awaited on the other. This loop serves all of them, also while a cell runs.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

CLOSING_SECONDS = 5.0
"""How long the end of the process waits for connections to close; a kernel that ends is killed after about as long."""

_logger = logging.getLogger(__name__)


class MediaLoop:
    """An event loop that runs on a daemon thread until the process ends."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._closers: set[Callable[[], Awaitable[object]]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kvs-live", daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., object], *args: object) -> None:
        """Call a function on the loop, in a copy of the caller's context: messages to a page need it to find their kernel."""
        self._loop.call_soon_threadsafe(function, *args, context=contextvars.copy_context())

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop and return its result; raise TimeoutError and cancel it after ``timeout`` seconds."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()  # also if the user interrupts the cell
            raise

    def close_at_exit(self, closer: Callable[[], Awaitable[object]]) -> None:
        """Await what ``closer`` returns when the process ends, unless :meth:`forget` is called before."""
        self._closers.add(closer)

    def forget(self, closer: Callable[[], Awaitable[object]]) -> None:
        """Undo close_at_exit()."""
        self._closers.discard(closer)

    def stop(self) -> None:
        """Close what is open, and end the thread."""

        async def close_all() -> None:
            await asyncio.gather(*(close() for close in [*self._closers]))

        try:
            self.run(close_all(), CLOSING_SECONDS)
        except TimeoutError:
            _logger.warning("Live video: connections did not close within %g s", CLOSING_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSING_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()


_lock = threading.Lock()
_started: MediaLoop | None = None


def media_loop() -> MediaLoop:
    """Return the loop of this process, started on first use and stopped when the process ends."""
    global _started  # noqa: PLW0603 - one loop for the process
    with _lock:
        if _started is None:
            _started = MediaLoop()
            atexit.register(_started.stop)
        return _started
