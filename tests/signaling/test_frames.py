"""Tests of frames: what may be sent, and that every received frame becomes a message."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.errors import InvalidInput
from kvs_notebook.signaling.frames import (
    build_frame,
    decode_payload,
    encode_candidate,
    encode_sdp,
    parse_message,
)
from kvs_notebook.signaling.messages import Answer, Candidate, Offer, ReconnectIceServer, Unknown

LINE = "candidate:1 1 UDP 2122252543 192.0.2.7 54321 typ host"
LONGEST = 10_000


def parse_payload(message_type: object, payload: str | bytes, **members: object) -> Any:
    """Return the message that a frame with this payload is parsed into."""
    content = payload.encode() if isinstance(payload, str) else payload
    return parse_message({"messageType": message_type, "messagePayload": base64.b64encode(content).decode(), **members})


# --- what may be sent


@pytest.mark.parametrize(("message_type", "kind"), [("SDP_OFFER", "offer"), ("SDP_ANSWER", "answer")])
def test_sdp_may_be_text_or_description(message_type, kind):
    stated = {"type": kind, "sdp": "v=0\r\n"}
    assert json.loads(encode_sdp(message_type, "v=0\r\n")) == stated
    assert json.loads(encode_sdp(message_type, stated)) == stated
    assert json.loads(encode_sdp(message_type, {**stated, "more": "kept"})) == {**stated, "more": "kept"}


@pytest.mark.parametrize(
    "wrong",
    [
        "", {}, {"sdp": "v=0"}, {"type": "answer", "sdp": "v=0"}, {"type": "offer", "sdp": ""}, {"type": "offer", "sdp": 7},
        None, 5, ["v=0"], Answer("v=0"),
    ],
)  # fmt: skip
def test_invalid_offer_names_the_expected_form(wrong):
    with pytest.raises(InvalidInput, match=re.escape("Pass its text, or {'type': 'offer', 'sdp': '...'}")):
        encode_sdp("SDP_OFFER", wrong)


@pytest.mark.parametrize(
    ("given_", "stated"),
    [
        (LINE, {"candidate": LINE, "sdpMid": "0", "sdpMLineIndex": 0}),
        ("", {"candidate": "", "sdpMid": "0", "sdpMLineIndex": 0}),
        ({"candidate": LINE}, {"candidate": LINE}),
        ({"candidate": LINE, "usernameFragment": "u"}, {"candidate": LINE, "usernameFragment": "u"}),
        (Candidate(LINE, "audio", 1, "tablet"), {"candidate": LINE, "sdpMid": "audio", "sdpMLineIndex": 1}),
    ],
)
def test_candidate_may_be_line_mapping_or_received_candidate(given_, stated):
    assert json.loads(encode_candidate(given_)) == stated


def test_received_offer_or_answer_can_be_sent_on():
    assert json.loads(encode_sdp("SDP_OFFER", Offer("v=0", "tablet"))) == {"type": "offer", "sdp": "v=0"}
    assert json.loads(encode_sdp("SDP_ANSWER", Answer("v=0"))) == {"type": "answer", "sdp": "v=0"}


@pytest.mark.parametrize(
    "payload",
    [
        lambda: encode_sdp("SDP_OFFER", {"type": "offer", "sdp": "v=0", "more": {1, 2}}),
        lambda: encode_candidate({"candidate": LINE, "more": b"bytes"}),
    ],
)
def test_payload_that_json_cannot_hold_is_refused(payload):
    with pytest.raises(InvalidInput, match="cannot be written as JSON: .* not JSON serializable"):
        payload()


@pytest.mark.parametrize("wrong", [{}, {"sdpMid": "0"}, {"candidate": None}, None, 5, [LINE]])
def test_invalid_candidate_names_the_expected_form(wrong):
    with pytest.raises(InvalidInput, match="Not a valid ICE candidate. Pass its SDP line"):
        encode_candidate(wrong)


def test_frame_has_base64_payload_and_optional_recipient():
    payload = encode_sdp("SDP_OFFER", "v=0 ü")
    members = json.loads(build_frame("SDP_OFFER", payload, None, "c1"))
    assert base64.b64decode(members.pop("messagePayload")).decode() == payload
    assert members == {"action": "SDP_OFFER", "correlationId": "c1"}
    assert json.loads(build_frame("SDP_OFFER", payload, "tablet", "c1"))["recipientClientId"] == "tablet"


def test_frame_accepts_the_longest_payload_and_no_longer():
    fits = "x" * (LONGEST * 3 // 4)
    assert len(json.loads(build_frame("SDP_OFFER", fits, None, "c1"))["messagePayload"]) == LONGEST
    with pytest.raises(
        InvalidInput, match="SDP_OFFER too long: 10,004 characters in base64 \\(maximum 10,000\\)"
    ) as raised:
        build_frame("SDP_OFFER", fits + "x", None, "c1")
    assert len(str(raised.value)) < 200


# --- what is received


def test_each_message_type_is_parsed_with_its_sender():
    assert parse_payload("SDP_OFFER", '{"type": "offer", "sdp": "v=0"}', senderClientId="tablet") == Offer(
        "v=0", "tablet"
    )
    assert parse_payload("SDP_ANSWER", '{"type": "answer", "sdp": "v=0"}') == Answer("v=0", None)
    whole = json.dumps({"candidate": LINE, "sdpMid": "0", "sdpMLineIndex": 0})
    assert parse_payload("ICE_CANDIDATE", whole, senderClientId="") == Candidate(LINE, "0", 0, None)
    assert parse_payload("ICE_CANDIDATE", '{"candidate": ""}') == Candidate("")
    assert parse_message({"messageType": "RECONNECT_ICE_SERVER"}) == ReconnectIceServer()


def test_parsed_message_equals_the_encoded_one():
    assert parse_payload("SDP_OFFER", encode_sdp("SDP_OFFER", "v=0 ü \u2028")) == Offer("v=0 ü \u2028")
    assert parse_payload("ICE_CANDIDATE", encode_candidate(LINE)) == Candidate(LINE, "0", 0)


def test_payload_may_be_latin_1():
    assert decode_payload(base64.b64encode("Küche".encode("latin-1")).decode()) == "Küche"
    assert parse_payload("SDP_OFFER", '{"sdp": "Küche"}'.encode("latin-1")) == Offer("Küche")


MALFORMED = {
    "no JSON": b"v=0",
    "nothing": b"",
    "a list": b"[]",
    "a text": b'"sdp"',
    "a number": b"7",
    "no member": b"{}",
    "a number as SDP": b'{"sdp": 7, "candidate": 7}',
    "a null": b'{"sdp": null, "candidate": null}',
    "bytes of no text": bytes(range(128, 256)),
    "nested beyond reading": b"[" * 7_000,
    "a number of too many digits": b"1" * 7_000,
}


@pytest.mark.parametrize("message_type", ["SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE"])
@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_payload_is_unknown_and_kept(message_type, case):
    encoded = base64.b64encode(MALFORMED[case]).decode()
    assert parse_payload(message_type, MALFORMED[case], senderClientId="tablet") == Unknown(
        message_type, encoded, "tablet"
    )


@pytest.mark.parametrize(
    "members",
    [{"sdpMid": 0}, {"sdpMid": ["0"]}, {"sdpMLineIndex": "0"}, {"sdpMLineIndex": 0.5}, {"sdpMLineIndex": True}],
)
def test_candidate_with_members_of_wrong_types_is_unknown(members):
    assert isinstance(parse_payload("ICE_CANDIDATE", json.dumps({"candidate": LINE, **members})), Unknown)


@pytest.mark.parametrize(
    "members", [{}, {"messageType": None}, {"messageType": "NEW_TYPE", "messagePayload": "e30="}, {"messageType": "SDP_OFFER"},
                {"messageType": "SDP_OFFER", "messagePayload": "ü"}, {"messageType": "SDP_OFFER", "messagePayload": "a"},
                {"messageType": "SDP_OFFER", "messagePayload": {}}]
)  # fmt: skip
def test_unknown_type_or_payload_is_unknown(members):
    message = parse_message(members)
    assert isinstance(message, Unknown)
    assert message.message_type == (members.get("messageType") or "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["sdp", "candidate", "sdpMid"]), inner),
)


@given(st.sampled_from(["SDP_OFFER", "ICE_CANDIDATE", "X"]), json_values.map(json.dumps).map(str.encode) | st.binary())
def test_every_parsed_message_is_hashable(message_type, payload):
    assert len({parse_payload(message_type, payload)}) == 1
