"""Page tokens: the name after which a list continues, authenticated for the list that issued it."""

from __future__ import annotations

import base64
import hashlib
import hmac

DIGEST_BYTES = 16
"""Length of the digest at the start of a token."""


def encode_token(name: str, secret: bytes, scope: str) -> str:
    """Return the token that continues after a name; ``scope`` identifies the list and all its parameters.

    The token of a name of 256 characters has 364 of the 1,024 characters that the model allows.
    """
    return base64.b64encode(_digest(name, secret, scope) + name.encode()).decode()


def decode_token(token: str, secret: bytes, scope: str) -> str | None:
    """Return the name that a token continues after; None if it was not issued for this scope."""
    try:
        raw = base64.b64decode(token, validate=True)
    except ValueError:  # not base64, or not even ASCII
        return None
    name = raw[DIGEST_BYTES:].decode(errors="replace")
    return name if hmac.compare_digest(raw[:DIGEST_BYTES], _digest(name, secret, scope)) else None


def _digest(name: str, secret: bytes, scope: str) -> bytes:
    return hmac.digest(secret, f"page {scope}\n{name}".encode(), hashlib.sha256)[:DIGEST_BYTES]
