"""Sockets that send any bytes to both ports of a sandbox."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
from contextlib import suppress
from urllib.parse import urlsplit

import kvs_notebook as kvs

SECONDS = 20
UPGRADE = (
    b"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"sec-websocket-version: 13\r\n"
)


def head(line: bytes, *more: bytes) -> bytes:
    return line + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n" + b"".join(more) + b"\r\n"


def frame(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0, mask: bool = True) -> bytes:
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size)
    return bytes([first, length[0] | (0x80 if mask else 0)]) + length[1:] + (b"\0\0\0\0" if mask else b"") + payload


class Target:
    """A sandbox with both ports open, and sockets to them."""

    def __init__(self, sandbox: kvs.Sandbox) -> None:
        self.sandbox = sandbox
        self.connection = sandbox.connection()
        self.channel = kvs.create_channel("front-door", connection=self.connection)
        self.url = kvs.sign_url(self.channel, client_id="bytes", connection=self.connection).reveal()
        self.context: ssl.SSLContext = self.connection.tls_context("https://127.0.0.1")
        self.ports: dict[str, int] = {
            "HTTP": int(sandbox.endpoint_url.rpartition(":")[2]),
            "HTTPS": urlsplit(self.url).port or 0,
        }

        self.clients = {kind: self._client(kind) for kind in self.ports}
        """Clients whose connections stay open."""

    def close(self) -> None:
        for client in self.clients.values():
            client.close()

    def _client(self, kind: str) -> http.client.HTTPConnection:
        if kind == "HTTPS":
            return http.client.HTTPSConnection("127.0.0.1", self.ports[kind], timeout=SECONDS, context=self.context)
        return http.client.HTTPConnection("127.0.0.1", self.ports[kind], timeout=SECONDS)

    def open(self, kind: str, *, tls: bool = True) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self.ports[kind]), timeout=SECONDS)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(opened, server_hostname="127.0.0.1") if tls and kind == "HTTPS" else opened

    def answer(self, kind: str, data: bytes) -> bytes:
        """Send bytes, check that both ports answer another client afterwards, and return what was answered until then."""
        with self.open(kind) as opened:
            with suppress(OSError):  # closed meanwhile
                opened.sendall(data)
            self.assert_answers()
            opened.settimeout(0.001)
            with suppress(OSError):
                return opened.recv(65_536)
        return b""

    def assert_answers(self) -> None:
        for kind in self.ports:
            client = self._client(kind)
            client.request("POST", "/listSignalingChannels", b"{}")
            assert client.getresponse().status in {403, 404}
            client.close()

    def peer(self) -> socket.socket:
        """Open a WebSocket as a viewer, as raw bytes."""
        opened = self.open("HTTPS")
        path = self.url.partition(f":{self.ports['HTTPS']}")[2]
        opened.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.ports['HTTPS']}\r\n".encode() + UPGRADE + b"\r\n")
        assert opened.recv(4_096).startswith(b"HTTP/1.1 101 ")
        return opened
