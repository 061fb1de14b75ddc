"""Message: what peers send each other over signaling, as values, and as the frames that carry them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from kvs_notebook.errors import InvalidInput
from kvs_notebook.limits import bounds

__all__ = ["Answer", "Candidate", "Message", "Offer", "ReconnectIceServer", "Unknown"]


def __dir__() -> list[str]:
    """Name what is public, and not what this room itself imports."""
    return [*__all__]


@dataclass(frozen=True, slots=True)
class Offer:
    """An SDP offer; ``sender_client_id`` is the viewer's id where a MASTER receives it, None where a viewer does."""

    sdp: str
    sender_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An SDP answer."""

    sdp: str
    sender_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An ICE candidate, its members named as in the browser's RTCIceCandidateInit; an empty ``candidate`` ends the list."""

    candidate: str
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None
    sender_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReconnectIceServer:
    """The service asks to get the ICE servers anew and to connect the media again."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message whose type or payload is none of the above; ``message_payload`` is base64, as it came."""

    message_type: str
    message_payload: str
    sender_client_id: str | None = None


Message: TypeAlias = Offer | Answer | Candidate | ReconnectIceServer | Unknown
"""What iterating over a peer gives."""

SDP_TYPES = {"SDP_OFFER": "offer", "SDP_ANSWER": "answer"}


def sdp_payload(message_type: str, sdp: str | Mapping[str, str]) -> str:
    """Give the JSON text of an offer or answer: an SDP text, or a description with its type."""
    kind = SDP_TYPES[message_type]
    stated = {"type": kind, "sdp": sdp} if isinstance(sdp, str) else dict(sdp)
    if stated.get("type") != kind or not isinstance(stated.get("sdp"), str) or not stated["sdp"]:
        raise InvalidInput(f"This is no SDP {kind}: give its text, or {{'type': '{kind}', 'sdp': '...'}}.")
    return json.dumps(stated)


def candidate_payload(candidate: str | Mapping[str, Any] | Candidate) -> str:
    """Give the JSON text of an ICE candidate."""
    if isinstance(candidate, Candidate):
        stated: dict[str, Any] = {
            "candidate": candidate.candidate,
            "sdpMid": candidate.sdp_mid,
            "sdpMLineIndex": candidate.sdp_m_line_index,
        }
    elif isinstance(candidate, str):
        stated = {"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0}
    else:
        stated = dict(candidate)
    if not isinstance(stated.get("candidate"), str):
        raise InvalidInput(
            "This is no ICE candidate: give its line, or {'candidate': '...', 'sdpMid': '0', 'sdpMLineIndex': 0}."
        )
    return json.dumps(stated)


def frame(message_type: str, payload: str, recipient_client_id: str | None, correlation_id: str) -> str:
    """Give the frame that carries a JSON text; raise InvalidInput where the service would refuse its length."""
    encoded = base64.b64encode(payload.encode()).decode()
    _, most = bounds("MessagePayload")
    if len(encoded) > most:
        raise InvalidInput(
            f"The {message_type} has {len(encoded):,} characters in base64: the service takes {most:,}. For an SDP, drop codecs "
            "or media that are not needed."
        )
    members = {"action": message_type, "messagePayload": encoded, "correlationId": correlation_id}
    if recipient_client_id is not None:
        members["recipientClientId"] = recipient_client_id
    return json.dumps(members)


def received(members: Mapping[str, Any]) -> Message:
    """Give the value of a frame that a peer received; whatever cannot be read is Unknown, never an error."""
    message_type, payload = str(members.get("messageType") or ""), str(members.get("messagePayload") or "")
    sender = members.get("senderClientId") or None
    if message_type == "RECONNECT_ICE_SERVER":
        return ReconnectIceServer()
    try:
        content = json.loads(payload_text(payload))
        if message_type in SDP_TYPES:
            kind = Offer if message_type == "SDP_OFFER" else Answer
            return kind(_text(content["sdp"]), sender)
        if message_type == "ICE_CANDIDATE":
            return _candidate(content, sender)
    except (ValueError, TypeError, KeyError, RecursionError):  # another peer's rubbish
        return Unknown(message_type, payload, sender)
    return Unknown(message_type, payload, sender)


def payload_text(payload: str) -> str:
    """Give the text in a payload; clients write UTF-8 or Latin-1 into it."""
    content = base64.b64decode(payload)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _candidate(content: Mapping[str, Any], sender: str | None) -> Candidate:
    line = _text(content["candidate"])
    mid, index = content.get("sdpMid"), content.get("sdpMLineIndex")
    if index is not None and type(index) is not int:
        raise TypeError(f"{type(index).__name__} where a number is expected")
    return Candidate(line, None if mid is None else _text(mid), index, sender)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text is expected")
    return value
