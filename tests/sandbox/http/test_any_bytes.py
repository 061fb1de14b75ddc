"""Whatever bytes come in: a status below 500, no ERROR in the log, bounded memory, and the next request is answered."""

from __future__ import annotations

import gzip
import http.client
import json
import logging
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.sandbox.backend.operations import LONGEST_NAME
from kvs_notebook.sandbox.backend.validation import OPERATIONS
from kvs_notebook.sandbox.http.asgi_server import LONGEST_HEAD
from kvs_notebook.sandbox.http.sigv4 import HttpRequest, Signer, sign
from tests.sandbox.raw_client import SECONDS, UPGRADE, Target, frame, head

REQUESTS: dict[str, bytes] = {
    "nothing": b"",
    "newlines": b"\r\n" * 100,
    "no HTTP": b"\x00\xff" * 500,
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "proxy": head(b"CONNECT 127.0.0.1:80"),
    "options": head(b"OPTIONS *"),
    "absolute": head(b"GET http://127.0.0.1/m", UPGRADE),
    "broken host": b"GET / HTTP/1.1\r\nhost: [::1\r\n\r\n",
    "path in Latin-1": head(b"GET /\xe9"),
    "header in Latin-1": head(b"GET /", b"authorization: \xe9\r\n"),
    "other upgrade": head(b"GET /", b"upgrade: h2c\r\nconnection: upgrade\r\n"),
    "upgrade": head(b"GET /v", UPGRADE),
    "upgrade by POST": head(b"POST /v", UPGRADE),
    "upgrade with a body": head(b"GET /v", b"content-length: 5\r\n", UPGRADE) + b"hello",
    "upgrade in chunks": head(b"GET /v", b"transfer-encoding: chunked\r\n", UPGRADE) + b"0\r\n\r\n",
    "upgrade without key": head(b"GET /v", b"upgrade: websocket\r\nconnection: upgrade\r\n"),
    "upgrade with a long line": head(b"GET /v?" + b"a" * 9_000, UPGRADE),
    "upgrade with many headers": head(b"GET /v", b"x: y\r\n" * 300, UPGRADE),
    "upgrade in Latin-1": head(b"GET /v?\xe9", b"x: \xe9\r\n", UPGRADE),
    "upgrade with zero bytes": head(b"GET /v%00\x01", UPGRADE),
    "body": head(b"POST /", b"content-length: 5\r\n") + b"hello",
    "chunks": head(b"POST /", b"transfer-encoding: chunked\r\n") + b"5\r\nhello\r\n0\r\nx: y\r\n\r\n",
    "two lengths": head(b"POST /", b"content-length: 1\r\ncontent-length: 2\r\n") + b"ab",
    "negative length": head(b"POST /", b"content-length: -1\r\n"),
    "pipelined": head(b"GET /") * 50,
    "continue": head(b"POST /", b"expect: 100-continue\r\ncontent-length: 2\r\n") + b"{}",
    "signature in Latin-1": head(
        b"GET /v?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=%C3%A9&X-Amz-Date=99991231T235959Z&X-Amz-Expires="
        + b"9" * 5_000 + b"&X-Amz-SignedHeaders=host&X-Amz-Credential=a/b/c/d/aws4_request",
    ),
    "attempt": head(b"POST /listSignalingChannels", b"amz-sdk-request: attempt=" + b"9" * 5_000 + b"\r\n"),
}  # fmt: skip


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """Yield a sandbox for every test of this file; an ERROR in the log fails the last one."""
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(creating_seconds=0)) as sandbox:
        opened = Target(sandbox)
        yield opened
        opened.close()
    logging.getLogger().removeHandler(errors)
    assert [(record.getMessage(), record.exc_info) for record in errors.records] == []


def assert_is_no_failure(answer: bytes) -> None:
    assert not answer or answer.startswith(b"HTTP/1.1 "), answer
    assert not answer.startswith(b"HTTP/1.1 5"), answer


@pytest.mark.parametrize("kind", ["HTTP", "HTTPS"])
@pytest.mark.parametrize("what", REQUESTS)
def test_request_of_any_bytes_is_no_failure(target, what, kind):
    assert_is_no_failure(target.answer(kind, REQUESTS[what]))


pieces = (
    st.sampled_from(sorted(REQUESTS.values()))
    | st.binary(max_size=40)
    | st.sampled_from([b"\r\n", b"\0", b"\xff", b"%"])
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(sorted(REQUESTS.values())))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(pieces) + data[at + draw(st.integers(0, 30)) :]
    return data


@given(data=damaged() | st.binary(max_size=200), kind=st.sampled_from(["HTTP", "HTTPS"]))
@settings(max_examples=30)
def test_damaged_request_is_no_failure(target, data, kind):
    assert_is_no_failure(target.answer(kind, data))


# --- signed requests

