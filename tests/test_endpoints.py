"""Endpoints, by channel, role and protocol."""

from __future__ import annotations

import re

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.frames import ENDPOINTS


def test_endpoints_come_by_protocol_in_the_order_asked_for_whatever_the_services_order(connection):
    channel = kvs.create_channel("front-door")
    endpoints = kvs.get_endpoints(channel)
    assert dict(endpoints.dtypes.astype(str)) == dict(ENDPOINTS)
    assert endpoints[["role", "protocol"]].to_numpy().tolist() == [["VIEWER", "WSS"], ["VIEWER", "HTTPS"]]
    assert re.fullmatch(r"wss://127\.0\.0\.1:\d+/v", endpoints["endpoint"][0])
    assert re.fullmatch(r"https://127\.0\.0\.1:\d+", endpoints["endpoint"][1])
    assert kvs.get_endpoints(channel, protocols=["HTTPS", "WSS"])["protocol"].tolist() == ["HTTPS", "WSS"]


@pytest.mark.parametrize(("role", "path"), [("MASTER", "m"), ("VIEWER", "v")])
def test_a_roles_endpoint_is_its_own(connection, role, path):
    kvs.create_channel("front-door")
    endpoints = kvs.get_endpoints("front-door", role=role, protocols=["WSS"])
    assert endpoints["role"].tolist() == [role]
    assert endpoints["endpoint"].item().endswith(f"/{path}")


def test_endpoints_of_a_whole_frame(sandbox, connection):
    sandbox.seed()
    channels = kvs.list_channels()
    endpoints = kvs.get_endpoints(channels)
    assert len(endpoints) == 2 * len(channels)
    assert endpoints["channel_arn"].iloc[::2].tolist() == channels["channel_arn"].tolist()
    nothing = kvs.get_endpoints(channels.iloc[:0])
    assert dict(nothing.dtypes.astype(str)) == dict(ENDPOINTS)


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        ({"role": "master"}, "'master': the service knows MASTER, VIEWER. Did you mean 'MASTER'?"),
        ({"protocols": ["WS"]}, "'WS': the service knows"),
        ({"protocols": []}, "give a list"),
        ({"protocols": "WSS"}, "give a list"),
    ],
)
def test_what_the_service_would_refuse_is_refused_before_a_call(sandbox, connection, arguments, because):
    with pytest.raises(errors.InvalidInput, match=re.escape(because)):
        kvs.get_endpoints("front-door", **arguments)
    assert sandbox.requests.empty


def test_media_ingestion_needs_a_channel_that_stores_media(connection):
    channel = kvs.create_channel("front-door")
    with pytest.raises(errors.InvalidInput, match="media storage") as raised:
        kvs.get_endpoints(channel, protocols=["WEBRTC"])
    assert raised.value.code == "InvalidArgumentException"
