"""The messages that signaling clients receive.

>>> import kvs_notebook as kvs
>>> def describe(message):
...     match message:
...         case kvs.messages.Offer(sdp, sender):
...             return f"{sender} offers {sdp}"
...         case kvs.messages.Candidate(candidate=""):
...             return "no more candidates"
...         case _:
...             return f"another message: {message}"
>>> describe(kvs.messages.Offer("v=0 ...", "tablet"))
'tablet offers v=0 ...'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Answer", "Candidate", "Message", "Offer", "ReconnectIceServer", "Unknown"]


def __dir__() -> list[str]:
    """Return the public names, without the imported ones."""
    return [*__all__]


@dataclass(frozen=True, slots=True)
class Offer:
    """An SDP offer.

    Attributes
    ----------
    sdp
        The session description.
    sender_client_id
        The viewer's id if a MASTER receives it, None if a viewer does.

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
        Its SDP line; an empty one ends the list.
    sdp_mid, sdp_m_line_index
        The media that it is for, by name and by number; None if its sender
        named none.
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
    """A request of the service to get new ICE servers and reconnect media.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> kvs.messages.ReconnectIceServer()
    ReconnectIceServer()
    """


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of another type, or one that cannot be read.

    Its payload is malformed, or the frame is not a JSON object.

    Attributes
    ----------
    message_type
        The type as received.
    message_payload
        The payload as received, in base64; of a frame that is not a JSON
        object, the frame.
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
"""What iterating over a client yields."""