MEMBERS = (
    "ChannelName", "ChannelARN", "ResourceARN", "ChannelType", "Tags", "Key", "Value", "TagKeyList", "MaxResults", "NextToken",
    "ChannelNameCondition", "ComparisonOperator", "ComparisonValue", "SingleMasterConfiguration", "MessageTtlSeconds",
    "SingleMasterChannelEndpointConfiguration", "Protocols", "Role", "CurrentVersion", "ClientId", "Service", "Username",
    "PaginationToken", "TagFilters", "Values", "ResourceTypeFilters", "ResourcesPerPage", "MaxResults",
)  # fmt: skip
ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1"
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
    | st.sampled_from([2**63, 10**400, ARN, ARN[:-1], ARN + "x", "front-door", "é", "\ud800", "x" * 300, "aws:a", "WSS"])
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=8,
)
bodies = st.builds(lambda value: json.dumps(value).encode(), st.dictionaries(st.sampled_from(MEMBERS), values) | values)
SIGNED: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    *(("HTTP", path, "kinesisvideo", {}) for path in OPERATIONS),
    ("HTTP", "/", "iam", {}),
    ("HTTP", "/", "tagging", {"x-amz-target": "ResourceGroupsTaggingAPI_20170126.GetResources"}),
    ("HTTP", "/listRegions", "account", {}),
    ("HTTP", "/", "sts", {}),
    ("HTTP", "/_sandbox/seed", "kvs-notebook-sandbox", {}),
    ("HTTP", "/_sandbox/advance", "kvs-notebook-sandbox", {}),
    ("HTTPS", "/v1/get-ice-server-config", "kinesisvideo", {}),
)
forms = st.builds(
    lambda form: urlencode(form, errors="surrogatepass").encode(),
    st.fixed_dictionaries(
        {"Action": st.sampled_from(["AssumeRole", "GetCallerIdentity", "ListAccountAliases"])},
        optional={
            name: st.text(st.characters(), max_size=9)
            for name in ("RoleArn", "RoleSessionName", "DurationSeconds", "MaxItems", "Marker")
        },
    ),
)


@example(kind_and_path=SIGNED[-6], body=b'{"PaginationToken":"\\u00e9"}', form=b"")
@example(kind_and_path=SIGNED[-3], body=b"[" * 200_000, form=b"")
@example(kind_and_path=SIGNED[-3], body=b'{"\\ud800":1}', form=b"")
@example(
    kind_and_path=SIGNED[-4],
    body=b"",
    form=b"Action=AssumeRole&RoleSessionName=aa&RoleArn=arn:aws:iam::111122223333:role/a&DurationSeconds="
    + b"9" * 5_000,
)
@given(kind_and_path=st.sampled_from(SIGNED), body=bodies | st.binary(max_size=60), form=forms)
@settings(max_examples=60)
def test_signed_request_of_any_content_is_no_failure(target, kind_and_path, body, form):
    kind, path, service, more = kind_and_path
    keys, host = target.sandbox._address.keys, f"127.0.0.1:{target.ports[kind]}"
    signer = Signer("111122223333", "us-east-1", service, keys.access_key_id("111122223333"))
    request = HttpRequest("POST", path, "", {"host": host, **more}, form if service in {"sts", "iam"} else body)
    headers = sign(request, keys, signer, datetime.now(UTC))
    client = target.clients[kind]
    client.request("POST", path, request.body, headers)
    response = client.getresponse()
    response.read()
    assert response.status < 500


def test_compressed_body_is_not_expanded(target):
    body = gzip.compress(bytes(300_000_000), compresslevel=1)[:1_000_000]
    keys, host = target.sandbox._address.keys, f"127.0.0.1:{target.ports['HTTP']}"
    signer = Signer("111122223333", "us-east-1", "kinesisvideo", keys.access_key_id("111122223333"))
    request = HttpRequest("POST", "/listSignalingChannels", "", {"host": host, "content-encoding": "gzip"}, body)
    client = target.clients["HTTP"]
    client.request("POST", request.path, body, sign(request, keys, signer, datetime.now(UTC)))
    response = client.getresponse()
    assert (response.status, b"The body is not JSON" in response.read()) == (400, True)


# --- WebSocket frames


texts = st.sampled_from(
    [b"", b"{}", b"[]", b"null", b"\xff", b'{"action":"SDP_OFFER","messagePayload":"e30="}', b'{"correlationId":7}', b"9" * 5_000,
     b'{"action":"SDP_OFFER","messagePayload":"\\ud800","correlationId":"a"}', b'{"\\ud800":1}', b"[" * 30_000, b'{"":0}']
) | st.binary(max_size=130)  # fmt: skip
frames = st.builds(
    frame,
    st.integers(0, 15),
    texts,
    fin=st.booleans(),
    reserved=st.sampled_from([0, 0, 0, 1, 7]),
    mask=st.sampled_from([True, True, True, False]),
)


