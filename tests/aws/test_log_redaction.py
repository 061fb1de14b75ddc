"""No DEBUG log contains a secret, also not botocore's own."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.utils import JSONFileCache

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.assume_role import assume_role
from kvs_notebook.aws.log_redaction import MASK, redact


def test_debug_log_has_no_secret_of_a_role(sandbox, caplog):
    caplog.set_level(logging.DEBUG)
    other = "444455556666"
    channel = kvs.create_channel("gate", connection=sandbox.connection(other))
    role = assume_role(sandbox.connection(), f"arn:aws:iam::{other}:role/Reader", region="us-east-1")
    servers = kvs.get_ice_servers(channel, connection=role)
    url = urlsplit(kvs.sign_url(channel, client_id="tablet", connection=role).reveal())
    credentials = role.credentials()
    query = parse_qs(url.query)
    secrets = [
        credentials.secret_key,
        credentials.token,
        query["X-Amz-Signature"][0],
        *(password.reveal() for password in servers["password"]),
    ]
    text = caplog.text
    assert "GetIceServerConfig" in text
    assert [secret for secret in secrets if secret in text] == []
    assert MASK in text


@pytest.mark.parametrize("token", ["IQoJhidden", "IQoJhidden\n", "IQoJhidden\nX: y"], ids=ascii)
def test_debug_log_has_no_token_of_sso(token, caplog, tmp_path, monkeypatch):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "config").write_text(
        "[profile lab]\nsso_account_id = 444455556666\nsso_role_name = Reader\n"
        "sso_start_url = https://127.0.0.1/start\nsso_region = us-east-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    cached = {"accessToken": token, "expiresAt": "2999-01-01T00:00:00Z"}
    monkeypatch.setattr(JSONFileCache, "__contains__", lambda *_: True)
    monkeypatch.setattr(JSONFileCache, "__getitem__", lambda *_: cached)
    with pytest.raises(errors.KVSError):
        kvs.connect(region="us-east-1", profile="lab")
    assert "GetRoleCredentials" in caplog.text
    assert "hidden" not in caplog.text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x-amz-security-token:IQoJb3JpZ2luX2Vj/+=\nhost:a", "\nhost:a"),
        ("'X-Amz-Security-Token': b'IQoJb3JpZ2lu', 'a': 1", "', 'a': 1"),
        ("wss://a/?X-Amz-Security-Token=IQoJb3%2FJpZ2lu&X-Amz-Date=1", "&X-Amz-Date=1"),
        (f"Signature:\n{'0a' * 32}", "Signature:\n"),
        (f"AWS4-HMAC-SHA256 Credential=AKIA, Signature={'0a' * 32}", "Credential=AKIA"),
        ('b\'{"Password": "pw/+=", "Ttl": 300}\'', '"Ttl": 300'),
        ("<SecretAccessKey>wJalr/+</SecretAccessKey><SessionToken>IQoJ</SessionToken>", "</SecretAccessKey>"),
        ("{'x-amz-sso_bearer_token': b'IQoJ', 'User-Agent': b'Boto3'}", "'User-Agent': b'Boto3'"),
        ("{'Action': 'AssumeRoleWithWebIdentity', 'WebIdentityToken': 'IQoJ', 'Version': '1'}", "'Version': '1'"),
        ('ECS metadata: {"Token" : "IQoJ", "Expiration": "soon"', '"Expiration": "soon"'),
        ("ValueError: Invalid header value b'IQoJ\\n'", "Invalid header value b'"),
        ('{"roleCredentials": {"secretAccessKey": "wJalr", "sessionToken": "IQoJ"}}', "roleCredentials"),
    ],
)
def test_each_form_of_a_secret_is_masked(text, kept):
    redacted = redact(text)
    assert MASK in redacted
    assert kept in redacted
    for secret in ("IQoJ", "0a0a", "wJalr", "pw/+="):
        assert secret not in redacted


def test_harmless_text_is_unchanged():
    text = "Signature version v4, password policy, NextToken=abc, SignedHeaders=host;x-amz-date"
    assert redact(text) == text
