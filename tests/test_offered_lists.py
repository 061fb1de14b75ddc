"""A message that lists choices never offers an empty list."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.fleet.account_access import AccountAccess
from kvs_notebook.fleet.accounts import accounts_to_read
from kvs_notebook.plans.selection import select_rows
from kvs_notebook.plans.sheet_table import SheetTable


def _profile(folder: Path) -> None:
    kvs.connect("missing")


def _sheet(folder: Path) -> None:
    (folder / "a.csv").write_text('""\n1\n')
    SheetTable(folder / "a.csv", "a.csv", "channel_name")


def _accounts_file(folder: Path) -> None:
    (folder / "a.csv").write_text('"",""\n1,2\n')
    accounts_to_read(None, None, None, folder / "a.csv")


def _accounts_frame(folder: Path) -> None:
    accounts_to_read(None, None, None, pd.DataFrame(index=[0]))


def _condition(folder: Path) -> None:
    select_rows(pd.DataFrame(index=[0]), ["Site=hq"])


def _csv(folder: Path) -> None:
    (folder / "a.csv").write_text('""\n1\n')
    kvs.read_csv(folder / "a.csv")


def _snapshot(folder: Path) -> None:
    kvs.compare_snapshots(folder, before="2026-01-05")


def _account(folder: Path) -> None:
    connections: Any = None  # no account is connected to
    access = AccountAccess([], connections, [], allow_changes=False)
    raise errors.NoCredentials(access.reason_without("111122223333"))


@pytest.mark.parametrize(
    "cause", [_profile, _sheet, _accounts_file, _accounts_frame, _condition, _csv, _snapshot, _account]
)
def test_message_never_offers_an_empty_list(
    sandbox: kvs.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: Callable[[Path], None]
) -> None:
    if cause is _profile:
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    else:
        monkeypatch.setattr("os.environ", sandbox.environment())
    with pytest.raises(errors.KVSError) as caught:
        cause(tmp_path)
    message = str(caught.value)
    assert not re.search(r"[:,]\s*(?:none)?[.;)]|\b(?:are|of|with)\s*[.;]|them", message), message
