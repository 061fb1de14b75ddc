"""Accounts, regions and checks that the tests of inventories share."""

from __future__ import annotations

import threading

OTHER = "444455556666"
ROLE = f"arn:aws:iam::{OTHER}:role/Reader"
REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-2"]


def statuses(inventory):
    return inventory.coverage.set_index(["account_id", "region"])["status"].to_dict()


def check_only_gap(found, account_id, region, word):
    assert {key: state for key, state in statuses(found).items() if state != "ok"} == {(account_id, region): word}
    assert found.coverage.query("status == 'ok'")["message"].isna().all()


def join_threads(*prefixes):
    """Wait until the threads whose names begin with a prefix have ended."""
    for thread in threading.enumerate():
        if thread.name.startswith(prefixes):
            thread.join(30)
            assert not thread.is_alive()


def write_accounts(tmp_path):
    path = tmp_path / "accounts.csv"
    path.write_text(f"account_id,role_arn,account_name\n{OTHER},{ROLE},Lab\n")
    return path


def dtypes(frame):
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}
