"""Messages of errors in the words of a form."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws import credential_errors, error_translation
from kvs_notebook.aws.configuration import CredentialSource
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.plans.limits import Limits
from kvs_notebook.sandbox import advice
from tests.forms.python_words import PYTHON

KINDS = ["sso", "login", "process", "mfa", "web identity", "environment", "keys", "other"]
SOURCES = [CredentialSource(kind, "ops", "ops", given, "/aws/config") for kind in KINDS for given in (None, "ops")]

MESSAGES = [
    *error_translation.NEXT_STEP.values(),
    error_translation.NO_NETWORK,
    error_translation.UNTRUSTED,
    error_translation.CORRECT_PROFILE,
    advice.SANDBOX_STOPPED,
    advice.SANDBOX_RUNS,
    *advice.NEXT_STEPS.values(),
    *(credential_errors._advice_of_source(source) for source in SOURCES),
    *(credential_errors._renewal(source) for source in SOURCES),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_advice_names_no_python(message):
    words = in_words(message)
    assert not PYTHON.search(words)
    assert words
    assert "  " not in words
    assert words[0].isupper() == message[0].isupper() or message.startswith("wait_for")


def raised(call, *arguments, **options) -> str:
    with pytest.raises(errors.KVSError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def test_messages_of_plans_name_no_python():
    limits = Limits(max_delete=1)
    for message in (
        raised(limits.check_deletes, 2),
        raised(limits.check_share, 3, 4, "us-east-1"),
        raised(Limits, max_delete="two"),
        raised(Limits, max_share=3),
    ):
        assert not PYTHON.search(in_words(message)), message


@pytest.mark.parametrize("profile", [None, "ops"])
def test_message_of_a_missing_profile_names_no_python(profile, tmp_path, monkeypatch):
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(variable, str(tmp_path / "none"))
    if profile is None:
        monkeypatch.setenv("AWS_PROFILE", "ops")
    message = raised(kvs.connect, profile)
    assert PYTHON.search(message)
    assert not PYTHON.search(in_words(message))


@given(st.from_regex(re.compile(r"[A-Za-z0-9._:/=+@ -]{1,40}"), fullmatch=True))
def test_values_of_users_stay_as_they_are(value):
    message = f"TagResource failed for front-door: InvalidArgumentException: Tag {value!r} is taken."
    assert in_words(message) == message
