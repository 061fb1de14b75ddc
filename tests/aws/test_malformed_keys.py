"""Keys and tokens that cannot be sent in a request raise NoCredentials, and no error shows them."""

from __future__ import annotations

import json
import traceback
from pathlib import Path

import pytest
from botocore.utils import JSONFileCache

import kvs_notebook as kvs
from kvs_notebook import errors

GIVEN = {"AccessKeyId": "AKIAQQQQWWWWEEEERRRR", "SecretAccessKey": "wJalrXUtnFEMI", "SessionToken": "IQoJb3JpZ2lu"}
UNUSABLE = (
    "IQoJhidden\nX: y",
    "IQoJhidden\r\n",
    "IQoJhidden\0",
    "IQoJhidden\u2028",
    "IQoJhidden\ud800",
    7,
    ["IQoJhidden"],
)


@pytest.mark.parametrize("value", UNUSABLE, ids=ascii)
@pytest.mark.parametrize("member", GIVEN)
def test_unusable_key_is_no_credentials_and_not_shown(
    member: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "printed.json").write_text(json.dumps({"Version": 1, **GIVEN, member: value}))
    (tmp_path / "config").write_text(f"[profile lab]\ncredential_process = cat {tmp_path / 'printed.json'}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(errors.NoCredentials, match="profile 'lab'|custom-process") as raised:
        kvs.connect(region="us-east-1", profile="lab", endpoint_url="http://127.0.0.1:9").credentials()
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("token", ["IQoJhidden\n", "IQoJhidden\nX: y", "IQoJhidden\r", "IQoJhidden\ud800"], ids=ascii)
@pytest.mark.parametrize("section", ["lab", "corp"])
def test_unusable_sso_token_is_no_credentials_and_not_shown(
    token: str, section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://127.0.0.1/start"
    sso = f"sso_start_url = {url}\nsso_region = us-east-1\n"
    session = f"sso_session = corp\n[sso-session corp]\n{sso}" if section == "corp" else sso
    (tmp_path / "config").write_text(f"[profile lab]\nsso_account_id = 444455556666\nsso_role_name = Reader\n{session}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    cached = {"startUrl": url, "region": "us-east-1", "accessToken": token, "expiresAt": "2999-01-01T00:00:00Z"}
    monkeypatch.setattr(JSONFileCache, "__contains__", lambda *_: True)
    monkeypatch.setattr(JSONFileCache, "__getitem__", lambda *_: cached)
    with pytest.raises(errors.NoCredentials, match="Run: aws sso login --profile lab, then call again") as raised:
        kvs.connect(region="us-east-1", profile="lab")
    assert "hidden" not in "".join(traceback.format_exception(raised.value))
