"""Test cameras on channels of a sandbox, while a command takes their pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvs_notebook.aws.connection import Connection
    from kvs_notebook.live.background_run import Emit


@contextmanager
def sandbox_with_camera(channel_name: str) -> Iterator[Connection]:
    """Yield a connection to a sandbox with one channel, and a test camera on it."""
    from kvs_notebook.channels.operations import create_channel
    from kvs_notebook.sandbox.sandbox import Sandbox

    with Sandbox(clock="stepped") as sandbox:
        connection = sandbox.connection()
        channel = create_channel(channel_name, connection=connection)
        with _test_cameras([(channel, connection)]):
            yield connection


@contextmanager
def sandbox_with_cameras() -> Iterator[tuple[Connection, Sequence[str]]]:
    """Yield a connection to a sandbox and its regions: the example fleet, in which every second channel has a test camera."""
    from kvs_notebook.channels.operations import list_channels
    from kvs_notebook.sandbox.example_fleet import REGIONS
    from kvs_notebook.sandbox.sandbox import Sandbox

    with Sandbox() as sandbox:
        sandbox.seed()
        connections = [sandbox.connection(region=region) for region in REGIONS]
        rows = [(row, each) for each in connections for _, row in list_channels(connection=each)[::2].iterrows()]
        with _test_cameras(rows):
            yield sandbox.connection(), REGIONS


@contextmanager
def _test_cameras(channels: Sequence[tuple[Any, Connection]]) -> Iterator[None]:
    """Serve a test camera on each channel, on a thread."""
    import asyncio

    from kvs_notebook.live.background_run import iterate_in_background
    from kvs_notebook.live.test_camera import serve_test_camera

    async def serve(emit: Emit[None]) -> None:
        async with AsyncExitStack() as cameras:
            for channel, connection in channels:
                await cameras.enter_async_context(serve_test_camera(channel, connection=connection))
            emit(None)
            await asyncio.Event().wait()

    with closing(iterate_in_background(serve)) as serving:
        next(serving)
        yield
