"""Whatever a setting of a profile or a variable contains: clients are made, or an error of ours says what to correct."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from hypothesis import example, given
from hypothesis import strategies as st

from kvs_notebook import errors
from kvs_notebook.aws.default_connection import for_profile
from kvs_notebook.formatting import MAX_LINE
from tests.hostile_texts import HOSTILE

KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s"
RUN = {"credential_process"}
"""Settings whose value is a program; tests/aws/test_credential_process.py runs some."""

SETTINGS = sorted(
    {
        *(name for name, *_ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values() if isinstance(name, str)),
        *(
            "endpoint_url",
            "services",
            "sso_session",
            "source_profile",
            "credential_source",
            "role_arn",
            "s3",
            "proxies",
        ),
    }
    - RUN
)
VARIABLES = sorted(
    {
        name
        for _, names, *_ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values()
        for name in ([names] if isinstance(names, str) else names or ())
    }
)

VALUES = [
    "", " ", "junk", "0", "-1", "1e3", "9" * 30, "true", "None", "http://", "http://[::1", "http://127.0.0.1:99999", "://x",
    "ftp://127.0.0.1", "/nonexistent", "/etc", "x" * 5_000, "%s{}", "[", "legacy", "adaptive", "auto", "*", "us-east-1,*",
]  # fmt: skip
NESTED = ["\n  a = b", "\n  a =\n    b = c", "\n  addressing_style = junk", "\n  kinesisvideo = junk"]

values = st.sampled_from(
    [*VALUES, *(text for name, text in HOSTILE.items() if name not in {"zero byte", "half of a pair"})]
)


def refusal() -> errors.KVSError | None:
    """Make clients without any request, and return the error that this ends with."""
    try:
        connection = for_profile(None, region="us-east-1")
        for service in ("kinesisvideo", "sts"):
            connection.client(service)
    except errors.KVSError as error:
        return error
    return None


def assert_names_what_to_correct(error: errors.KVSError | None) -> None:
    text = str(error)
    assert not isinstance(error, errors.ServiceFault), text
    assert text.isprintable(), text
    assert len(text) < MAX_LINE + 1_000
    assert error is None or re.search("[Cc]orrect|[Ss]et |aws |pip install", text), text


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a config file."""
    return tmp_path_factory.mktemp("aws") / "config"


@contextmanager
def configured(path: Path, *lines: str, **variables: str) -> Iterator[None]:
    """Configure a profile with keys, more lines and variables; set for each example, after the fixtures of each test."""
    path.write_text("\n".join(["[profile lab]", KEYS, *lines, ""]), encoding="utf-8", errors="replace")
    usual = {
        "AWS_CONFIG_FILE": str(path),
        "AWS_PROFILE": "lab",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**usual, **variables}.items():
            patch.setenv(name, value)
        yield


@given(setting=st.sampled_from(SETTINGS), value=values | st.sampled_from(NESTED))
@example(setting="api_versions", value="junk")
@example(setting="defaults_mode", value="\n  a = b")
@example(setting="sso_session", value="\n  a = b")
@example(setting="s3", value="\n  addressing_style = junk")
def test_any_setting_of_a_profile_works_or_is_named(path, setting, value):
    with configured(path, f"{setting} = {value}"):
        assert_names_what_to_correct(refusal())
    with configured(path):
        assert refusal() is None


@given(variable=st.sampled_from(VARIABLES), value=values)
@example(variable="AWS_S3_US_EAST_1_REGIONAL_ENDPOINT", value="junk")
@example(variable="AWS_ENDPOINT_URL", value="http://127.0.0.1:99999")
@example(variable="AWS_DEFAULTS_MODE", value="a\nb")
def test_any_variable_works_or_is_named(path, variable, value):
    with configured(path, **{variable: value}):
        assert_names_what_to_correct(refusal())
    with configured(path):
        assert refusal() is None
