"""Page tokens: where a list goes on, sealed so that only the list that gave one takes it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

DIGEST_BYTES = 16
"""Bytes of the digest that a token begins with."""


def encode_token(name: str, secret: bytes, scope: str) -> str:
    """Make the token that goes on after a name; ``scope`` is all that the list was asked for.

    A name of 256 characters gives 364 of the 1,024 that the model allows, all of them in its pattern.
    """
    return base64.b64encode(_digest(name, secret, scope) + name.encode()).decode()


def decode_token(token: str, secret: bytes, scope: str) -> str | None:
    """Give the name that a token goes on after, None where it was not given for this scope."""
    try:
        raw = base64.b64decode(token, validate=True)
    except binascii.Error:
        return None
    name = raw[DIGEST_BYTES:].decode(errors="replace")
    return name if hmac.compare_digest(raw[:DIGEST_BYTES], _digest(name, secret, scope)) else None


def _digest(name: str, secret: bytes, scope: str) -> bytes:
    return hmac.digest(secret, f"page {scope}\n{name}".encode(), hashlib.sha256)[:DIGEST_BYTES]
