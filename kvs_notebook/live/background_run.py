"""Run a coroutine to its end on its own thread, so that synchronous calls work in a notebook, whose event loop runs."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from typing import Any, TypeVar
from weakref import WeakSet

from kvs_notebook.live.media_logs import safe_line

Item = TypeVar("Item")
Emit = Callable[[Item], None]

THREADS = 32
"""For API calls of the coroutine."""

_logger = logging.getLogger(__name__)


class _AbandoningExecutor(ThreadPoolExecutor):
    """Threads for API calls; one that hangs is left to its own timeout when the coroutine has ended."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().shutdown(wait=False, cancel_futures=True)


class _End:
    """The last item of a run: the error that ended it, None if it has succeeded."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _TrackingEventLoop(asyncio.SelectorEventLoop):
    """An event loop that can abort the connections that are open when a run ends.

    A connection that does not close in time, because its peer is silent, would leave its socket to the garbage collector.
    """

    def __init__(self) -> None:
        super().__init__()
        self._opened: WeakSet[asyncio.WriteTransport | asyncio.DatagramTransport] = WeakSet()

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        """Open a TCP connection."""
        transport, protocol = await super().create_connection(*args, **options)
        self._opened.add(transport)
        return transport, protocol

    async def create_datagram_endpoint(self, *args: Any, **options: Any) -> Any:
        """Open a UDP socket."""
        transport, protocol = await super().create_datagram_endpoint(*args, **options)
        self._opened.add(transport)
        return transport, protocol

    def abort_connections(self) -> None:
        """Close every connection that is open, without its closing handshake."""
        for transport in [*self._opened]:
            transport.abort()


class _Run:
    """One run of a coroutine; ``items`` ends with an _End when all that it has opened is closed."""

    def __init__(self, produce: Callable[[Emit[Any]], Coroutine[Any, Any, None]]) -> None:
        self.items: SimpleQueue[Any] = SimpleQueue()
        self._produce = produce
        self._loop = _new_event_loop()
        self._runner = asyncio.Runner(loop_factory=lambda: self._loop)
        self._cancelled = threading.Event()
        work = contextvars.copy_context()
        self._thread = threading.Thread(target=work.run, args=(self._work,), name="kvs-notebook-video", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        """Cancel the coroutine and wait until it has closed what it has opened."""
        self._cancelled.set()
        if self._thread.is_alive():
            # The loop is closed by its own thread, which may happen now: then nothing is left to cancel.
            try:
                self._loop.call_soon_threadsafe(self._cancel_task)
            except RuntimeError:
                if not self._loop.is_closed():
                    raise
        self._thread.join()

    def _cancel_task(self) -> None:
        self._task.cancel()

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            with self._runner:
                self._runner.run(self._main())
        except BaseException as raised:  # noqa: BLE001 - raised again in the thread that waits
            error = raised
        self.items.put(_End(error))

    async def _main(self) -> None:
        self._task = asyncio.ensure_future(self._produce(self.items.put))
        if self._cancelled.is_set():
            self._task.cancel()
        try:
            await self._task
        finally:
            self._loop.abort_connections()


def _new_event_loop() -> _TrackingEventLoop:
    loop = _TrackingEventLoop()
    loop.set_exception_handler(_log_exception)
    loop.set_default_executor(_AbandoningExecutor(THREADS, thread_name_prefix="kvs-notebook-video"))
    return loop


def _log_exception(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what a task that is never awaited has raised: aioice leaves some, such as a look-up of a STUN server."""
    error = context.get("exception")
    what = error if error is None else safe_line(f"{type(error).__name__}: {error}")
    _logger.warning("%s: %s", context["message"], what)


def iterate_in_background(produce: Callable[[Emit[Item]], Coroutine[Any, Any, None]]) -> Generator[Item, None, None]:
    """Yield what a coroutine emits while it runs, then raise its error if it failed.

    If the iteration is closed or interrupted, the coroutine is cancelled, and has closed everything when this returns.
    """
    run = _Run(produce)
    run.start()
    try:
        while not isinstance(item := run.items.get(), _End):
            yield item
    finally:
        run.cancel()
    if item.error is not None:
        raise item.error


def run_in_background(work: Callable[[], Coroutine[Any, Any, Item]]) -> Item:
    """Return the result of a coroutine; an interrupt cancels it and waits until it has closed everything."""

    async def produce(emit: Emit[Item]) -> None:
        emit(await work())

    with closing(iterate_in_background(produce)) as items:
        found = [*items]
    return found[0]
