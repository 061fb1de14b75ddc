"""Keep secrets out of botocore's own DEBUG log, which has whole requests and replies in it."""

from __future__ import annotations

import logging
import re

LOGGERS = (
    "botocore.auth",
    "botocore.awsrequest",
    "botocore.client",
    "botocore.credentials",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.retries.standard",
    "botocore.tokens",
    "botocore.utils",
    "urllib3.connectionpool",
)
"""Loggers that may show a request, a reply or a signature. Filters of a parent logger do not apply to its children."""

MASK = "[redacted]"

_MEMBERS = "password|secretaccesskey|sessiontoken|token|accesstoken|refreshtoken|clientsecret|idtoken|webidentitytoken|tokencode"
_SECRETS = (
    re.compile(
        r"(x-amz-(?:security-token|sso_bearer_token)(?:['\"]?\s*[:=]\s*b?['\"]?|%3D|=))[^\s'\"&]+", re.IGNORECASE
    ),
    re.compile(r"(\b(?:x-amz-)?signature(?:=|:\s+))[0-9a-f]{64}", re.IGNORECASE),
    re.compile(rf"(\\?[\"'](?:{_MEMBERS})\\?[\"']\s*:\s*\\?[\"'])[^\"'\\]*", re.IGNORECASE),
    re.compile(rf"(<(?:{_MEMBERS})>)[^<]*", re.IGNORECASE),
    re.compile(r"(Invalid header value b?['\"])[^'\"]*"),
)


class SecretFilter(logging.Filter):
    """Mask session tokens, signatures, passwords and keys in what a logger writes."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the secrets of a record; never drop one."""
        message = record.getMessage()
        redacted = redact(message)
        if redacted != message:
            record.msg, record.args = redacted, None
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(_FORMATTER.formatException(record.exc_info))  # formatters print it as it is
        return True


_FILTER = SecretFilter()
_FORMATTER = logging.Formatter()


def redact(text: str) -> str:
    """Return a text with the secrets of requests and replies masked."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{MASK}", text)
    return text


def install() -> None:
    """Add the filter to botocore's loggers; a second call changes nothing."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
