"""Keys and tokens that cannot stand in a request are NoCredentials, and no error shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