@given(sent=st.lists(frames | st.binary(max_size=20), min_size=1, max_size=6))
@example(sent=[frame(1, b"", fin=False)] + [frame(0, b"", fin=False)] * 2_000)
@example(sent=[frame(8, struct.pack("!H", code)) for code in (0, 999, 1005, 4999)])
@settings(max_examples=20)
def test_frames_of_any_bytes_are_no_failure(target, sent):
    with target.peer() as peer:
        with suppress(OSError):
            peer.sendall(b"".join(sent))
        target.assert_answers()


def server_side(target: Target) -> Any:
    """Return the protocol of the one WebSocket that is open."""
    found = target.sandbox._stop.peek()
    assert found is not None
    return next(each for each in found[1].__self__.asgi_server.connections if hasattr(each, "writable"))


def test_unread_pongs_are_bounded_and_reading_resumes(target):
    ping = frame(9, b"p" * 125)
    with target.peer() as peer:
        protocol = server_side(target)
        for side in (peer, protocol.transport.get_extra_info("socket")):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        peer.settimeout(0.2)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 24_000_000:
                sent += peer.send(ping * 100)
        assert protocol.transport.get_write_buffer_size() < 1_500_000
        peer.settimeout(SECONDS)
        assert peer.recv(2) == b"\x8a\x7d"  # pongs
        target.assert_answers()


def test_empty_fragments_are_not_kept(target):
    with target.peer() as peer:
        peer.sendall(frame(1, b"{", fin=False) + frame(0, b"", fin=False) * 5_000)
        protocol = server_side(target)
        target.assert_answers()
        assert len(protocol.frames) <= 1
        peer.sendall(frame(0, b"}") + frame(9, b"still here?"))
        assert peer.recv(2)[:1] == b"\x8a"


# --- size of a request

ENDLESS = {
    "path": (b"GET /", b"a"),
    "header value": (b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ", b"a"),
    "header name": (b"GET / HTTP/1.1\r\n", b"a"),
    "headers": (b"GET / HTTP/1.1\r\n", b"x: y\r\n"),
    "trailers": (head(b"POST /", b"transfer-encoding: chunked\r\n") + b"0\r\n", b"x: y\r\n"),
    "trailer": (head(b"POST /", b"transfer-encoding: chunked\r\n") + b"0\r\nx: ", b"y"),
    "upgrade": (b"GET /v HTTP/1.1\r\nhost: 127.0.0.1\r\n" + UPGRADE, b"x: y\r\n"),
}


@pytest.mark.parametrize("kind", ["HTTP", "HTTPS"])
@pytest.mark.parametrize("what", ENDLESS)
def test_endless_head_is_answered_or_cut_at_its_bound(target, what, kind):
    begin, more = ENDLESS[what]
    piece = more * (65_536 // len(more))
    answer, sent = b"", 0
    with target.open(kind) as opened, suppress(ConnectionError, ssl.SSLError):
        opened.sendall(begin)
        opened.settimeout(0.02)
        while not answer:
            opened.sendall(piece)
            sent += len(piece)
            assert sent < 20 * LONGEST_HEAD
            with suppress(TimeoutError):
                answer = opened.recv(4_096)
                break
    assert not answer or answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 ", b"HTTP/1.1 404 ")), answer
    target.assert_answers()


def test_whole_head_above_the_bound_is_answered_with_431(target):
    answer = target.answer("HTTP", head(b"POST /", b"x: " + b"a" * LONGEST_HEAD + b"\r\n"))
    assert answer.startswith(b"HTTP/1.1 431 ")
    below = head(b"POST /", b"x: " + b"a" * (LONGEST_HEAD - 100) + b"\r\n")
    assert target.answer("HTTP", below).startswith(b"HTTP/1.1 404 ")


# --- what is kept of a request


@pytest.mark.parametrize("member", ["ChannelName", "ChannelARN", "ResourceARN"])
def test_log_and_quotas_keep_only_the_beginning_of_long_names(member):
    value = "a/" + "e" * 900_000 + "/b" if member.endswith("ARN") else "e" * 900_000
    body = json.dumps({member: value}).encode()
    with kvs.Sandbox() as sandbox:
        keys, port = sandbox._address.keys, int(sandbox.endpoint_url.rpartition(":")[2])
        signer = Signer(sandbox.account_id, "us-east-1", "kinesisvideo", keys.access_key_id(sandbox.account_id))
        for path in OPERATIONS:
            request = HttpRequest("POST", path, "", {"host": f"127.0.0.1:{port}"}, body)
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
            client.request("POST", path, body, sign(request, keys, signer, datetime.now(UTC)))
            assert client.getresponse().status in {200, 400, 403}
            client.close()
        longest = max(len(str(value)) for row in sandbox._admin.requests() for value in row)
        assert LONGEST_NAME < longest <= LONGEST_NAME + 3
        found = sandbox._stop.peek()
        assert found is not None
        assert len(repr(found[1].__self__._pipeline.rate_limits._full_again)) < 10_000
