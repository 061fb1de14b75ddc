"""The access keys of a sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kvs_notebook.sandbox.backend.access_keys import AccessKeys, ResolvedKey
from kvs_notebook.sandbox.backend.validation import ServiceError

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
KEYS = AccessKeys(b"a root secret")


def rejection(key_id: str, token: str | None, at: datetime = NOW) -> str:
    with pytest.raises(ServiceError) as refused:
        KEYS.resolve(key_id, token, at)
    return refused.value.code


def test_account_key_resolves_to_its_account():
    key_id = KEYS.access_key_id("444455556666")
    assert KEYS.resolve(key_id, None, NOW) == ResolvedKey("444455556666", KEYS.secret(key_id))


def test_session_resolves_to_its_role_until_it_expires():
    session = KEYS.issue_role_session("444455556666", "Reader/kvs-notebook", NOW + timedelta(hours=1))
    held = KEYS.resolve(session.access_key_id, session.session_token, NOW + timedelta(minutes=59))
    assert held == ResolvedKey("444455556666", session.secret_access_key, "Reader/kvs-notebook")
    assert rejection(session.access_key_id, session.session_token, NOW + timedelta(hours=1)) == "ExpiredTokenException"


def test_session_requires_key_and_token_together():
    session = KEYS.issue_role_session("444455556666", "Reader/kvs-notebook", NOW + timedelta(hours=1))
    other = KEYS.issue_role_session("444455556666", "Writer/kvs-notebook", NOW + timedelta(hours=1))
    assert rejection(session.access_key_id, None) == "UnrecognizedClientException"
    assert rejection(session.access_key_id, other.session_token) == "UnrecognizedClientException"
    assert rejection(KEYS.access_key_id("444455556666"), session.session_token) == "UnrecognizedClientException"
    assert rejection(session.access_key_id, session.session_token[:-4] + "AAAA") == "UnrecognizedClientException"


def test_session_of_another_sandbox_is_unknown():
    session = AccessKeys(b"another root secret").issue_role_session(
        "444455556666", "Reader/x", NOW + timedelta(hours=1)
    )
    assert rejection(session.access_key_id, session.session_token) == "UnrecognizedClientException"
