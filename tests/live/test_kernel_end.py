"""A kernel that ends while a viewer is on a channel: what it leaves on the channel, and what the next kernel finds."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import psutil
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

import kvs_notebook as kvs
from kvs_notebook import errors
from tests.live.scripted_cameras import clients_of
from tests.signaling.event_loop import run_bounded, wait_until

CALL = """
import time
import kvs_notebook as kvs
view = kvs.live.viewer("front-door")
view._handle_custom_msg({"kind": "start", "call": "a page's", "invitation": None}, [])
while view.state not in {"waiting", "failed"}:
    time.sleep(0.01)
print(view.state, view.status)
"""
"""A page starts a call; the page itself is not there, so the kernel's messages to it are sent and not read."""

SECONDS = 60
LINGERING_SECONDS = 7200


@pytest.fixture(scope="module")
def sandbox() -> Iterator[kvs.Sandbox]:
    """Yield a sandbox in which a viewer whose connection breaks counts for two hours, as observed."""
    assumptions = kvs.Assumptions(lingering_viewer_seconds=LINGERING_SECONDS, creating_seconds=0)
    with kvs.Sandbox(quotas=False, assumptions=assumptions) as started:
        yield started


@pytest.fixture
def channel(sandbox):
    sandbox.reset()
    connection = sandbox.connection()
    connection.rate_limiter.sleep = lambda _: None
    return kvs.create_channel("front-door", connection=connection), connection


@contextmanager
def kernel(sandbox: kvs.Sandbox) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """Yield a kernel of a notebook with a sandbox in its environment."""
    environment = sandbox.environment() | {"JPY_SESSION_NAME": "/home/me/doors.ipynb"}
    manager, client = start_new_kernel(env=environment, startup_timeout=SECONDS)
    try:
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def execute(client: BlockingKernelClient, code: str) -> str:
    """Return what a cell prints."""
    printed: list[str] = []
    client.execute_interactive(
        code, timeout=SECONDS, output_hook=lambda message: printed.append(str(message["content"]))
    )
    return "".join(printed)


async def viewers_that_fit(channel, connection) -> int:
    """Return how many further viewers the channel accepts."""
    async with AsyncExitStack() as viewers:
        for number in range(11):
            client = kvs.open_signaling(channel, client_id=f"tablet-{number}", connection=connection)
            try:
                await client.open(retry_throttled=False)
            except errors.Throttled:
                return number
            viewers.push_async_callback(client.close)
    raise AssertionError("The channel accepts more than 10 viewers")


async def call_beside_nine(channel, connection, client) -> str:
    """Call from the kernel while nine viewers are on the channel."""
    async with AsyncExitStack() as viewers:
        for number in range(9):
            other = kvs.open_signaling(channel, client_id=f"tablet-{number}", connection=connection)
            await viewers.enter_async_context(other)
        return await asyncio.to_thread(execute, client, CALL)


def test_place_lingers_for_the_successor_of_a_killed_kernel_only(sandbox, channel):
    """A kernel that is restarted frees its place at once; that of a killed one is taken by its successor."""
    with kernel(sandbox) as (manager, client):
        assert "waiting Calling the camera..." in execute(client, CALL)
        assert clients_of(sandbox) == 1
        assert psutil.Process(manager.provisioner.pid).children(recursive=True) == []
        for sent in (signal.SIGTERM, signal.SIGKILL):
            os.kill(manager.provisioner.pid, sent)
            run_bounded(lambda: wait_until(lambda: clients_of(sandbox) == 0))
            assert run_bounded(lambda: viewers_that_fit(*channel)) == 9
            manager.restart_kernel(now=True)
            client.wait_for_ready(SECONDS)
            assert "waiting" in run_bounded(lambda: call_beside_nine(*channel, client))
        run_bounded(lambda: wait_until(lambda: clients_of(sandbox) == 1))
        manager.restart_kernel()
        run_bounded(lambda: wait_until(lambda: clients_of(sandbox) == 0))
        assert run_bounded(lambda: viewers_that_fit(*channel)) == 10
