"""Internals of botocore: sessions share methods, and closed clients free memory."""

from __future__ import annotations

import gc
import http.client
import json
import os
import subprocess
import sys
import weakref

import boto3
import pytest

import kvs_notebook as kvs
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


@pytest.mark.draw(2)
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


PLAIN = """
import kvs_notebook as kvs
from kvs_notebook.aws import botocore_internals

sandbox = kvs.use_sandbox(clock="stepped")
sandbox.seed()
fleet = kvs.inventory(role_arns=[f"arn:aws:iam::{sandbox.account_id}:role/Reader"], regions=["us-east-1", "eu-west-1"])
fleet.raise_for_failures()
print(botocore_internals.ENABLED, kvs.list_channels(tags=True).equals(fleet.table().query("region == 'us-east-1'")))
print(fleet.table().drop(columns="version").to_csv())
"""


def test_results_are_the_same_without_botocore_internals():
    outputs = {}
    for switch in ("", "1"):
        environment = {**os.environ, "KVS_NOTEBOOK_PLAIN_BOTOCORE": switch}
        done = subprocess.run(
            [sys.executable, "-c", PLAIN], env=environment, capture_output=True, text=True, check=True
        )
        outputs[switch], _, frame = done.stdout.partition(" ")
        outputs[f"frame {switch}"] = frame
    assert (outputs[""], outputs["1"]) == ("True", "False")
    assert outputs["frame "] == outputs["frame 1"]
    assert "front-door-hq" in outputs["frame "]
