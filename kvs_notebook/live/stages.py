"""The stages of a live video session: their names, the sentence of each, and the error that names the last one."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from kvs_notebook.errors import NoVideo

Stage: TypeAlias = Literal[
    "stopped", "looking_up", "waiting", "negotiating", "connected", "playing", "stalled", "failed", "taken_over"
]

STAGES: Final[tuple[Stage, ...]] = (
    "stopped",
    "looking_up",
    "waiting",
    "negotiating",
    "connected",
    "playing",
    "stalled",
    "failed",
    "taken_over",
)

FINAL: Final[frozenset[Stage]] = frozenset({"stopped", "failed", "taken_over"})
"""In these stages a session has no connection and does nothing until it is started again."""

SIGNALING: Final[frozenset[Stage]] = frozenset({"waiting", "negotiating"})
"""In these stages a viewer's call needs the connection to the service."""

VIEWER_SENTENCES: Final[dict[Stage, str]] = {
    "stopped": "Stopped.",
    "looking_up": "Looking up the channel...",
    "waiting": "Calling the camera...",
    "negotiating": "The camera answered; connecting...",
    "connected": "Connected; waiting for the first picture...",
    "playing": "Playing.",
    "stalled": "The camera stopped sending.",
    "failed": "The call failed.",
    "taken_over": "The service closed the connection: another viewer with this client id has connected, or the service has "
    "stopped. Check which, then start again.",
}

CAMERA_SENTENCES: Final[dict[Stage, str]] = {
    "stopped": "Stopped.",
    "looking_up": "Looking up the channel...",
    "waiting": "On the channel, waiting for viewers.",
    "negotiating": "A viewer called; connecting...",
    "connected": "A viewer is connected; sending the first picture...",
    "playing": "Sending to viewers.",
    "stalled": "The picture stopped.",
    "failed": "The camera failed.",
    "taken_over": "Another MASTER took over the channel: this camera receives no more calls. Stop that MASTER, then start again.",
}


CAMERA_CLOSED_SENTENCE: Final = (
    "The service closed the connection: another MASTER has connected, or the service has stopped. Check which, then start "
    "again."
)
"""For a camera whose connection the service closed, if no other camera of this process has replaced it."""


def failure_sentence(stage: Stage, channel_name: str, seconds: float) -> str:
    """Return why no video came within a time, from the last stage that was reached."""
    within = f"within {seconds:g} s"
    match stage:
        case "stopped" | "looking_up":
            return f"{channel_name} could not be looked up {within}. Check the connection to the service."
        case "waiting":
            return f"No answer from {channel_name} {within}. Check that the camera is on and uses this channel."
        case "negotiating":
            return (
                f"No network path to the camera of {channel_name} {within}. Check that UDP is allowed on both sides, or that "
                "TURN servers can be reached."
            )
        case "connected":
            return f"The camera of {channel_name} connected, but sent no picture {within}. Check its encoder."
        case _:
            return f"The camera of {channel_name} stopped sending. Start again, or restart the camera."


def service_lost_sentence(seconds: float) -> str:
    """Return why a call cannot go on if its signaling did not connect again within a time."""
    within = f"within {seconds:g} s"
    return f"The connection to the service ended, and did not come back {within}. Check the network, then start again."


def service_lost(stage: Stage, seconds: float) -> NoVideo:
    """Return the error of a call whose signaling did not connect again within a time; its ``stage`` is the last one."""
    error = NoVideo(service_lost_sentence(seconds))
    error.stage = stage
    return error


def no_video(stage: Stage, channel_name: str, seconds: float) -> NoVideo:
    """Return the error of a camera that sent no video within a time; its ``stage`` is the last one that was reached."""
    error = NoVideo(failure_sentence(stage, channel_name, seconds))
    error.stage = stage
    return error
