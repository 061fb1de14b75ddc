"""Keep the secrets of a call out of the DEBUG log of aiortc and aioice, which has whole descriptions and STUN messages in it."""

from __future__ import annotations

import logging
import re

from kvs_notebook.aws.log_redaction import MASK

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


class MediaSecretFilter(logging.Filter):
    """Mask passwords of calls and user names of TURN servers in what a logger writes."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the secrets of a record; never drop one."""
        message = record.getMessage()
        redacted = message
        for secret in _SECRETS:
            redacted = secret.sub(rf"\1{MASK}", redacted)
        if redacted != message:
            record.msg, record.args = redacted, None
        return True


_FILTER = MediaSecretFilter()


def install() -> None:
    """Add the filter to the loggers; a second call changes nothing."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
