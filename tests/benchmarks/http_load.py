"""Send signed requests over raw sockets: an SDK would measure itself."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

HOST = "127.0.0.1"
END_OF_HEAD = b"\r\n\r\n"
CONTENT_LENGTH = b"\r\ncontent-length:"
SUCCESS = (b"http/1.1 200", b"http/1.0 200")


def sign_request(session: boto3.Session, port: int, path: str, body: Mapping[str, Any]) -> bytes:
    """Return the bytes of a POST request, signed with the current time."""
    data = json.dumps(body).encode()
    request = AWSRequest("POST", f"http://{HOST}:{port}{path}", {"Content-Type": "application/json"}, data)
    credentials = session.get_credentials()
    assert credentials is not None
    SigV4Auth(credentials, "kinesisvideo", session.region_name).add_auth(request)
    fields = {**dict(request.headers.items()), "Host": f"{HOST}:{port}", "Content-Length": str(len(data))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + data


def measure_latencies(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> list[float]:
    """Send requests in turn, one at a time on each connection, and return the seconds that each took.

    Connections are reused if the server keeps them alive.

    Raises
    ------
    RuntimeError
        If the status of a reply is not 200.
    """
    return asyncio.run(_all_connections(port, itertools.cycle(requests), connections, seconds))


async def _all_connections(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> list[float]:
    deadline = time.perf_counter() + seconds
    seconds_taken: list[float] = []

    async def keep_connected() -> None:
        loop = asyncio.get_running_loop()
        while time.perf_counter() < deadline:
            _, connection = await loop.create_connection(
                lambda: _Connection(requests, seconds_taken, deadline), HOST, port
            )
            await connection.ended

    await asyncio.gather(*(keep_connected() for _ in range(connections)))
    return seconds_taken


class _Connection(asyncio.Protocol):
    """Send requests one after the other until the deadline or until the server closes the connection."""

    def __init__(self, requests: Iterator[bytes], seconds_taken: list[float], deadline: float) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._seconds_taken = seconds_taken
        self._deadline = deadline

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        self._reply = b""
        self._waiting = True
        self._began = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._reply += data
        head = _head_of(self._reply)
        if head is None:
            return
        now = time.perf_counter()
        self._seconds_taken.append(now - self._began)
        self._waiting = False
        if now < self._deadline and b"\r\nconnection: close" not in head:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and self._waiting:
            exc = RuntimeError("The server closed a connection before it answered.")
        if exc is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(exc)


def _head_of(reply: bytes) -> bytes | None:
    """Return the head of a reply in lower case, or None if the reply is not complete."""
    end = reply.find(END_OF_HEAD)
    if end < 0:
        return None
    head = reply[: end + 2].lower()
    if not head.startswith(SUCCESS):
        raise RuntimeError(f"The server refused a request: {reply[:500].decode('latin-1')}")
    start = head.index(CONTENT_LENGTH) + len(CONTENT_LENGTH)
    length = int(head[start : head.index(b"\r\n", start)])
    return head if len(reply) >= end + len(END_OF_HEAD) + length else None
