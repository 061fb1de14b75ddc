"""Log records of an inventory: gaps, account-regions given up, ended credentials and executor failures; never a secret."""

from __future__ import annotations

import logging
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor

import pytest

import kvs_notebook as kvs
from kvs_notebook.fleet.connection_factory import ConnectionFactory

ACCOUNT = "111122223333"
ROLE = "arn:aws:iam::444455556666:role/Reader"


@pytest.fixture
def warnings_logged(caplog):
    """A function that returns the messages that the fleet package logged as warnings."""

    def messages():
        found = [record for record in caplog.records if record.name.startswith("kvs_notebook.fleet")]
        assert {record.levelno for record in found} <= {logging.WARNING}
        return [record.getMessage() for record in found]

    return messages


def test_complete_inventory_logs_no_warning(sandbox, connection, warnings_logged):
    kvs.inventory()
    assert warnings_logged() == []


def test_gap_is_logged_with_status_and_code(sandbox, connection, warnings_logged):
    sandbox.deny("kinesisvideo:List*", region="eu-west-1")
    kvs.inventory(regions=["us-east-1", "eu-west-1"])
    assert warnings_logged() == [f"Gap at {ACCOUNT} eu-west-1: denied (AccessDeniedException)"]


def test_unread_tags_are_logged_as_gap(sandbox, connection, warnings_logged):
    kvs.create_channel("front-door", wait=False)
    sandbox.deny("tag:*")
    sandbox.deny("kinesisvideo:ListTags*")
    kvs.inventory()
    assert warnings_logged() == [f"Gap at {ACCOUNT} us-east-1: tags not read (AccessDeniedException)"]


def test_region_not_enabled_is_not_logged(warnings_logged):
    with kvs.Sandbox(clock="stepped", assumptions=kvs.Assumptions(disabled_regions=("eu-west-1",))) as sandbox:
        kvs.inventory(regions=["us-east-1", "eu-west-1"], connection=sandbox.connection())
    assert warnings_logged() == []


def test_given_up_account_region_is_logged(sandbox, connection, warnings_logged):
    sandbox.faults.add("ListSignalingChannels", "delay", times=None, seconds=5)
    kvs.inventory(unit_timeout=1)
    assert warnings_logged() == [
        f"Gave up account {ACCOUNT}, region us-east-1: no reply for 1 s",
        f"Gap at {ACCOUNT} us-east-1: error (TimedOut)",
    ]


def test_ended_credentials_are_logged_once(sandbox, connection, warnings_logged):
    sandbox.faults.add("ListSignalingChannels", "expired", times=None)
    with pytest.warns(UserWarning, match="The inventory ends early"):
        kvs.inventory(regions=["us-east-1", "eu-west-1"])
    ended = [message for message in warnings_logged() if message.startswith("Credentials")]
    assert ended == ["Credentials of the connection itself ended: ExpiredTokenException"]


def test_executor_failure_is_logged(sandbox, connection, monkeypatch, warnings_logged):
    class Broken(ThreadPoolExecutor):
        def submit(self, *_):
            raise BrokenExecutor("A child process terminated abruptly.")

    monkeypatch.setattr(ConnectionFactory, "for_workers", ConnectionFactory.in_process)
    with Broken(1) as pool:
        kvs.inventory(executor=pool)
    assert warnings_logged() == [
        f"Reading account {ACCOUNT}, region us-east-1 failed: BrokenExecutor",
        f"Gap at {ACCOUNT} us-east-1: error (BrokenExecutor)",
    ]


def test_log_contains_no_secret(caplog):
    caplog.set_level(logging.DEBUG, logger="kvs_notebook")
    with kvs.Sandbox(clock="stepped", assumptions=kvs.Assumptions(role_external_id="our-contract")) as sandbox:
        connection = sandbox.connection()
        sandbox.deny("kinesisvideo:List*")
        kvs.inventory(role_arns=[ROLE], external_id="our-contract", connection=connection)
        secret = connection.credentials().secret_key
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("kvs_notebook.fleet")]
    assert ours
    assert not any(text in message for message in ours for text in (secret, "our-contract"))
