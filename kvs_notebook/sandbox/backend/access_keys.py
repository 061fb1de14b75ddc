"""Access keys of accounts and role sessions, all derived from one root secret; no other key material is stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from kvs_notebook.sandbox.backend import page_tokens
from kvs_notebook.sandbox.backend.validation import ServiceError

KEY_PREFIX = "KVSB"
SESSION_PREFIX = "KVST"
KEY_ID = re.compile(rf"({KEY_PREFIX}|{SESSION_PREFIX})([0-9]{{12}})([A-Z2-7]{{4}})")
SESSION = "session"


class ResolvedKey(NamedTuple):
    """The account and secret of an access key; ``role_session`` is ``"ROLE/SESSION"`` for temporary credentials."""

    account_id: str
    secret: str
    role_session: str | None = None


class RoleSession(NamedTuple):
    """Temporary credentials of a role."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires: datetime


class AccessKeys:
    """Derive an access key for each account and each role session from the sandbox's root secret."""

    def __init__(self, root_secret: bytes) -> None:
        self.root_secret = root_secret

    def access_key_id(self, account_id: str) -> str:
        """Return the access key id of an account: 20 characters that include the account id."""
        return f"{KEY_PREFIX}{account_id}{_letters(self.root_secret, f'access key {account_id}')}"

    def secret(self, access_key_id: str) -> str:
        """Return the secret of an account's access key id: 40 characters."""
        return _secret(self.root_secret, f"secret of {access_key_id}")

    def account_of(self, access_key_id: str) -> str | None:
        """Return the account of an access key id; None if this sandbox did not issue it."""
        found = KEY_ID.fullmatch(access_key_id)
        if found is None or not hmac.compare_digest(self.access_key_id(found[2]), access_key_id):
            return None
        return found[2]

    def issue_role_session(self, account_id: str, role_session: str, expires: datetime) -> RoleSession:
        """Issue temporary credentials of a role; the token contains all of it, so that the sandbox stores nothing."""
        claim = json.dumps([account_id, role_session, int(expires.timestamp())])
        token = page_tokens.encode_token(claim, self.root_secret, SESSION)
        return RoleSession(
            self._session_key_id(account_id, token), _secret(self.root_secret, f"secret of {token}"), token, expires
        )

    def resolve(self, access_key_id: str, token: str | None, now: datetime) -> ResolvedKey:
        """Return the account and secret of an access key and session token.

        Raises
        ------
        ServiceError
            UnrecognizedClientException if this sandbox did not issue the key and token together; ExpiredTokenException.
        """
        if token is None:
            account_id = self.account_of(access_key_id)
            if account_id is None:
                raise unrecognized()
            return ResolvedKey(account_id, self.secret(access_key_id))
        claim = page_tokens.decode_token(token, self.root_secret, SESSION)
        if claim is None:
            raise unrecognized()
        account_id, role_session, expires = json.loads(claim)
        if not hmac.compare_digest(self._session_key_id(account_id, token).encode(), access_key_id.encode()):
            raise unrecognized()
        if now >= datetime.fromtimestamp(expires, UTC):
            raise expired_token()
        return ResolvedKey(account_id, _secret(self.root_secret, f"secret of {token}"), role_session)

    def _session_key_id(self, account_id: str, token: str) -> str:
        return f"{SESSION_PREFIX}{account_id}{_letters(self.root_secret, f'session key {token}')}"


def unrecognized() -> ServiceError:
    """Return the error for a key that is unknown, or unknown in this region."""
    return ServiceError("UnrecognizedClientException", "The security token included in the request is invalid.")


def expired_token() -> ServiceError:
    """Return the error for temporary credentials that have expired."""
    return ServiceError("ExpiredTokenException", "The security token included in the request is expired")


@lru_cache(maxsize=1024)
def _letters(root_secret: bytes, purpose: str) -> str:
    return base64.b32encode(_derived(root_secret, purpose)[:5]).decode()[:4]


@lru_cache(maxsize=1024)
def _secret(root_secret: bytes, purpose: str) -> str:
    digest = _derived(root_secret, purpose)
    return base64.b64encode(digest + digest[:6]).decode()[:40]


def _derived(root_secret: bytes, purpose: str) -> bytes:
    return hmac.digest(root_secret, purpose.encode(), hashlib.sha256)
