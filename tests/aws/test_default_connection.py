"""connect(), and the default connection of calls without connection=."""

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
    """Set this process's environment to the AWS profile of a sandbox."""
    for name, value in sandbox.environment({}).items():
        monkeypatch.setenv(name, value)
    return sandbox


def hide_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvs_notebook.aws.identity.SANDBOX_USER", "alice")


# --- connect


def test_connect_verifies_identity_and_sets_current_connection(profile):
    connection = kvs.connect("sandbox")
    assert profile.requests["operation"].tolist() == ["GetCallerIdentity"]
    assert kvs.current_connection() is connection
    assert repr(connection) == "<Connection: account 111122223333, us-east-1, profile sandbox, SANDBOX>"


def test_sandbox_profile_allows_changes(profile):
    kvs.connect()
    assert kvs.create_channel("front-door")["channel_status"].item() == "ACTIVE"


def test_real_account_is_read_only_until_allowed(profile, monkeypatch):
    hide_sandbox(monkeypatch)
    kvs.connect("sandbox")
    with pytest.raises(
        errors.ReadOnly, match=re.escape("kvs.connect('sandbox', region='us-east-1', allow_changes=True)")
    ):
        kvs.create_channel("front-door")
    kvs.connect("sandbox", allow_changes=True)
    kvs.create_channel("front-door")


def test_region_defaults_to_that_of_the_profile(profile):
    assert kvs.connect().region == "us-east-1"
    assert kvs.connect(region="eu-west-1").region == "eu-west-1"


def test_session_is_used_unchanged(profile):
    connection = kvs.connect(session=boto3.Session(region_name="ap-southeast-2"))
    assert connection.region == "ap-southeast-2"
    assert kvs.list_channels().empty
    with pytest.raises(errors.InvalidInput, match="Pass one of them"):
        kvs.connect("sandbox", session=boto3.Session())


def test_loopback_endpoint_serves_sts(sandbox):
    credentials = sandbox.connection().client()._request_signer._credentials
    session = boto3.Session(
        aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key, region_name="eu-west-1"
    )
    connection = kvs.connect(session=session, endpoint_url=sandbox.endpoint_url)
    assert connection.is_sandbox()
    assert repr(connection) == f"<Connection: account 111122223333, eu-west-1, {sandbox.endpoint_url}, SANDBOX>"


def test_share_sets_the_rate_limits(profile):
    assert kvs.connect(share=0.5).rate_limiter._shares["ListTagsForResource"] == 0.5
    assert kvs.connect(share={"ListTagsForResource": 0.98}).rate_limiter._shares["ListTagsForResource"] == 0.98
    with pytest.raises(errors.InvalidInput, match="above 0 and at most 1"):
        kvs.connect(share=1.5)


def test_failed_connect_keeps_current_connection(profile):
    first = kvs.connect()
    with pytest.raises(errors.NoCredentials):
        kvs.connect("missing")
    assert kvs.current_connection() is first


# --- what can be missing


def test_missing_credentials_error_says_what_to_do():
    with pytest.raises(errors.NoCredentials, match=r"aws configure sso.*kvs\.use_sandbox\(\)") as raised:
        kvs.connect(region="us-east-1", endpoint_url="http://127.0.0.1:9")
    assert raised.value.__cause__ is not None


def test_unknown_profile_error_lists_profiles(tmp_path: Path, monkeypatch):
    (tmp_path / "config").write_text("[profile fleet]\nregion = eu-west-1\n[profile lab]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(errors.NoCredentials, match=r"\(missing\) could not be found.*fleet, lab"):
        kvs.connect("missing")


def test_missing_region_error_says_what_to_do():
    with pytest.raises(errors.NoRegion, match=r'kvs\.connect\(region="us-east-1"\)'):
        kvs.connect()


def test_broken_config_file_is_named(tmp_path: Path, monkeypatch):
    (tmp_path / "config").write_text("no section\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(errors.NoCredentials, match=re.escape(str(tmp_path / "config"))):
        kvs.connect(region="us-east-1")


def test_expired_token_error_says_what_to_do(profile):
    profile.faults.add("GetCallerIdentity", "expired")
    with pytest.raises(
        errors.ExpiredCredentials, match=r"aws configure --profile sandbox.*kvs\.connect\(\) again"
    ) as raised:
        kvs.connect()
    assert raised.value.code == "ExpiredTokenException"
    assert isinstance(raised.value.__cause__, ClientError)


def test_wrong_keys_are_expired_credentials(profile, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_PROFILE")
    with pytest.raises(errors.ExpiredCredentials) as raised:
        kvs.connect(region="us-east-1")
    assert raised.value.code == "UnrecognizedClientException"


def test_unreachable_endpoint_is_named(sandbox):
    credentials = sandbox.connection().client()._request_signer._credentials
    session = boto3.Session(
        aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key, region_name="eu-west-1"
    )
    sandbox.stop()
    with pytest.raises(errors.EndpointUnreachable, match=re.escape(sandbox.endpoint_url)):
        kvs.connect(session=session, endpoint_url=sandbox.endpoint_url)


# --- the current connection


def test_default_connection_is_read_only(profile, monkeypatch):
    hide_sandbox(monkeypatch)
    assert kvs.list_channels().empty
    assert "read-only" in repr(kvs.current_connection())


def test_call_without_region_raises_no_region():
    with pytest.raises(errors.NoRegion):
        kvs.list_channels()


def test_passed_connection_precedes_current_one(sandbox):
    set_current(sandbox.connection())
    elsewhere = sandbox.connection(region="eu-west-1")
    kvs.create_channel("front-door", connection=elsewhere)
    assert kvs.list_channels().empty
    assert len(kvs.list_channels(connection=elsewhere)) == 1
    assert kvs.current_connection(elsewhere) is elsewhere


def test_threads_share_current_connection(sandbox):
    set_current(sandbox.connection())
    seen: list[kvs.Connection] = []
    worker = threading.Thread(target=lambda: seen.append(kvs.current_connection()))
    worker.start()
    worker.join()
    assert seen == [kvs.current_connection()]


@pytest.mark.parametrize("region", ["us-east1", "useast-1", "eu-west-1 ", "EU-WEST-1", "europe"])
def test_misspelt_region_is_refused_before_anything_is_sent(profile: kvs.Sandbox, region: str) -> None:
    before = kvs.connect("sandbox")
    sent = len(profile.requests)
    with pytest.raises(errors.InvalidInput, match="Did you mean|Expected a region's code"):
        kvs.connect("sandbox", region=region)
    assert len(profile.requests) == sent
    assert kvs.current_connection() is before


def test_emulator_may_have_any_region(profile: kvs.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvs.Connection, "identity", lambda _: None)
    assert kvs.connect("sandbox", region="local", endpoint_url=profile.endpoint_url).region == "local"
