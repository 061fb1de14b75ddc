"""Message: what peers send each other over signaling, as values, and as the frames that carry them.

>>> import kvs_notebook as kvs
>>> def told(message):
...     match message:
...         case kvs.messages.Offer(sdp, sender):
...             return f"{sender} offers {sdp}"
...         case kvs.messages.Candidate(candidate=""):
...             return "no more candidates"
...         case _:
...             return f"nothing to say of {message}"
>>> told(kvs.messages.Offer("v=0 ...", "tablet"))
'tablet offers v=0 ...'
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from kvs_notebook.aws.service_model import bounds
from kvs_notebook.errors import InvalidInput

__all__ = ["Answer", "Candidate", "Message", "Offer", "ReconnectIceServer", "Unknown"]


def __dir__() -> list[str]:
    """Name what is public, and not what this room itself imports."""
    return [*__all__]


@dataclass(frozen=True, slots=True)
class Offer:
    """An SDP offer.

    Attributes
    ----------
    sdp
        The session description, as text.
    sender_client_id
        The viewer's id where a MASTER receives it, None where a viewer does.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> kvs.messages.Offer("v=0 ...", sender_client_id="tablet")
    Offer(sdp='v=0 ...', sender_client_id='tablet')
    """

    sdp: str
    sender_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An SDP answer.

    Attributes
    ----------
    sdp, sender_client_id
        As of an Offer.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> kvs.messages.Answer("v=0 ...")
    Answer(sdp='v=0 ...', sender_client_id=None)
    """

    sdp: str
    sender_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An ICE candidate, its members those of the browser's RTCIceCandidateInit.

    Attributes
    ----------
    candidate
        Its line of SDP; an empty one ends the list.
    sdp_mid, sdp_m_line_index
        The media that it is for, by name and by number; None where its sender named none.
    sender_client_id
        As of an Offer.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> kvs.messages.Candidate("candidate:1 1 udp 1 127.0.0.1 9 typ host", sdp_mid="0").sdp_mid
    '0'
    """

    candidate: str
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None
    sender_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReconnectIceServer:
    """The service asks to get the ICE servers anew and to connect the media again.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> kvs.messages.ReconnectIceServer()
    ReconnectIceServer()
    """


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message whose type or payload is none of the others.

    Attributes
    ----------
    message_type
        As it came, ``"STATUS_RESPONSE"`` for one.
    message_payload
        As it came, in base64.
    sender_client_id
        As of an Offer.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> kvs.messages.Unknown("HELLO", "aGVsbG8=").message_type
    'HELLO'
    """

    message_type: str
    message_payload: str
    sender_client_id: str | None = None


Message: TypeAlias = Offer | Answer | Candidate | ReconnectIceServer | Unknown
"""What iterating over a peer gives."""

SDP: TypeAlias = str | Mapping[str, str] | Offer | Answer
"""An SDP: its text, a mapping with its type, or one that was received."""

SDP_TYPES = {"SDP_OFFER": "offer", "SDP_ANSWER": "answer"}


def encode_sdp(message_type: str, sdp: SDP | object) -> str:
    """Give the JSON text of an offer or answer."""
    kind = SDP_TYPES[message_type]
    if isinstance(sdp, Offer | Answer):
        sdp = {"type": "offer" if isinstance(sdp, Offer) else "answer", "sdp": sdp.sdp}
    stated: Mapping[str, Any] = {"type": kind, "sdp": sdp} if isinstance(sdp, str) else _mapping(sdp)
    text = stated.get("sdp")
    if stated.get("type") != kind or not isinstance(text, str) or not text:
        raise InvalidInput(f"This is no SDP {kind}: give its text, or {{'type': '{kind}', 'sdp': '...'}}.")
    return _json(stated)


def encode_candidate(candidate: str | Mapping[str, Any] | Candidate | object) -> str:
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
        stated = _mapping(candidate)
    if not isinstance(stated.get("candidate"), str):
        raise InvalidInput(
            "This is no ICE candidate: give its line, or {'candidate': '...', 'sdpMid': '0', 'sdpMLineIndex': 0}."
        )
    return _json(stated)


def build_frame(message_type: str, payload: str, recipient_client_id: str | None, correlation_id: str) -> str:
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


def parse_message(members: Mapping[str, Any]) -> Message:
    """Give the value of a frame that a peer received; whatever cannot be read is Unknown, never an error."""
    message_type, payload = str(members.get("messageType") or ""), str(members.get("messagePayload") or "")
    sender = members.get("senderClientId") or None
    if message_type == "RECONNECT_ICE_SERVER":
        return ReconnectIceServer()
    try:
        content = json.loads(decode_payload(payload))
        if message_type in SDP_TYPES:
            kind = Offer if message_type == "SDP_OFFER" else Answer
            return kind(_text(content["sdp"]), sender)
        if message_type == "ICE_CANDIDATE":
            return _candidate(content, sender)
    except (ValueError, TypeError, KeyError, RecursionError):  # another peer's rubbish
        return Unknown(message_type, payload, sender)
    return Unknown(message_type, payload, sender)


def decode_payload(payload: str) -> str:
    """Give the text in a payload; clients write UTF-8 or Latin-1 into it."""
    content = base64.b64decode(payload)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def decode_payload_or_keep(payload: str) -> str:
    """Give the text in a payload, or the payload as it came where it holds none."""
    try:
        return decode_payload(payload)
    except ValueError:
        return payload


def _mapping(value: object) -> dict[str, Any]:
    return {**value} if isinstance(value, Mapping) else {}


def _json(stated: Mapping[str, Any]) -> str:
    try:
        return json.dumps(stated)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"A message is sent as JSON, and this has no place in it: {error}.") from error


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
