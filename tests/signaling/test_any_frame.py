"""Whatever comes over a WebSocket is a message, a refusal or nothing, and never more than the inbox holds."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import string
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import for_profile
from kvs_notebook.dataframes.schemas import MESSAGES
from kvs_notebook.signaling import client as signaling_client
from kvs_notebook.signaling.client import SignalingClient
from kvs_notebook.signaling.message_log import MAX_TEXT
from kvs_notebook.signaling.messages import Message, Offer, ReconnectIceServer, Unknown

TYPES = ("SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE", "RECONNECT_ICE_SERVER", "STATUS_RESPONSE", "GO_AWAY", "HELLO")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["\ud800", "\x1b[31m", "", "200", *TYPES]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
payloads = st.one_of(
    values,
    st.builds(
        lambda content: base64.b64encode(json.dumps(content).encode()).decode(),
        st.one_of(values, st.fixed_dictionaries({}, optional={"sdp": values, "candidate": values, "sdpMid": values})),
    ),
    st.binary(max_size=8).map(lambda content: base64.b64encode(content).decode()),
)
statuses = st.one_of(
    values,
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("correlationId", "success", "errorType", "statusCode", "description"), values),
    ),
)
frames = st.one_of(
    values,
    st.fixed_dictionaries(
        {"messageType": st.one_of(st.sampled_from(TYPES), values)},
        optional={"messagePayload": payloads, "senderClientId": values, "statusResponse": statuses},
    ),
).map(json.dumps)


@cache
def offline() -> kvs.Connection:
    """Return a connection that sends nothing, made once: a session takes longer than a hundred frames."""
    return for_profile(None, region="us-east-1")


def create_client() -> SignalingClient:
    """Return a client that is not connected."""
    return SignalingClient("front-door", "MASTER", None, offline())


def delivered(client: SignalingClient) -> list[Message | Exception]:
    """Return what waits for the iteration."""
    return [client._inbox.get_nowait() for _ in range(client._inbox.qsize())]  # type: ignore[misc]


def check_messages(client: SignalingClient, rows: int) -> None:
    """Check the frame of the messages, also what is done with one."""
    frame = client.messages
    assert dict(frame.dtypes.astype(str)) == dict(MESSAGES)
    assert len(frame) == rows
    frame.to_csv().encode()
    assert frame["message_type"].notna().all()


@settings(max_examples=40)
@given(frame=st.one_of(frames, st.text(max_size=20), st.binary(max_size=20)))
def test_any_frame_is_a_message_a_refusal_or_nothing(frame):
    client = create_client()
    moves = client._receive(frame)
    items = delivered(client)
    assert len(items) <= 1
    assert all(isinstance(item, Message | errors.KVSError) for item in items)
    assert not (moves and items)
    check_messages(client, len(client.ordered_messages()))
    for item in items:
        repr(item).encode()


@pytest.mark.parametrize("frame", ["", b"", " ", "\r\n", b"\n"])
def test_empty_frame_is_neither_a_message_nor_logged(frame):
    client = create_client()
    assert client._receive(frame) is False
    assert delivered(client) == []
    check_messages(client, 0)


@pytest.mark.parametrize("frame", ["null", "7", '"text"', "[1]", "not JSON", "[" * 5_000, "\ufffd", b"\xff"])
def test_frame_that_is_no_object_is_unknown_with_its_text(frame):
    client = create_client()
    client._receive(frame)
    text = frame if isinstance(frame, str) else "\ufffd"
    assert delivered(client) == [Unknown("", text)]
    assert client.messages["message_payload"].tolist() == [text]


STATUS: dict[str, tuple[dict[str, Any] | None, str | None]] = {
    "success as text": ({"statusCode": "200"}, None),
    "success as number": ({"statusCode": 200}, None),
    "success as fraction": ({"statusCode": 200.0, "description": None}, None),
    "no status": (None, None),
    "an empty status": ({}, None),
    "AWS's example": (
        {"correlationId": "c", "errorType": "InvalidArgumentException", "statusCode": "400", "success": False},
        "InvalidArgumentException: no message",
    ),
    "validation": ({"errorType": "ValidationException", "statusCode": "400"}, "ValidationException: no message"),
    "no error type": ({"statusCode": "500", "description": None}, "HTTP 500: no message"),
    "description": ({"statusCode": 404, "errorType": "ResourceNotFoundException", "description": "Gone."}, "Gone"),
}


@pytest.mark.parametrize("case", STATUS)
def test_status_response_with_any_members_is_understood(case):
    status, text = STATUS[case]
    client = create_client()
    client._receive(json.dumps({"messageType": "STATUS_RESPONSE", "statusResponse": status}))
    items = delivered(client)
    assert [str(item) for item in items if text in str(item)] if text else items == []
    if text and "400" in str(status):
        assert isinstance(items[0], errors.InvalidInput)


def offer(number: int) -> str:
    payload = base64.b64encode(json.dumps({"type": "offer", "sdp": f"v={number}"}).encode()).decode()
    return json.dumps({"messageType": "SDP_OFFER", "messagePayload": payload, "senderClientId": "tablet"})


REFUSAL = '{"messageType": "STATUS_RESPONSE", "statusResponse": {"statusCode": "400"}}'


def test_unread_inbox_keeps_the_newest_and_warns_once(caplog, monkeypatch):
    monkeypatch.setattr(signaling_client, "INBOX_CAPACITY", 10)
    client = create_client()
    with caplog.at_level(logging.WARNING, "kvs_notebook.signaling"):
        for number in range(35):
            client._receive(offer(number))
    assert delivered(client) == [Offer(f"v={number}", "tablet") for number in range(25, 35)]
    assert client.dropped == 25
    assert caplog.messages == ["MASTER on front-door: 10 messages were not read, the oldest are dropped"]
    check_messages(client, 35)


@pytest.mark.parametrize("frame", [REFUSAL, "7", '{"messageType": "RECONNECT_ICE_SERVER"}', '{"messageType": "HELLO"}'])
def test_every_kind_of_frame_counts_toward_the_inbox(frame, monkeypatch):
    monkeypatch.setattr(signaling_client, "INBOX_CAPACITY", 10)
    client = create_client()
    for _ in range(30):
        client._receive(frame)
    assert len(delivered(client)) == 10


def test_end_of_a_full_inbox_is_delivered(monkeypatch):
    monkeypatch.setattr(signaling_client, "INBOX_CAPACITY", 2)
    client = create_client()

    async def main() -> list[Message]:
        for number in range(3):
            client._receive(offer(number))
        client._end(None)
        return [message async for message in client]

    assert asyncio.run(main()) == [Offer("v=1", "tablet"), Offer("v=2", "tablet")]


def test_log_keeps_the_beginning_of_a_long_text():
    client = create_client()
    client._receive("x" * 10 * MAX_TEXT)
    assert client.messages["message_payload"].str.len().tolist() == [MAX_TEXT]


def test_notice_about_ice_servers_is_delivered():
    client = create_client()
    client._receive('{"messageType": "RECONNECT_ICE_SERVER", "messagePayload": 7, "senderClientId": {}}')
    assert delivered(client) == [ReconnectIceServer()]


def test_client_stays_usable_after_any_frame(connection):
    """A viewer's frames cannot break the camera's client: kvs.diagrams draws what it received."""
    client = SignalingClient("front-door", "MASTER", None, connection)
    for frame in ("[]", '{"messageType": []}', '{"messageType": "SDP_OFFER", "senderClientId": [1]}', offer(1)):
        client._receive(frame)
    kvs.diagrams.conversation(client)


refusal_headers = st.lists(
    st.tuples(
        st.sampled_from(["x-amzn-errortype", "X-Amzn-ErrorType", "content-type", "date"]),
        st.sampled_from(["AccessDeniedException:http://a/", "", ":", "a" * 5_000])
        | st.text(string.ascii_letters, max_size=8),
    ),
    max_size=5,
)


@given(status=st.integers(100, 999), headers=refusal_headers, body=st.none() | st.binary(max_size=30))
@example(status=403, headers=[("x-amzn-errortype", "ExpiredTokenException"), ("x-amzn-errortype", "b")], body=b"{}")
def test_refusal_of_any_content_is_an_error_of_the_package(status, headers, body):
    response = Response(status, "", Headers(headers), body)
    error = create_client()._connector._refusal(InvalidStatus(response))
    assert isinstance(error, errors.KVSError)
    str(error).encode()
