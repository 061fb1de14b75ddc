"""Keep the secrets of a call out of the DEBUG log of aiortc and aioice, which has whole descriptions and STUN messages in it."""

from __future__ import annotations

import logging
import re

from kvs_notebook.aws.log_redaction import MASK
from kvs_notebook.formatting import MAX_LINE, one_line

LOGGERS = (
    "aioice.ice",
    "aioice.turn",
    "aiortc.rtcdtlstransport",
    "aiortc.rtcicetransport",
    "aiortc.rtcpeerconnection",
)
"""Loggers that may show a description or a STUN message. Filters of a parent logger do not apply to its children."""

_SECRETS = (
    re.compile(r"(\bice-(?:pwd|ufrag):)\S+"),
    re.compile(r"('(?:USERNAME|NONCE|MESSAGE-INTEGRITY)': )b?(?:'[^']*'|\"[^\"]*\")"),
)


def safe_line(value: object, most: int = MAX_LINE) -> str:
    """Return a text of a peer, a page or the service as one line of at most ``most`` characters, without secrets of a call."""
    return one_line(mask_media_secrets(str(value)), most)


def mask_media_secrets(text: str) -> str:
    """Return a text, which may quote a description or a STUN message, without passwords and user names."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{MASK}", text)
    return text


class MediaSecretFilter(logging.Filter):
    """Mask passwords of calls and user names of TURN servers in what a logger writes."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the secrets of a record; never drop one."""
        message = record.getMessage()
        redacted = mask_media_secrets(message)
        if redacted != message:
            record.msg, record.args = redacted, None
        return True


_FILTER = MediaSecretFilter()


def install() -> None:
    """Add the filter to the loggers; a second call changes nothing."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
