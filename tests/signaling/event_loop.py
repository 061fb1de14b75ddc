"""Run coroutines with signaling clients, bounded in time and without tasks left over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pandas as pd

import kvs_notebook as kvs
from kvs_notebook.secret import Secret
from kvs_notebook.signaling.client import SignalingClient

BOUND_SECONDS = 30


def run_bounded(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Return the result of a coroutine, run on an event loop of its own; fail if it leaves a task behind."""

    async def bounded() -> Any:
        async with asyncio.timeout(BOUND_SECONDS):
            result = await main()
            for _ in range(3):  # tasks that were cancelled end first
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return result

    return asyncio.run(bounded())


async def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition without an event of its own is true."""
    while not condition():  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.002)


def create_pair(channel: pd.DataFrame) -> tuple[SignalingClient, SignalingClient]:
    """Return a MASTER and the viewer ``tablet``, not yet connected."""
    return kvs.open_signaling(channel, role="MASTER"), create_tablet(channel)


def create_tablet(channel: object) -> SignalingClient:
    """Return the viewer ``tablet``, not yet connected."""
    return kvs.open_signaling(channel, client_id="tablet")  # type: ignore[arg-type]


async def break_connection(client: SignalingClient) -> None:
    """Break a client's connection, as a network that fails does."""
    socket = client._supervisor._socket
    assert socket is not None
    socket.transport.abort()
    await socket.wait_closed()


def query_parameters(url: Secret) -> dict[str, str]:
    """Return the query parameters of a signed URL, each of which it has once."""
    stated = parse_qsl(urlsplit(url.reveal()).query, strict_parsing=True)
    assert len(dict(stated)) == len(stated)
    return dict(stated)
