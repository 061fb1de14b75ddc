"""Load: signed requests sent raw over sockets, since an SDK would measure itself."""

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
HEAD_ENDS = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"
SUCCESS = (b"http/1.1 200", b"http/1.0 200")


def signed(session: boto3.Session, port: int, path: str, body: Mapping[str, Any]) -> bytes:
    """Give one POST as it goes over the wire, signed now."""
    data = json.dumps(body).encode()
    request = AWSRequest("POST", f"http://{HOST}:{port}{path}", {"Content-Type": "application/json"}, data)
    credentials = session.get_credentials()
    assert credentials is not None
    SigV4Auth(credentials, "kinesisvideo", session.region_name).add_auth(request)
    fields = {**dict(request.headers.items()), "Host": f"{HOST}:{port}", "Content-Length": str(len(data))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + data


def latencies(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> list[float]:
    """Send requests in turn, each connection one at a time, and give the seconds that each took.

    A connection is kept alive where the server lets it, else made anew.

    Raises
    ------
    RuntimeError
        For a reply that is no 200.
    """
    return asyncio.run(_all_connections(port, itertools.cycle(requests), connections, seconds))


async def _all_connections(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> list[float]:
    deadline = time.perf_counter() + seconds
    taken: list[float] = []

    async def keep_connected() -> None:
        loop = asyncio.get_running_loop()
        while time.perf_counter() < deadline:
            _, connection = await loop.create_connection(lambda: _Connection(requests, taken, deadline), HOST, port)
            await connection.ended

    await asyncio.gather(*(keep_connected() for _ in range(connections)))
    return taken


class _Connection(asyncio.Protocol):
    """Send a request, read its reply, and again, until the deadline or until the server closes."""

    def __init__(self, requests: Iterator[bytes], taken: list[float], deadline: float) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._taken = taken
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
        self._taken.append(now - self._began)
        self._waiting = False
        if now < self._deadline and b"\r\nconnection: close" not in head:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and self._waiting:
            exc = RuntimeError("The server closed a connection before it had answered.")
        if exc is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(exc)


def _head_of(reply: bytes) -> bytes | None:
    """Give the head of a reply that has come whole, in lower case; None until then."""
    at = reply.find(HEAD_ENDS)
    if at < 0:
        return None
    head = reply[: at + 2].lower()
    if not head.startswith(SUCCESS):
        raise RuntimeError(f"The server refused a request: {reply[:500].decode('latin-1')}")
    begins = head.index(LENGTH) + len(LENGTH)
    length = int(head[begins : head.index(b"\r\n", begins)])
    return head if len(reply) >= at + len(HEAD_ENDS) + length else None
