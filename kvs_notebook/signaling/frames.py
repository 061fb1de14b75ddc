"""Build the frames that a client sends over the WebSocket, and parse those that it receives."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from kvs_notebook.aws.json_text import parse_json
from kvs_notebook.aws.service_model import bounds
from kvs_notebook.errors import InvalidInput
from kvs_notebook.signaling.messages import Answer, Candidate, Message, Offer, ReconnectIceServer, Unknown

SDP: TypeAlias = str | Mapping[str, str] | Offer | Answer
"""An SDP: its text, a mapping with its type, or a received offer or answer."""

SDP_TYPES = {"SDP_OFFER": "offer", "SDP_ANSWER": "answer"}

STATUS_OK = "200"


# --- sending


def encode_sdp(message_type: str, sdp: SDP | object) -> str:
    """Return the JSON text of an offer or answer; raise InvalidInput if it is not one."""
    kind = SDP_TYPES[message_type]
    if isinstance(sdp, Offer | Answer):
        sdp = {"type": "offer" if isinstance(sdp, Offer) else "answer", "sdp": sdp.sdp}
    description: Mapping[str, Any] = {"type": kind, "sdp": sdp} if isinstance(sdp, str) else _mapping(sdp)
    text = description.get("sdp")
    if description.get("type") != kind or not isinstance(text, str) or not text:
        raise InvalidInput(f"Not a valid SDP {kind}. Pass its text, or {{'type': '{kind}', 'sdp': '...'}}.")
    return _json(description)


def encode_candidate(candidate: str | Mapping[str, Any] | Candidate | object) -> str:
    """Return the JSON text of an ICE candidate; raise InvalidInput if it is not one."""
    if isinstance(candidate, Candidate):
        members: dict[str, Any] = {
            "candidate": candidate.candidate,
            "sdpMid": candidate.sdp_mid,
            "sdpMLineIndex": candidate.sdp_m_line_index,
        }
    elif isinstance(candidate, str):
        members = {"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0}
    else:
        members = _mapping(candidate)
    if not isinstance(members.get("candidate"), str):
        raise InvalidInput(
            "Not a valid ICE candidate. Pass its SDP line, or {'candidate': '...', 'sdpMid': '0', 'sdpMLineIndex': 0}."
        )
    return _json(members)


def build_frame(message_type: str, payload: str, recipient_client_id: str | None, correlation_id: str) -> str:
    """Return the frame that carries a JSON text; raise InvalidInput if it is longer than the service accepts."""
    encoded = base64.b64encode(payload.encode()).decode()
    _, longest = bounds("MessagePayload")
    if len(encoded) > longest:
        raise InvalidInput(
            f"{message_type} too long: {len(encoded):,} characters in base64 (maximum {longest:,}). Remove codecs or media "
            "from the SDP that are not needed."
        )
    members = {"action": message_type, "messagePayload": encoded, "correlationId": correlation_id}
    if recipient_client_id is not None:
        members["recipientClientId"] = recipient_client_id
    return json.dumps(members)


def _mapping(value: object) -> dict[str, Any]:
    return {**value} if isinstance(value, Mapping) else {}


def _json(members: Mapping[str, Any]) -> str:
    try:
        return json.dumps(members)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"The message cannot be written as JSON: {error}. Use strings and numbers only.") from error


# --- receiving


def decode_frame(frame: str | bytes) -> str:
    """Return the text of a frame; the service sends text, and now and then a frame without any."""
    return _storable(frame if isinstance(frame, str) else frame.decode(errors="replace"))


def parse_frame(text: str) -> dict[str, Any] | None:
    """Return the members of a frame, None if it is not a JSON object."""
    try:
        members = parse_json(text)
    except ValueError:
        return None
    return members if isinstance(members, dict) else None


def text_member(members: Mapping[str, Any], name: str) -> str:
    """Return a member as a text that can be stored: ``""`` if it is absent or null, JSON if it is not a text."""
    value = members.get(name)
    if value is None:
        return ""
    return _storable(value if isinstance(value, str) else json.dumps(value))


def _storable(text: str) -> str:
    """Return a text without lone surrogates, which JSON can have and no file, DataFrame or terminal takes."""
    return text.encode(errors="replace").decode()


def parse_message(members: Mapping[str, Any]) -> Message:
    """Return the message in a frame: Unknown if it cannot be read, never an error."""
    message_type, payload = text_member(members, "messageType"), text_member(members, "messagePayload")
    sender = members.get("senderClientId") or None
    if message_type == "RECONNECT_ICE_SERVER":
        return ReconnectIceServer()
    try:
        sender = None if sender is None else _text(sender)
        content = parse_json(decode_payload(payload))
        if message_type in SDP_TYPES:
            kind = Offer if message_type == "SDP_OFFER" else Answer
            return kind(_text(content["sdp"]), sender)
        if message_type == "ICE_CANDIDATE":
            return _parse_candidate(content, sender)
    except (ValueError, TypeError, KeyError):  # malformed payload from the remote peer
        pass
    return Unknown(message_type, payload, text_member(members, "senderClientId") or None)


def decode_payload(payload: str) -> str:
    """Return the text in a payload; clients encode it as UTF-8 or Latin-1."""
    content = base64.b64decode(payload)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def decode_payload_or_keep(payload: str) -> str:
    """Return the text in a payload, or the payload itself if it is not base64."""
    try:
        return decode_payload(payload)
    except ValueError:
        return payload


def _parse_candidate(content: Mapping[str, Any], sender: str | None) -> Candidate:
    line = _text(content["candidate"])
    mid, index = content.get("sdpMid"), content.get("sdpMLineIndex")
    if index is not None and type(index) is not int:
        raise TypeError(f"Expected a number, not {type(index).__name__}")
    return Candidate(line, None if mid is None else _text(mid), index, sender)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"Expected a text, not {type(value).__name__}")
    value.encode()  # a lone surrogate is a ValueError
    return value


@dataclass(frozen=True, slots=True)
class Refusal:
    """A STATUS_RESPONSE in which the service refuses a message."""

    correlation_id: str
    code: str
    description: str


def parse_refusal(members: Mapping[str, Any]) -> Refusal | None:
    """Return the refusal in a STATUS_RESPONSE frame, None if it reports success or nothing at all.

    Its description is optional: AWS's own example has none.
    """
    status = _mapping(members.get("statusResponse"))
    status_code, error_type = text_member(status, "statusCode"), text_member(status, "errorType")
    if status_code.removesuffix(".0") == STATUS_OK or not (status_code or error_type):
        return None
    return Refusal(
        text_member(status, "correlationId"),
        error_type or f"HTTP {status_code}",
        text_member(status, "description"),
    )
