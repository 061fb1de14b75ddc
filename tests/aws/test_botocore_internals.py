"""Internals of botocore: sessions share methods, and closed clients free memory."""

from __future__ import annotations

import gc
import http.client
import json
import runpy
import weakref

import boto3
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws import botocore_internals
from kvs_notebook.aws.botocore_internals import close_client, create_slim_session, open_session
from tests.aws.fake_service import ARN

SERVICES = ["kinesisvideo", "kinesis-video-signaling", "resourcegroupstaggingapi", "account", "sts"]


def client(session, service):
    return session.client(
        service, region_name="us-east-1", aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="wJalrXUt"
    )


@pytest.mark.parametrize("service", SERVICES)
def test_clients_of_all_sessions_share_methods(service):
    first, second = (client(open_session(create_slim_session()), service) for _ in range(2))
    for operation in first.meta.method_to_api_mapping:
        assert getattr(type(first), operation) is getattr(type(second), operation)


@pytest.mark.draw(1)
@pytest.mark.parametrize("service", SERVICES)
def test_client_has_all_methods_of_boto3s_own(service):
    ours, boto3s = client(open_session(create_slim_session()), service), client(boto3.Session(), service)
    assert dir(ours) == dir(boto3s)
    assert type(ours).__name__ == type(boto3s).__name__
    assert ours.meta.method_to_api_mapping == boto3s.meta.method_to_api_mapping
    for operation in ours.meta.method_to_api_mapping:
        assert str(getattr(ours, operation).__doc__) == str(getattr(boto3s, operation).__doc__)


def test_services_do_not_share_methods():
    session = open_session(create_slim_session())
    assert not hasattr(client(session, "sts"), "list_signaling_channels")
    assert not hasattr(client(session, "kinesisvideo"), "assume_role")


def test_closed_client_frees_its_operations_at_once():
    session = open_session(create_slim_session())
    first, second = client(session, "sts"), client(session, "sts")  # the methods that are shared keep the first one's
    operation = weakref.ref(second.meta.service_model.operation_model("AssumeRole"))
    gc.disable()
    try:
        close_client(second)
        assert operation() is None
    finally:
        gc.enable()
    close_client(first)


def test_headers_and_body_are_sent_at_once(service, served, monkeypatch):
    sent = []
    send = http.client.HTTPConnection.send

    def record(connection, data):
        sent.append(bytes(data))
        send(connection, data)

    monkeypatch.setattr(http.client.HTTPConnection, "send", record)
    kvs.list_tags(ARN, connection=served)
    assert len(sent) == 1
    head, _, body = sent[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /ListTagsForResource ")
    assert json.loads(body) == {"ResourceARN": ARN}


def fleet_tables() -> tuple[str, str]:
    """Return the example fleet as an inventory with a role and a list of one region read it."""
    with kvs.Sandbox(clock="stepped") as sandbox:
        sandbox.seed()
        connection = sandbox.connection()
        fleet = kvs.inventory(
            role_arns=[f"arn:aws:iam::{sandbox.account_id}:role/Reader"],
            regions=["us-east-1", "eu-west-1"],
            connection=connection,
        )
        fleet.raise_for_failures()
        listed = kvs.list_channels(tags=True, connection=connection)
        return tuple(frame.drop(columns="version").to_csv() for frame in (fleet.table(), listed))


def test_results_are_the_same_without_botocore_internals(monkeypatch):
    tables = fleet_tables()
    monkeypatch.setattr(botocore_internals, "ENABLED", False)
    assert fleet_tables() == tables
    assert all("front-door-hq" in table for table in tables)


@pytest.mark.parametrize(("value", "is_enabled"), [("", True), ("1", False)])
def test_variable_turns_botocore_internals_off(monkeypatch, value, is_enabled):
    monkeypatch.setenv("KVS_NOTEBOOK_PLAIN_BOTOCORE", value)
    assert runpy.run_path(botocore_internals.__file__)["ENABLED"] is is_enabled
