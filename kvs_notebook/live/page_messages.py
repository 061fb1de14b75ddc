"""The messages between the kernel and the page that plays or sends the video, as custom messages of the widget.

Every page that shows the widget receives what the kernel sends, so each message carries ``call``, the random id under which one
page has started. No member may be named ``id``: ipykernel routes by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

PageState: TypeAlias = Literal["connecting", "connected", "playing", "stalled", "lost", "gone", "failed"]
"""What a page reports: the connection to one peer, and ``failed`` if it cannot take part at all (no webcam, no WebRTC)."""

MAX_TEXT: Final = 64 * 1024
"""Characters of a text that a page may send; a description has 10,000 at most."""

MAX_ROWS: Final = 10
"""Peers that a page reports statistics of: as many viewers as a channel accepts."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A page shows the widget and asks for its state."""


@dataclass(frozen=True, slots=True)
class Start:
    """A page starts a call; ``invitation`` is the id of the kernel's request that it follows, None if the user pressed Start."""

    call: str
    invitation: str | None


@dataclass(frozen=True, slots=True)
class Stop:
    """The user pressed Stop, or the page goes away."""

    call: str


@dataclass(frozen=True, slots=True)
class Description:
    """The page's SDP: a viewer's offer, or a camera's answer to ``viewer``."""

    call: str
    sdp: str
    viewer: str | None


@dataclass(frozen=True, slots=True)
class PageCandidate:
    """An ICE candidate of the page, with the members of RTCIceCandidateInit."""

    call: str
    candidate: Mapping[str, Any]
    viewer: str | None


@dataclass(frozen=True, slots=True)
class PageReport:
    """How a page's connection to its camera, or to ``viewer``, goes."""

    call: str
    state: PageState
    reason: str
    viewer: str | None


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life, with the statistics of each peer."""

    call: str
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Picture:
    """The current picture as a PNG file, or the reason why the page cannot take one."""

    call: str
    request: str
    image: bytes
    reason: str


PageMessage: TypeAlias = Hello | Start | Stop | Description | PageCandidate | PageReport | Beat | Picture


def parse_page_message(content: object, buffers: Sequence[Any] = ()) -> PageMessage:
    """Return the message of a page; raise InvalidInput if it is not one."""
    if not isinstance(content, Mapping):
        raise InvalidInput(f"Not a message of a page: {format_value(content)}. Expected a JSON object.")
    kind = _text(content, "kind")
    if kind == "hello":
        return Hello()
    if kind not in PARSERS:
        raise InvalidInput(f"Unknown kind of message: {format_value(kind)}. Reload the page and run the cell again.")
    return PARSERS[kind](_text(content, "call"), content, buffers)


def _parse_start(call: str, content: Mapping[str, Any], _: Sequence[Any]) -> Start:
    return Start(call, _optional_text(content, "invitation"))


def _parse_stop(call: str, _: Mapping[str, Any], __: Sequence[Any]) -> Stop:
    return Stop(call)


def _parse_description(call: str, content: Mapping[str, Any], _: Sequence[Any]) -> Description:
    return Description(call, _text(content, "sdp"), _optional_text(content, "viewer"))


def _parse_candidate(call: str, content: Mapping[str, Any], _: Sequence[Any]) -> PageCandidate:
    return PageCandidate(call, _candidate(content.get("candidate")), _optional_text(content, "viewer"))


def _parse_beat(call: str, content: Mapping[str, Any], _: Sequence[Any]) -> Beat:
    return Beat(call, _rows(content.get("rows")))


def _parse_picture(call: str, content: Mapping[str, Any], buffers: Sequence[Any]) -> Picture:
    image = bytes(buffers[0]) if buffers else b""
    return Picture(call, _text(content, "request"), image, _optional_text(content, "reason") or "")


def _parse_report(call: str, content: Mapping[str, Any], _: Sequence[Any]) -> PageReport:
    state = content.get("state")
    for known in get_args(PageState):
        if state == known:
            return PageReport(call, known, _optional_text(content, "reason") or "", _optional_text(content, "viewer"))
    raise InvalidInput(
        f"Unknown state of a page: {format_value(state)}. Expected one of: {', '.join(get_args(PageState))}."
    )


PARSERS: Mapping[str, Callable[[str, Mapping[str, Any], Sequence[Any]], PageMessage]] = {
    "start": _parse_start,
    "stop": _parse_stop,
    "description": _parse_description,
    "candidate": _parse_candidate,
    "state": _parse_report,
    "stats": _parse_beat,
    "picture": _parse_picture,
}
"""What reads each kind of message that belongs to a call, from the call's id, the content and the buffers."""


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise InvalidInput(
            f"Member {name!r} is not valid: {format_value(value)}. Expected 1 to {MAX_TEXT:,} characters."
        )
    return value


def _optional_text(content: Mapping[str, Any], name: str) -> str | None:
    return None if content.get(name) in (None, "") else _text(content, name)


def _candidate(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not isinstance(value.get("candidate"), str):
        raise InvalidInput(f"Not an ICE candidate: {format_value(value)}. Expected the members of RTCIceCandidateInit.")
    return {name: value[name] for name in ("candidate", "sdpMid", "sdpMLineIndex", "usernameFragment") if name in value}


def _rows(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(row, Mapping) for row in value):
        raise InvalidInput(f"Not a list of statistics: {format_value(value)}. Expected one JSON object for each peer.")
    return [*value[:MAX_ROWS]]


def number_or_none(value: object) -> float | None:
    """Return a finite number of a page, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # an integer that no page has counted
        return None
