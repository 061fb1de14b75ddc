"""Frames that peers send, in the spellings of AWS's clients, and frames that they receive."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.signaling import frames
from kvs_notebook.sandbox.signaling.frames import MalformedFrame, SendRequest
from kvs_notebook.sandbox.signaling.message_queue import MASTER, QueuedMessage

KINDS = ("SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE")
OFFER = {"action": "SDP_OFFER", "messagePayload": "e30=", "recipientClientId": "tablet"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def rejection(members, *, to_viewer=True):
    """Return the message of the error."""
    with pytest.raises(ServiceError) as error:
        frames.parse_request(members, to_viewer=to_viewer)
    assert (error.value.code, error.value.status) == ("InvalidArgumentException", 400)
    return error.value.message


# --- parsing frames


@pytest.mark.parametrize("text", [None, "", "no JSON", "[]", '"text"', "1", "null", "{", '{"a": 1} 2', "[" * 100_000])
def test_frame_that_is_not_a_json_object_is_malformed(text):
    with pytest.raises(MalformedFrame):
        frames.parse_frame(text)


def test_frame_with_an_oversized_integer_is_malformed():
    with pytest.raises(MalformedFrame):
        frames.parse_frame('{"action": ' + "9" * 5000 + "}")


@pytest.mark.parametrize("text", ["{}", ' {"x": NaN} ', '{"": 1}', '{"x": "\\ud800"}'])
def test_any_json_object_is_a_frame(text):
    assert frames.parse_frame(text)[1] is None


def test_member_names_may_start_in_either_case():
    lower = {**OFFER, "correlationId": "x"}
    upper = {name[0].upper() + name[1:]: value for name, value in lower.items()}
    assert frames.parse_frame(json.dumps(lower)) == frames.parse_frame(json.dumps(upper)) == (lower, "x")


@pytest.mark.parametrize("name", ["x", "a.b-c_D9", "9" * 256])
def test_correlation_id_is_returned(name):
    assert frames.parse_frame(json.dumps({"correlationId": name}))[1] == name


@pytest.mark.parametrize("name", ["", "a b", "x\n", "é", "x" * 257, 5, None, ["x"], {"x": "x"}, True])
def test_invalid_correlation_id_counts_as_absent(name):
    assert frames.parse_frame(json.dumps({"correlationId": name}))[1] is None


# --- requests of peers


@pytest.mark.parametrize("kind", KINDS)
def test_master_sends_to_named_viewer_and_viewer_to_master(kind):
    members = {**OFFER, "action": kind, "IceServerList": [{}]}
    assert frames.parse_request(members, to_viewer=True) == SendRequest(kind, "tablet", "e30=")
    assert frames.parse_request(members, to_viewer=False) == SendRequest(kind, MASTER, "e30=")


@pytest.mark.parametrize("named", [None, 5, "", "a b", "x" * 257, ["tablet"]])
def test_recipient_is_required_from_a_master_only(named):
    members = {**OFFER, "recipientClientId": named}
    assert "recipientClientId" in rejection(members)
    assert frames.parse_request(members, to_viewer=False).recipient_client_id == MASTER


@pytest.mark.parametrize("action", [None, "", "sdp_offer", "GO_AWAY", "STATUS_RESPONSE", 5, ["SDP_OFFER"], {}])
def test_invalid_action_is_rejected_with_the_valid_ones(action):
    message = rejection({**OFFER, "action": action})
    assert all(kind in message for kind in KINDS)


@pytest.mark.parametrize(
    "payload",
    [None, 5, [], "", "no base64", "e30", "e30=\n", " e30=", "e30=e30=", "e3_-", "é", "żółć", "\ud800", "=" * 4],
)
def test_payload_that_is_not_base64_is_rejected(payload):
    assert "messagePayload" in rejection({**OFFER, "messagePayload": payload})


@pytest.mark.parametrize(("length", "fits"), [(4, True), (10_000, True), (10_004, False)])
def test_payload_has_10_000_characters_at_most(length, fits):
    members = {**OFFER, "messagePayload": "A" * length}
    if fits:
        assert frames.parse_request(members, to_viewer=True).payload == "A" * length
    else:
        assert "1 to 10000" in rejection(members)


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_a_valid_payload(content):
    payload = base64.b64encode(content).decode()
    assert frames.parse_request({**OFFER, "messagePayload": payload}, to_viewer=True).payload == payload


@given(st.text("aZ09+/=-\n é", min_size=1, max_size=12))
def test_base64_check_agrees_with_strict_decoding(text):
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        assert "not base64" in rejection({**OFFER, "messagePayload": text})
    else:
        assert frames.parse_request({**OFFER, "messagePayload": text}, to_viewer=True).payload == text


@given(
    st.dictionaries(st.sampled_from([*OFFER, "correlationId", "MessagePayload"]), ANYTHING | st.text()), st.booleans()
)
@example({**OFFER, "messagePayload": "é"}, True)
def test_any_members_are_valid_or_rejected_with_a_sendable_error(members, to_viewer):
    taken_apart, _ = frames.parse_frame(json.dumps(members))
    try:
        request = frames.parse_request(taken_apart, to_viewer=to_viewer)
    except ServiceError as error:
        frames.format_status_response("x", error).encode()
    else:
        assert request.message_type in KINDS


# --- frames to peers


def test_delivery_to_the_master_names_the_sender():
    frame = json.loads(frames.format_delivery(QueuedMessage("tablet", MASTER, "SDP_OFFER", "e30=")))
    assert frame == {"messagePayload": "e30=", "messageType": "SDP_OFFER", "senderClientId": "tablet"}


def test_delivery_to_a_viewer_names_no_sender():
    frame = json.loads(frames.format_delivery(QueuedMessage(MASTER, "tablet", "SDP_ANSWER", "e30=")))
    assert frame == {"messagePayload": "e30=", "messageType": "SDP_ANSWER"}


def test_status_response_description_has_1024_characters_at_most():
    error = ServiceError("ResourceNotFoundException", "x" * 2000)
    assert json.loads(frames.format_status_response("mine-1", error)) == {
        "messageType": "STATUS_RESPONSE",
        "statusResponse": {
            "correlationId": "mine-1",
            "errorType": "ResourceNotFoundException",
            "statusCode": "404",
            "success": False,
            "description": "x" * 1024,
        },
    }


@pytest.mark.parametrize("kind", ["GO_AWAY", "RECONNECT_ICE_SERVER"])
def test_notice_has_its_type_only(kind):
    assert frames.format_notice(kind) == f'{{"messageType":"{kind}"}}'
