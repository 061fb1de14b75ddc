"""Connections of an executor's workers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from kvs_notebook.fleet import connection_factory
from kvs_notebook.fleet.accounts import Account


def test_threads_of_a_worker_share_one_session_per_account(monkeypatch):
    made = []

    def connection_to(account, base, shared_clients):
        made.append(account)
        time.sleep(0.05)  # long enough for every thread to ask
        return base

    monkeypatch.setattr(connection_factory, "connection_to", connection_to)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    factory = connection_factory.ConnectionFactory(None, "us-east-1", "http://127.0.0.1:1")
    account = Account(account_id="999988887777")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: factory.connect(account, "eu-west-1"), range(8)))
    assert made == [account]


def test_worker_connects_anew_when_its_environment_changes(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    factory = connection_factory.ConnectionFactory(None, "us-east-1", None)
    account = Account(role_arn="arn:aws:iam::999988887777:role/Reader", account_id="999988887777")

    def shared_clients():
        return factory.connect(account, "eu-west-1").config.shared_clients

    first = shared_clients()
    assert shared_clients() is first
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS_VIDEO", "http://127.0.0.1:1")
    second = shared_clients()
    assert second is not first
    assert shared_clients() is second
