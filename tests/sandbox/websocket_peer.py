"""A WebSocket peer that does not use this package's signaling client."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

import kvs_notebook as kvs

SECONDS = 40
OFFER, ANSWER, CANDIDATE = "SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE"


def payload(text: str = "hello") -> str:
    return base64.b64encode(json.dumps({"type": "x", "sdp": text}).encode()).decode()


def sent_text(frame: dict[str, Any]) -> tuple[str, str]:
    """Return the type and the text of a received frame."""
    return frame["messageType"], json.loads(base64.b64decode(frame["messagePayload"]))["sdp"]


class RawPeer:
    """Send and receive JSON frames."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, action: str, text: str = "hello", to: str | None = None, **members: Any) -> None:
        frame = {"action": action, "messagePayload": payload(text), **members}
        await self.socket.send(json.dumps(frame | ({"recipientClientId": to} if to is not None else {})))

    async def receive(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await self.socket.recv())
        return frame

    async def receive_many(self, count: int) -> list[tuple[str, str]]:
        return [sent_text(await self.receive()) for _ in range(count)]

    async def status(self) -> dict[str, str]:
        frame = await self.receive()
        assert frame["messageType"] == "STATUS_RESPONSE", frame
        status: dict[str, str] = frame["statusResponse"]
        return status

    async def closed(self) -> int:
        """Wait until the other side has closed; return its code."""
        await self.socket.wait_closed()
        return self.socket.close_code or 0


class Recorder:
    """Record the text sent to a peer; while it is not writable, the peer does not read."""

    def __init__(self) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self.got: list[dict[str, Any]] = []
        self.open = True
        self.code = 0

    async def send(self, text: str) -> bool:
        await self.writable.wait()
        if self.open:
            self.got.append(json.loads(text) if text else {})
        return self.open

    async def close(self, code: int, reason: str) -> None:
        del reason
        self.open, self.code = False, code


class ChannelSignaling:
    """A channel of a sandbox, with signed URLs and peers for it."""

    def __init__(self, sandbox: kvs.Sandbox, name: str = "front-door") -> None:
        self.sandbox = sandbox
        self.name = name
        self.connection = sandbox.connection()
        self.context: ssl.SSLContext = self.connection.tls_context("https://127.0.0.1")
        self.begin()

    def begin(self) -> None:
        """Create the channel if it does not exist, and forget the URLs of an earlier one."""
        client = self.connection.client()
        with suppress(client.exceptions.ResourceInUseException):
            client.create_signaling_channel(ChannelName=self.name)
        self.channel = kvs.describe_channel(self.name, connection=self.connection)
        self.arn: str = self.channel["channel_arn"].item()
        self.urls: dict[str | None, str] = {}

    def begin_again(self) -> None:
        """Reset the sandbox, which has no quotas, and create the channel again."""
        self.sandbox.reset()
        self.connection.rate_limiter.sleep = lambda _: None
        self.begin()

    def url(self, client_id: str | None = None) -> str:
        """Sign a URL, once for each client id: a MASTER's for None."""
        if client_id not in self.urls:
            role = "MASTER" if client_id is None else "VIEWER"
            signed = kvs.sign_url(self.channel, role=role, client_id=client_id, connection=self.connection)
            self.urls[client_id] = signed.reveal()
        return self.urls[client_id]

    def open(self, url: str, **options: Any) -> Any:
        return connect(url, ssl=self.context, proxy=None, compression=None, **{"ping_interval": None, **options})

    @asynccontextmanager
    async def peer(self, client_id: str | None = None, **options: Any) -> AsyncIterator[RawPeer]:
        async with asyncio.timeout(SECONDS), self.open(self.url(client_id), **options) as socket:
            yield RawPeer(socket)

    def master(self) -> Any:
        return self.peer()


def run(work: Any) -> Any:
    """Run a coroutine to its end in bounded time."""

    async def bounded() -> Any:
        async with asyncio.timeout(3 * SECONDS):
            return await work

    return asyncio.run(bounded())
