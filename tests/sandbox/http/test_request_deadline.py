"""Half a request, and half a TLS handshake, are cut off in time; late responses and WebSockets are not."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

import kvs_notebook as kvs
from kvs_notebook.sandbox.http import asgi_server
from tests.sandbox.raw_client import UPGRADE, Target, frame, head

DEADLINE = 0.4

HALVES = {
    "nothing": b"",
    "half a line": b"POST",
    "half a head": b"POST / HTTP/1.1\r\nhost: ",
    "no body": head(b"POST /", b"content-length: 100\r\n"),
    "half a body": head(b"POST /", b"content-length: 100\r\n") + b"half",
    "half of the chunks": head(b"POST /", b"transfer-encoding: chunked\r\n") + b"5\r\nhe",
    "half an upgrade": b"GET /v HTTP/1.1\r\n" + UPGRADE,
    "half of a second request": head(b"OPTIONS /") + b"POST / HT",
}


@pytest.fixture(scope="module")
def hurried() -> Iterator[Target]:
    """Yield a sandbox in which a request may take a part of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asgi_server, "REQUEST_SECONDS", DEADLINE)
        with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(creating_seconds=0)) as sandbox:
            yield Target(sandbox)


@pytest.mark.parametrize("kind", ["HTTP", "HTTPS"])
def test_half_a_request_is_cut_off(hurried, kind):
    with ExitStack() as stack:
        sockets = {what: stack.enter_context(hurried.open(kind)) for what in HALVES}
        for what, opened in sockets.items():
            opened.sendall(HALVES[what])
        for opened in sockets.values():  # a TimeoutError fails the test
            with suppress(ConnectionError, ssl.SSLError):
                while opened.recv(65_536):
                    pass  # until the server closes


def test_half_a_tls_handshake_is_cut_off(hurried):
    with hurried.open("HTTPS", tls=False) as silent, hurried.open("HTTPS", tls=False) as half:
        half.sendall(b"\x16\x03\x01\x02\x00")
        for opened in (silent, half):
            with suppress(ConnectionError):
                assert opened.recv(100) == b""


def test_late_response_and_open_websocket_are_not_cut_off(hurried):
    hurried.sandbox.faults.add("ListSignalingChannels", "delay", seconds=DEADLINE + 0.1)
    with hurried.peer() as peer:
        assert len(kvs.list_channels(connection=hurried.connection)) == 1
        peer.sendall(frame(9, b"still here?"))
        assert peer.recv(100)[:1] == b"\x8a"
