"""Whatever a credential provider raises becomes an error of ours."""

from __future__ import annotations

import builtins
from typing import Any

import boto3
import botocore.session
import pytest
from botocore import exceptions as botocore_exceptions
from botocore.credentials import DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.connection_config import ConnectionConfig
from kvs_notebook.aws.credential_errors import credential_error, next_steps_of
from kvs_notebook.aws.session import SharedSession
from tests.connections import connect_session
from tests.fleet.inventories import ROLE

SOURCES = {
    "keys": "aws_access_key_id = A",
    "sso": "sso_start_url = x",
    "login": "login_session = x",
    "process": "credential_process = x",
    "mfa": "role_arn = x\nmfa_serial = x",
    "role": "role_arn = x",
    "web identity": "web_identity_token_file = x",
    "nothing": "",
}
MENDED_BY = {
    "keys": "aws configure --profile lab",
    "sso": "aws sso login --profile lab",
    "login": "aws login --profile lab",
    "process": "credential_process of profile 'lab'",
    "mfa": "export-credentials --profile lab",
    "web identity": "web_identity_token_file of profile 'lab'",
}


class Anything(dict[str, str]):
    """Format arguments of any botocore error."""

    def __missing__(self, key: str) -> str:
        return key


def raisable() -> list[Exception]:
    """Return an error of every class of botocore that has no response, and of every one of Python that takes a text."""
    ours = [each for each in vars(botocore_exceptions).values() if isinstance(each, type)]
    made: list[Exception] = []
    for kind in ours:
        if issubclass(kind, BotoCoreError):
            error = kind.__new__(kind)
            Exception.__init__(error, kind.fmt.format_map(Anything()))
            error.kwargs = {}
            made.append(error)
    of_python = [each for each in vars(builtins).values() if isinstance(each, type) and issubclass(each, Exception)]
    of_text = [kind for kind in of_python if not issubclass(kind, (UnicodeError, Warning, ExceptionGroup))]
    return [*made, *(kind("two\nlines \x1b[31m") for kind in of_text)]


@pytest.mark.draw(4)
@pytest.mark.parametrize("source", SOURCES)
def test_any_provider_error_becomes_ours_in_one_line(source, tmp_path, monkeypatch):
    (tmp_path / "config").write_text(f"[profile lab]\n{SOURCES[source]}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    config = ConnectionConfig(session=SharedSession(boto3.Session), region="us-east-1", profile="lab", portable=True)
    expected = {
        errors.ExpiredCredentials,
        errors.NoCredentials,
        errors.NoRegion,
        errors.MissingExtra,
        errors.EndpointUnreachable,
    }
    kinds = set()
    for raised in raisable():
        error = credential_error(raised, operation="Signing", config=config)
        kinds.add(type(error))
        assert type(error) in expected, raised
        assert str(error).isprintable(), raised
        if type(error) is errors.ExpiredCredentials and source in MENDED_BY:
            assert MENDED_BY[source] in str(error), raised
    assert kinds == expected


RENEWED_BY = {
    **MENDED_BY,
    "process": "credential_process of profile 'lab'",
    "mfa": "another MFA code",
    "web identity": "for SSO",
    "role": "for SSO",
    "nothing": "for SSO",
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("given", ["lab", None])
def test_expired_credentials_say_how_their_source_renews_them(source, given, tmp_path, monkeypatch):
    (tmp_path / "config").write_text(f"[profile lab]\n{SOURCES[source]}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    config = ConnectionConfig(session=SharedSession(boto3.Session), region="us-east-1", profile=given, portable=True)
    for code in ("ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException"):
        error = ClientError({"Error": {"Code": code}}, "ListSignalingChannels")
        advice = next_steps_of(config, error)[errors.ExpiredCredentials]
        assert RENEWED_BY[source] in advice
        assert advice.endswith("kvs.connect('lab') again." if given else "kvs.connect() again.")
    assert next_steps_of(config, ClientError({"Error": {"Code": "ThrottledException"}}, "x")) == {}


@pytest.mark.parametrize(
    ("code", "status", "message", "kind"),
    [
        ("AccessDenied", 403, "User is not authorized to perform: sts:AssumeRole", errors.AccessDenied),
        ("ForbiddenException", 403, "No access", errors.AccessDenied),
        ("ExpiredTokenException", 400, "Token expired", errors.ExpiredCredentials),
        ("UnauthorizedException", 401, "Session token not found or invalid", errors.ExpiredCredentials),
        ("InvalidGrantException", 400, "", errors.ExpiredCredentials),
        ("ResourceNotFoundException", 404, "No such account", errors.ExpiredCredentials),
        ("ValidationError", 400, "1 validation error", errors.ExpiredCredentials),
        ("TooManyRequestsException", 429, "Slow down", errors.Throttled),
        ("InternalFailure", 500, "", errors.ServiceFault),
        (
            "AccessDenied",
            403,
            "MultiFactorAuthentication failed with invalid MFA one time pass code.",
            errors.NoCredentials,
        ),
    ],
)
def test_refusal_of_credentials_has_a_class(tmp_path, monkeypatch, code, status, message, kind):
    (tmp_path / "config").write_text("[profile lab]\nrole_arn = x\nmfa_serial = x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    config = ConnectionConfig(session=SharedSession(boto3.Session), region="us-east-1", profile="lab", portable=True)
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = credential_error(ClientError(response, "AssumeRole"), operation="ListSignalingChannels", config=config)
    assert type(error) is kind
    assert error.code == code
    assert code in str(error)


@pytest.mark.parametrize("kind", [RuntimeError, KeyError, TypeError, AttributeError, NotImplementedError, EOFError])
def test_error_of_given_session_is_one_of_ours(kind):
    """A session that the caller made may have any provider."""

    def refresh() -> dict[str, str]:
        raise kind("expiration")

    session = botocore.session.Session()
    session._credentials = DeferredRefreshableCredentials(refresh, "own")
    connection = connect_session(boto3.Session(botocore_session=session), "us-east-1")
    expected = errors.ExpiredCredentials if kind is RuntimeError else errors.NoCredentials
    for use in (connection.credentials, connection.identity, lambda: kvs.list_channels(connection=connection)):
        with pytest.raises(expected) as raised:
            use()
        assert isinstance(raised.value.__cause__, kind)


def test_role_error_names_problem_of_source_credentials(sandbox, tmp_path, monkeypatch):
    (tmp_path / "config").write_text("[profile lab]\nregion = us-east-1\ncredential_process = false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint_url)
    with pytest.warns(UserWarning, match="The inventory ends early"):
        found = kvs.inventory(role_arns=[ROLE])
    assert found.coverage["status"].tolist() == ["expired"]
    assert "credential_process of profile 'lab'" in found.coverage["message"].item()
    assert sandbox.requests.empty
