"""The region of a connection, and where its credentials come from."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from kvs_notebook import errors
from kvs_notebook.aws.configuration import find_credential_source
from kvs_notebook.aws.default_connection import _make, for_profile

KEYS = "aws_access_key_id = A\naws_secret_access_key = s"
ROLE = "role_arn = arn:aws:iam::444455556666:role/Reader"
MFA = "mfa_serial = arn:aws:iam::444455556666:mfa/me"


def write_config(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (folder / "config").write_text(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))


@pytest.mark.parametrize("profile", [None, "lab"])
@pytest.mark.parametrize(
    ("given", "variable", "default_variable", "of_profile", "expected"),
    [
        ("eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1", "eu-west-1"),
        (None, "eu-west-2", "eu-west-3", "eu-north-1", "eu-west-2"),
        (None, None, "eu-west-3", "eu-north-1", "eu-west-3"),
        (None, None, None, "eu-north-1", "eu-north-1"),
        ("", "eu-west-2", None, None, "eu-west-2"),
        (None, "", "eu-west-3", None, "eu-west-3"),
        (None, "", "", "eu-north-1", "eu-north-1"),
        (None, " ", "\t", " eu-north-1 ", "eu-north-1"),
        (None, "", "", "", None),
        (None, None, None, "", None),
        (None, None, None, None, None),
    ],
)
def test_region_is_taken_as_aws_cli_does(
    tmp_path, monkeypatch, profile, given, variable, default_variable, of_profile, expected
):
    region = "" if of_profile is None else f"region = {of_profile}\n"
    write_config(tmp_path, monkeypatch, f"[default]\n{region}[profile lab]\n{region}")
    for name, value in (("AWS_REGION", variable), ("AWS_DEFAULT_REGION", default_variable)):
        if value is not None:
            monkeypatch.setenv(name, value)
    if expected is None:
        with pytest.raises(errors.NoRegion, match="AWS_REGION"):
            for_profile(profile, region=given)
        return
    made = for_profile(profile, region=given)
    assert made.region == expected
    assert made.config.session.open().region_name == expected, "roles are assumed in that region too"


def test_region_of_given_session_precedes_environment(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-2")

    def region_of(session: boto3.Session) -> str:
        return _make(None, None, session, None, allow_changes=False, share=None).region

    assert region_of(boto3.Session(region_name="eu-west-1")) == "eu-west-1"
    assert region_of(boto3.Session()) == "eu-west-2"


@pytest.mark.parametrize(
    ("lines", "kind", "owner"),
    [
        (KEYS, "keys", "lab"),
        ("", "", "lab"),
        ("credential_process = x", "process", "lab"),
        ("sso_session = x", "sso", "lab"),
        ("sso_start_url = x", "sso", "lab"),
        ("login_session = x", "login", "lab"),
        (f"{ROLE}\nweb_identity_token_file = x", "web identity", "lab"),
        (f"{ROLE}\n{MFA}\nsource_profile = base", "mfa", "lab"),
        (f"{ROLE}\nsource_profile = base", "process", "base"),
        (f"{ROLE}\nsource_profile = middle", "sso", "middle"),
        (f"{ROLE}\nsource_profile = guarded", "mfa", "guarded"),
        (f"{ROLE}\nsource_profile = lab", "role", "lab"),
        (f"{ROLE}\nsource_profile = lab\n{KEYS}", "keys", "lab"),
        (f"{ROLE}\nsource_profile = round", "role", "round"),
        (f"{ROLE}\nsource_profile = none", "role", "lab"),
        (f"{ROLE}\ncredential_source = Environment", "role", "lab"),
    ],
)
def test_credential_source_is_found_behind_roles(tmp_path, monkeypatch, lines, kind, owner):
    others = (
        f"[profile base]\ncredential_process = x\n[profile middle]\nsso_account_id = 1\n"
        f"[profile guarded]\n{ROLE}\n{MFA}\nsource_profile = base\n[profile round]\n{ROLE}\nsource_profile = lab\n"
    )
    write_config(tmp_path, monkeypatch, f"[profile lab]\n{lines}\n{others}")
    source = find_credential_source("lab")
    assert (source.kind, source.profile, source.given_profile) == (kind, owner, "lab")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
    assert find_credential_source("lab").kind == kind, "a profile that is named precedes the environment"
    assert find_credential_source(None).kind == "environment"


def test_credential_source_of_unreadable_file_is_not_known(tmp_path, monkeypatch):
    write_config(tmp_path, monkeypatch, "no section")
    assert find_credential_source(None).kind == ""
    assert find_credential_source(None).config_file == str(tmp_path / "config")
