"""connect(), and the connection that calls use which are told no other."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import set_current


@pytest.fixture
def profile(sandbox: kvs.Sandbox, monkeypatch: pytest.MonkeyPatch) -> kvs.Sandbox:
    """An AWS profile as the user has it: the environment of a sandbox, for this process."""
    for name, value in sandbox.environment({}).items():
        monkeypatch.setenv(name, value)
    return sandbox


def no_more_a_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvs_notebook.aws.identity.SANDBOX_USER", "somebody")


# --- connect


def test_connect_asks_who_it_is_and_becomes_the_current_connection(profile):
    connection = kvs.connect("sandbox")
    assert profile.requests["operation"].tolist() == ["GetCallerIdentity"]
    assert kvs.current_connection() is connection
    assert repr(connection) == "<Connection: account 111122223333, us-east-1, profile sandbox, SANDBOX>"


def test_a_sandbox_reached_by_its_profile_may_be_changed(profile):
    kvs.connect()
    assert kvs.create_channel("front-door")["channel_status"].item() == "ACTIVE"


def test_a_real_account_is_read_only_until_allowed(profile, monkeypatch):
    no_more_a_sandbox(monkeypatch)
    kvs.connect("sandbox")
    with pytest.raises(
        errors.ReadOnly, match=re.escape("kvs.connect('sandbox', region='us-east-1', allow_changes=True)")
    ):
        kvs.create_channel("front-door")
    kvs.connect("sandbox", allow_changes=True)
    kvs.create_channel("front-door")


def test_a_region_is_taken_as_given_else_from_the_profile(profile):
    assert kvs.connect().region == "us-east-1"
    assert kvs.connect(region="eu-west-1").region == "eu-west-1"


def test_a_session_is_used_as_it_is(profile):
    connection = kvs.connect(session=boto3.Session(region_name="ap-southeast-2"))
    assert connection.region == "ap-southeast-2"
    assert kvs.list_channels().empty
    with pytest.raises(errors.InvalidInput, match="give one of them"):
        kvs.connect("sandbox", session=boto3.Session())


def test_an_endpoint_on_loopback_answers_for_sts_too(sandbox):
    credentials = sandbox.connection().client()._request_signer._credentials
    session = boto3.Session(
        aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key, region_name="eu-west-1"
    )
    connection = kvs.connect(session=session, endpoint_url=sandbox.endpoint_url)
    assert connection.is_sandbox()
    assert repr(connection) == f"<Connection: account 111122223333, eu-west-1, {sandbox.endpoint_url}, SANDBOX>"


def test_a_share_of_the_quotas_is_taken_as_given(profile):
    assert kvs.connect(share=0.5).rate_limiter._shares["ListTagsForResource"] == 0.5
    assert kvs.connect(share={"ListTagsForResource": 0.98}).rate_limiter._shares["ListTagsForResource"] == 0.98
    with pytest.raises(errors.InvalidInput, match="above 0 and at most 1"):
        kvs.connect(share=1.5)


def test_a_connection_that_failed_leaves_the_current_one(profile):
    first = kvs.connect()
    with pytest.raises(errors.NoCredentials):
        kvs.connect("nobody")
    assert kvs.current_connection() is first


# --- what can be missing


def test_no_credentials_say_what_to_do():
    with pytest.raises(errors.NoCredentials, match=r"aws configure sso.*kvs\.use_sandbox\(\)") as raised:
        kvs.connect(region="us-east-1", endpoint_url="http://127.0.0.1:9")
    assert raised.value.__cause__ is not None


def test_a_profile_that_does_not_exist_names_those_that_do(tmp_path: Path, monkeypatch):
    (tmp_path / "config").write_text("[profile fleet]\nregion = eu-west-1\n[profile lab]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(errors.NoCredentials, match=r"\(nobody\) could not be found.*fleet, lab"):
        kvs.connect("nobody")


def test_no_region_says_how_to_name_one():
    with pytest.raises(errors.NoRegion, match=r'kvs\.connect\(region="us-east-1"\)'):
        kvs.connect()


def test_a_config_file_that_is_broken_is_named(tmp_path: Path, monkeypatch):
    (tmp_path / "config").write_text("no section\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(errors.NoCredentials, match=re.escape(str(tmp_path / "config"))):
        kvs.connect(region="us-east-1")


def test_an_expired_token_says_how_to_refresh_it(profile):
    profile.faults.add("GetCallerIdentity", "expired")
    with pytest.raises(errors.ExpiredCredentials, match="aws sso login") as raised:
        kvs.connect()
    assert raised.value.code == "ExpiredTokenException"
    assert isinstance(raised.value.__cause__, ClientError)


def test_keys_that_are_wrong_say_so(profile, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_PROFILE")
    with pytest.raises(errors.ExpiredCredentials) as raised:
        kvs.connect(region="us-east-1")
    assert raised.value.code == "UnrecognizedClientException"


def test_an_endpoint_that_nobody_answers_on_is_named(sandbox):
    credentials = sandbox.connection().client()._request_signer._credentials
    session = boto3.Session(
        aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key, region_name="eu-west-1"
    )
    sandbox.stop()
    with pytest.raises(errors.EndpointUnreachable, match=re.escape(sandbox.endpoint_url)):
        kvs.connect(session=session, endpoint_url=sandbox.endpoint_url)


# --- the current connection


def test_without_a_connection_boto3s_default_chain_is_used_read_only(profile, monkeypatch):
    no_more_a_sandbox(monkeypatch)
    assert kvs.list_channels().empty
    assert "read-only" in repr(kvs.current_connection())


def test_without_a_region_a_call_says_how_to_name_one():
    with pytest.raises(errors.NoRegion):
        kvs.list_channels()


def test_a_connection_that_is_passed_wins(sandbox):
    set_current(sandbox.connection())
    elsewhere = sandbox.connection(region="eu-west-1")
    kvs.create_channel("front-door", connection=elsewhere)
    assert kvs.list_channels().empty
    assert len(kvs.list_channels(connection=elsewhere)) == 1
    assert kvs.current_connection(elsewhere) is elsewhere


def test_the_current_connection_is_every_threads(sandbox):
    set_current(sandbox.connection())
    seen: list[kvs.Connection] = []
    worker = threading.Thread(target=lambda: seen.append(kvs.current_connection()))
    worker.start()
    worker.join()
    assert seen == [kvs.current_connection()]
