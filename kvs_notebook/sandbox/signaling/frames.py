"""Text frames that peers and the service exchange over a WebSocket [6.2, 6.3]."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping
from typing import Any, NamedTuple

from kvs_notebook.aws.json_text import parse_json
from kvs_notebook.aws.quotas import MESSAGE_RATES
from kvs_notebook.aws.service_model import bounds
from kvs_notebook.formatting import format_value
from kvs_notebook.sandbox.backend.validation import ServiceError, invalid_argument
from kvs_notebook.sandbox.signaling.message_queue import QueuedMessage

EMPTY = ""
"""A frame without content, which real clients receive and skip [10]."""

LONGEST_PAYLOAD = 10_000
"""Characters of a payload by the model [6.2]."""

LONGEST_DESCRIPTION = 1024
"""Maximum length of a STATUS_RESPONSE's description [6.3, sure]."""

ID = re.compile("[a-zA-Z0-9_.-]{1,256}")
"""Pattern of correlation ids and client ids [6.1, 6.2, sure]."""

BASE64_ALPHABET = (string.ascii_letters + string.digits + "+/").encode()

_COMPACT = json.JSONEncoder(separators=(",", ":"))


class MalformedFrame(Exception):
    """A frame is not a JSON object, so that no STATUS_RESPONSE can name its message."""


class SendRequest(NamedTuple):
    """A message that a peer asks the service to send."""

    message_type: str
    recipient_client_id: str
    payload: str


def parse_frame(text: str | None) -> tuple[Mapping[str, Any], str | None]:
    """Parse a frame into its members and its correlation id; None if it has no valid one.

    Raises
    ------
    MalformedFrame
        If the frame is binary (None) or not a JSON object.
    """
    if text is None:
        raise MalformedFrame("binary")
    try:
        members = parse_json(text)
    except ValueError as error:
        raise MalformedFrame(str(error)) from error
    if not isinstance(members, dict):
        raise MalformedFrame("not a JSON object")
    # Names start with a lower-case letter in the JS client, with an upper-case letter in the C client.
    members = {name[:1].lower() + name[1:]: value for name, value in members.items()}
    correlation_id = members.get("correlationId")
    return members, correlation_id if _is_id(correlation_id) else None


def parse_request(members: Mapping[str, Any], *, to_viewer: bool, payload_limit: int = LONGEST_PAYLOAD) -> SendRequest:
    """Validate the members of a frame; unknown ones are ignored, and a payload has at most ``payload_limit`` characters.

    Raises
    ------
    ServiceError
        InvalidArgumentException.
    """
    message_type = members.get("action")
    if not isinstance(message_type, str) or message_type not in MESSAGE_RATES:
        raise invalid_argument(
            f"action {format_value(message_type)} is not valid. Expected one of: {', '.join(MESSAGE_RATES)}."
        )
    payload = members.get("messagePayload")
    if not isinstance(payload, str):
        raise invalid_argument("messagePayload is required: base64 of a JSON text.")
    low, _ = bounds("MessagePayload")
    if not low <= len(payload) <= payload_limit:
        raise invalid_argument(f"messagePayload has {len(payload)} characters: {low} to {payload_limit} are allowed.")
    if not _is_base64(payload):
        raise invalid_argument(
            "messagePayload is not base64. Expected letters, digits, + and / in groups of four, padded with =."
        )
    recipient = members.get("recipientClientId") if to_viewer else ""
    if to_viewer and not _is_id(recipient):
        raise invalid_argument("recipientClientId is required from a MASTER. Expected the client id of a viewer.")
    return SendRequest(message_type, str(recipient), payload)


def format_delivery(message: QueuedMessage) -> str:
    """Return the frame that delivers a message; it names the sender to the MASTER only."""
    # Base64 and ids need no escaping, and an encoder would take a fifth of the time of relaying.
    sender = f',"senderClientId":"{message.sender}"' if message.sender else ""
    return f'{{"messagePayload":"{message.payload}","messageType":"{message.message_type}"{sender}}}'


def format_status_response(correlation_id: str, error: ServiceError) -> str:
    """Return the frame that reports a rejected message to its sender."""
    status = {
        "correlationId": correlation_id,
        "errorType": error.code,
        "statusCode": str(error.status),
        "success": False,
        "description": error.message[:LONGEST_DESCRIPTION],
    }
    return _COMPACT.encode({"messageType": "STATUS_RESPONSE", "statusResponse": status})


def format_notice(message_type: str) -> str:
    """Return a notice of the service: GO_AWAY or RECONNECT_ICE_SERVER."""
    return _COMPACT.encode({"messageType": message_type})


def _is_base64(text: str) -> bool:
    """Return whether a text is base64; takes a quarter of the time of ``b64decode(validate=True)``."""
    unpadded = text.removesuffix("=").removesuffix("=")
    return len(text) % 4 == 0 and text.isascii() and not unpadded.encode().translate(None, BASE64_ALPHABET)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and ID.fullmatch(value) is not None
