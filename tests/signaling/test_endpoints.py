"""Tests of get_endpoints() and get_ice_servers()."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd
import pytest
from botocore.exceptions import ClientError

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.aws.rate_limit import RateLimiter
from kvs_notebook.dataframes.schemas import ENDPOINTS, ICE_SERVERS
from kvs_notebook.signaling import endpoints


@pytest.fixture
def connection(sandbox, shared, monkeypatch) -> Connection:
    monkeypatch.setattr(shared[1], "rate_limiter", RateLimiter())
    set_current(shared[1])
    return shared[1]


def test_endpoints_follow_the_order_of_protocols(connection):
    channel = kvs.create_channel("front-door")
    endpoints = kvs.get_endpoints(channel)
    assert dict(endpoints.dtypes.astype(str)) == dict(ENDPOINTS)
    assert endpoints[["role", "protocol"]].to_numpy().tolist() == [["VIEWER", "WSS"], ["VIEWER", "HTTPS"]]
    assert re.fullmatch(r"wss://127\.0\.0\.1:\d+/v", endpoints["endpoint"][0])
    assert re.fullmatch(r"https://127\.0\.0\.1:\d+", endpoints["endpoint"][1])
    assert kvs.get_endpoints(channel, protocols=["HTTPS", "WSS"])["protocol"].tolist() == ["HTTPS", "WSS"]


@pytest.mark.parametrize(("role", "path"), [("MASTER", "m"), ("VIEWER", "v")])
def test_each_role_has_its_own_endpoint(connection, role, path):
    kvs.create_channel("front-door")
    endpoints = kvs.get_endpoints("front-door", role=role, protocols=["WSS"])
    assert endpoints["role"].tolist() == [role]
    assert endpoints["endpoint"].item().endswith(f"/{path}")


def test_endpoints_of_a_frame_follow_its_order(sandbox, connection):
    sandbox.seed()
    channels = kvs.list_channels().iloc[::-1].head(3)
    endpoints = kvs.get_endpoints(channels, protocols=["HTTPS", "WSS"])
    assert endpoints["channel_arn"].drop_duplicates().tolist() == channels["channel_arn"].tolist()
    assert endpoints["protocol"].tolist() == ["HTTPS", "WSS"] * 3
    assert endpoints.index.equals(pd.RangeIndex(6))


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
        ({"role": "master"}, "'master' is not valid. Expected one of: MASTER, VIEWER. Did you mean 'MASTER'?"),
        ({"protocols": ["WS"]}, "'WS' is not valid. Expected one of:"),
        ({"protocols": []}, "is not a list. Pass a list"),
        ({"protocols": "WSS"}, "is not a list. Pass a list"),
    ],
)
def test_get_endpoints_refuses_invalid_arguments_before_any_call(sandbox, connection, arguments, because):
    with pytest.raises(errors.InvalidInput, match=re.escape(because)):
        kvs.get_endpoints("front-door", **arguments)
    assert sandbox.requests.empty


def test_webrtc_needs_a_channel_that_stores_media(connection):
    channel = kvs.create_channel("front-door")
    with pytest.raises(errors.InvalidInput, match="media storage") as raised:
        kvs.get_endpoints(channel, protocols=["WEBRTC"])
    assert raised.value.code == "InvalidArgumentException"


# --- ICE servers


def test_ice_servers_have_a_row_per_uri_with_secrets(sandbox, connection):
    channel = kvs.create_channel("front-door")
    servers = kvs.get_ice_servers(channel, client_id="tablet")
    assert dict(servers.dtypes.astype(str)) == dict(ICE_SERVERS)
    assert servers.index.equals(servers.reset_index(drop=True).index)
    assert set(servers["channel_arn"]) == {channel["channel_arn"].item()}
    forms = servers["uri"].str.extract(r"^(turns?):127\.0\.0\.1:9\?transport=(udp|tcp)$")
    assert forms.to_numpy().tolist() == [["turn", "udp"], ["turns", "udp"], ["turns", "tcp"]] * 2
    assert set(servers["ttl_seconds"]) == {300}
    passwords = [password.reveal() for password in servers["password"]]
    assert len(set(passwords)) == 2
    assert passwords[0] == passwords[2] != passwords[3]
    for shown in (repr(servers), servers.to_html(), servers.to_csv()):
        assert not any(password in shown for password in passwords)
        assert servers["username"][0].reveal() not in shown


def test_empty_ice_server_reply_gives_an_exact_empty_frame(connection, monkeypatch):
    channel = kvs.create_channel("front-door")
    for reply in ({}, {"IceServerList": []}, {"IceServerList": [{}, {"Uris": []}]}):
        call = connection.call
        monkeypatch.setattr(
            connection,
            "call",
            lambda operation, *given, reply=reply, call=call, **more: (
                reply if operation == "GetIceServerConfig" else call(operation, *given, **more)
            ),
        )
        servers = kvs.get_ice_servers(channel, refresh=True)
        assert dict(servers.dtypes.astype(str)) == dict(ICE_SERVERS)
        assert len(servers) == 0
        monkeypatch.setattr(connection, "call", call)


def test_ice_servers_spend_two_calls(sandbox, connection, monkeypatch):
    channel = kvs.create_channel("front-door")
    before = len(sandbox.requests)
    sent: list[Mapping[str, object]] = []
    send = connection._attempt
    monkeypatch.setattr(connection, "_attempt", lambda method, *given: sent.append(given[1]) or send(method, *given))
    kvs.get_ice_servers(channel, client_id="a.b_c-D")
    asked = sandbox.requests.iloc[before:]
    assert asked["operation"].tolist() == ["GetSignalingChannelEndpoint", "GetIceServerConfig"]
    assert asked["channel_name"].tolist() == ["front-door"] * 2
    arn = channel["channel_arn"].item()
    assert sent[-1] == {"ChannelARN": arn, "Service": "TURN", "ClientId": "a.b_c-D"}


def test_ice_servers_refuse_invalid_client_id_before_any_call(sandbox, connection):
    for client_id in ("", "a b", "AWS_x", "aws_x", "x" * 257, 7):
        with pytest.raises(errors.InvalidInput, match="Client id"):
            kvs.get_ice_servers("front-door", client_id=client_id)
    assert sandbox.requests.empty


def test_ice_servers_of_deleted_channel_are_not_found(sandbox, connection, monkeypatch):
    with pytest.raises(errors.ChannelNotFound):
        kvs.get_ice_servers("unknown")
    channel = kvs.create_channel("front-door")
    arn = channel["channel_arn"].item()
    endpoint = endpoints.request_endpoint(arn, "VIEWER", "HTTPS", connection)
    kvs.delete_channel(channel)
    monkeypatch.setattr(endpoints, "request_endpoint", lambda *_: endpoint)
    with pytest.raises(errors.ChannelNotFound, match="GetIceServerConfig failed for front-door") as raised:
        kvs.get_ice_servers(channel)
    assert raised.value.code == "ResourceNotFoundException"
    assert isinstance(raised.value.__cause__, ClientError)


def test_throttled_ice_servers_are_retried(sandbox, connection, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(connection.rate_limiter, "sleep", waits.append)
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("GetIceServerConfig", "throttle", times=3)
    assert len(kvs.get_ice_servers(channel)) == 6
    assert waits
    assert connection.throttles == 3
    sandbox.faults.add("GetIceServerConfig", "throttle", times=None)
    with pytest.raises(errors.Throttled) as raised:
        kvs.get_ice_servers(channel, refresh=True)
    assert raised.value.operation == "GetIceServerConfig"
    assert sandbox.requests["operation"].tolist().count("GetIceServerConfig") == 4 + 8


def test_ice_servers_stay_below_a_share_of_the_quota(connection, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(connection.rate_limiter, "sleep", waits.append)
    channel = kvs.create_channel("front-door")
    waits.clear()
    for _ in range(3):
        kvs.get_ice_servers(channel, refresh=True)
    assert sum(wait > 0.1 for wait in waits) >= 2  # 5 a second for a channel, of which it takes half


def test_denied_ice_servers_raise_access_denied(sandbox, connection):
    channel = kvs.create_channel("front-door")
    sandbox.deny("kinesisvideo:GetIceServerConfig")
    with pytest.raises(errors.AccessDenied, match="GetIceServerConfig failed for front-door") as raised:
        kvs.get_ice_servers(channel)
    assert raised.value.operation == "GetIceServerConfig"


@pytest.mark.parametrize("fault", ["reset", "lost_reply"])
def test_ice_endpoint_that_does_not_answer_is_unreachable(sandbox, connection, monkeypatch, fault):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("GetIceServerConfig", fault, times=None)
    with pytest.raises(errors.EndpointUnreachable, match="GetIceServerConfig failed"):
        kvs.get_ice_servers(channel)


def test_ice_endpoint_without_server_is_unreachable(connection, monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    channel = kvs.create_channel("front-door")
    monkeypatch.setattr(endpoints, "request_endpoint", lambda *_: "https://127.0.0.1:1")
    with pytest.raises(errors.EndpointUnreachable, match="https://127.0.0.1:1"):
        kvs.get_ice_servers(channel)


def test_sandbox_connection_refuses_endpoint_off_loopback(connection, monkeypatch):
    channel = kvs.create_channel("front-door")
    monkeypatch.setattr(endpoints, "request_endpoint", lambda *_: "https://r-1.kinesisvideo.us-east-1.amazonaws.com")
    with pytest.raises(errors.InvalidInput, match="A sandbox has endpoints on loopback only, not at https://r-1"):
        kvs.get_ice_servers(channel)
