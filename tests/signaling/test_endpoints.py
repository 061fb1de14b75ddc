"""Endpoints, by channel, role and protocol; signed URLs as AWS's own clients sign them; ICE servers."""

from __future__ import annotations

import datetime as dt
import logging
import re
import ssl
import traceback
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

import boto3
import pandas as pd
import pytest
from botocore.exceptions import ClientError
from IPython.core.ultratb import VerboseTB
from websockets.sync.client import connect

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.aws.rate_limit import RateLimiter
from kvs_notebook.dataframes.schemas import ENDPOINTS, ICE_SERVERS
from kvs_notebook.secret import Secret
from kvs_notebook.signaling import endpoints, presign
from tests.connections import connect_session


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[kvs.Sandbox, Connection]]:
    """One sandbox for all that is asked here: starting it takes longer than what is asked."""
    with kvs.Sandbox(clock="stepped", quotas=False) as started:
        connection = started.connection()
        _ = connection.account_id
        yield started, connection


@pytest.fixture
def sandbox(shared) -> kvs.Sandbox:
    shared[0].reset()
    return shared[0]


@pytest.fixture
def connection(sandbox, shared, monkeypatch) -> Connection:
    monkeypatch.setattr(shared[1], "pacing", RateLimiter())
    set_current(shared[1])
    return shared[1]


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


def test_endpoints_of_a_frame_come_in_its_own_order(sandbox, connection):
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
        ({"role": "master"}, "'master': Expected one of: MASTER, VIEWER. Did you mean 'MASTER'?"),
        ({"protocols": ["WS"]}, "'WS': Expected one of:"),
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


# --- signed URLs

VECTORS: dict[str, tuple[str, dict[str, object]]] = {
    "with a session token": ("fc268038be276315822b4f73eafd28ee3a5632a2a35fdb0a88db9a42b13d6c92", {}),
    "without": ("be1e78950d956a8a9a1997417099ddbd7455619f3d08c4ad20e1e272179ca695", {"token": None}),
    "with a path": ("0bf3df6ca23d8d82f688e8dbfb90d69e74843d40038541b1721c545eef7612a4", {"path": "/path/path/path"}),
    "for a day": ("b62a078631a8f1e31ad09bce25d251611a22b65eac8836f6d700cee50a04e9e1", {"expires": 86_400}),
    "of another service": (
        "f15308513d21a381d38b7607a0439f25fc2e6c9f5ff56a48c1664b486e6234d5", {"service": "firehose"}),
}  # fmt: skip
"""The signatures that the tests of AWS's SDK for JavaScript expect of its signer."""


def parameters_of(url: Secret) -> dict[str, str]:
    stated = parse_qsl(urlsplit(url.reveal()).query, strict_parsing=True)
    assert len(dict(stated)) == len(stated)
    return dict(stated)


@pytest.mark.parametrize("case", VECTORS)
def test_a_url_is_signed_exactly_as_awss_own_clients_sign_it(monkeypatch, case):
    signature, given = VECTORS[case]
    token, path, expires, service = (
        given.get(name, usual)
        for name, usual in {"token": "FakeSessionToken", "path": "", "expires": 299, "service": "kinesisvideo"}.items()
    )
    session = boto3.Session("AKIA4F7WJQR7FMMWMNXI", "FakeSecretKey", token, region_name="us-west-2")
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: dt.datetime(2019, 12, 1, tzinfo=dt.UTC))
    monkeypatch.setattr(presign, "SERVICE_NAME", service)
    url = presign.query_signed(
        f"wss://kvs.awsamazon.com{path}",
        {"X-Amz-TestParam": "test-param-value"},
        connect_session(session, "us-west-2"),
        expires,
    )
    assert url.reveal().partition("?")[0] == f"wss://kvs.awsamazon.com{path}"
    assert parameters_of(url) == {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"AKIA4F7WJQR7FMMWMNXI/20191201/us-west-2/{service}/aws4_request",
        "X-Amz-Date": "20191201T000000Z",
        "X-Amz-Expires": str(expires),
        "X-Amz-SignedHeaders": "host",
        "X-Amz-TestParam": "test-param-value",
        "X-Amz-Signature": signature,
    } | ({"X-Amz-Security-Token": token} if token else {})


def test_a_signed_url_names_the_channel_and_a_viewer_whatever_is_in_its_name(connection):
    channel = kvs.create_channel("front-door_1.a")
    url = kvs.sign_url(channel, client_id="a.b_c-D.9", expires=60)
    stated = parameters_of(url)
    assert stated["X-Amz-ChannelARN"] == channel["channel_arn"].item()
    assert (stated["X-Amz-ClientId"], stated["X-Amz-Expires"]) == ("a.b_c-D.9", "60")
    assert "X-Amz-ChannelARN=arn%3Aaws%3Akinesisvideo%3A" in url.reveal()
    assert "%2Ffront-door_1.a%2F" in url.reveal()
    master = parameters_of(kvs.sign_url(channel, role="MASTER"))
    assert "X-Amz-ClientId" not in master
    assert master["X-Amz-Expires"] == "299"


@pytest.mark.parametrize(
    "arguments",
    [
        {"role": "MASTER"},
        {"client_id": "tablet", "expires": 60.0},
        {"client_id": "a.b_c-D.9" + "x" * 247, "expires": 604_800},
    ],
)
def test_whoever_has_the_url_can_connect(sandbox, connection, arguments):
    url = kvs.sign_url(kvs.create_channel("front-door"), **arguments)
    trust = ssl.create_default_context(cafile=sandbox.environment()["AWS_CA_BUNDLE"])
    with connect(url.reveal(), ssl=trust, proxy=None) as socket:
        assert socket.ping().wait(10)


CANNOT_BE_SIGNED: list[tuple[dict[str, object], str]] = [
    ({"role": "MASTER", "client_id": "tablet"}, "Client id 'tablet': a MASTER has none, leave client_id= out."),
    ({}, "A VIEWER needs a client id"),
    ({"client_id": ""}, "Client id '' has 0 characters"),
    ({"client_id": "a" * 257}, "has 257 characters (allowed: 1 to 256)"),
    ({"client_id": "my tablet"}, "' ' is not allowed. Use letters, digits and . _ - only."),
    ({"client_id": "tablet\n"}, "is not allowed"),
    ({"client_id": 7}, "Client id 7 is a int"),
    ({"client_id": "AWS_tablet"}, "the prefix AWS_ is AWS's own, in any case"),
    ({"client_id": "aWs_tablet"}, "the prefix AWS_ is AWS's own, in any case"),
    ({"client_id": "tablet", "role": "viewer"}, "Did you mean 'VIEWER'?"),
    ({"client_id": "tablet", "expires": 0}, "expires 0: give whole seconds, 1 to 604800 (7 days)."),
    ({"client_id": "tablet", "expires": 604_801}, "expires 604801: give whole seconds"),
    ({"client_id": "tablet", "expires": 1.5}, "expires 1.5"),
    ({"client_id": "tablet", "expires": "299"}, "expires '299'"),
    ({"client_id": "tablet", "expires": True}, "expires True"),
    ({"client_id": "tablet", "expires": None}, "expires None"),
]


def test_what_cannot_be_signed_for_is_refused_before_a_call(sandbox, connection):
    for arguments, because in CANNOT_BE_SIGNED:
        with pytest.raises(errors.InvalidInput, match=re.escape(because)):
            kvs.sign_url("front-door", **arguments)
    assert sandbox.requests.empty


def test_a_url_for_a_channel_that_is_not_there_is_none(connection):
    with pytest.raises(errors.ChannelNotFound):
        kvs.sign_url("nobody", client_id="tablet")


@pytest.mark.parametrize("named", [[], [{"Protocol": "WSS"}], [{"Protocol": "WSS", "ResourceEndpoint": None}]])
def test_an_endpoint_that_the_service_leaves_out_is_its_fault(connection, monkeypatch, named):
    channel = kvs.create_channel("front-door")
    monkeypatch.setattr("kvs_notebook.signaling.endpoints._endpoints", lambda *_: named)
    with pytest.raises(errors.ServiceFault, match="named no WSS endpoint for front-door"):
        kvs.sign_url(channel, client_id="tablet")


def test_nothing_is_signed_without_credentials(sandbox):
    session = boto3.Session(region_name="us-east-1")
    connection = connect_session(session, "us-east-1", endpoint_url=sandbox.endpoint_url)
    with pytest.raises(errors.NoCredentials):
        presign.query_signed("wss://127.0.0.1:1", {}, connection, 299)


# --- ICE servers


def test_ice_servers_are_a_row_per_uri_with_secrets(sandbox, connection):
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


def test_a_channel_without_ice_servers_has_an_exact_empty_frame(connection, monkeypatch):
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
        servers = kvs.get_ice_servers(channel)
        assert dict(servers.dtypes.astype(str)) == dict(ICE_SERVERS)
        assert len(servers) == 0
        monkeypatch.setattr(connection, "call", call)


def test_the_service_is_asked_for_the_endpoint_and_for_the_servers_once(sandbox, connection, monkeypatch):
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


def test_ice_servers_for_a_viewer_that_cannot_be_are_refused_before_a_call(sandbox, connection):
    for client_id in ("", "a b", "AWS_x", "aws_x", "x" * 257, 7):
        with pytest.raises(errors.InvalidInput, match="Client id"):
            kvs.get_ice_servers("front-door", client_id=client_id)
    assert sandbox.requests.empty


def test_ice_servers_of_a_channel_that_is_gone_are_not_found(sandbox, connection, monkeypatch):
    with pytest.raises(errors.ChannelNotFound):
        kvs.get_ice_servers("nobody")
    channel = kvs.create_channel("front-door")
    arn = channel["channel_arn"].item()
    endpoint = endpoints.endpoint_of(arn, "VIEWER", "HTTPS", connection)
    kvs.delete_channel(channel)
    monkeypatch.setattr(endpoints, "endpoint_of", lambda *_: endpoint)
    with pytest.raises(errors.ChannelNotFound, match="GetIceServerConfig failed for front-door") as raised:
        kvs.get_ice_servers(channel)
    assert raised.value.code == "ResourceNotFoundException"
    assert isinstance(raised.value.__cause__, ClientError)


def test_ice_servers_that_are_throttled_are_asked_for_again_until_it_passes(sandbox, connection, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(connection.rate_limiter, "sleep", waits.append)
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("GetIceServerConfig", "throttle", times=3)
    assert len(kvs.get_ice_servers(channel)) == 6
    assert waits
    assert connection.throttles == 3
    sandbox.faults.add("GetIceServerConfig", "throttle", times=None)
    with pytest.raises(errors.Throttled) as raised:
        kvs.get_ice_servers(channel)
    assert raised.value.operation == "GetIceServerConfig"
    assert sandbox.requests["operation"].tolist().count("GetIceServerConfig") == 4 + 8


def test_ice_servers_are_asked_for_no_faster_than_a_share_of_the_quota(connection, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(connection.rate_limiter, "sleep", waits.append)
    channel = kvs.create_channel("front-door")
    waits.clear()
    for _ in range(3):
        kvs.get_ice_servers(channel)
    assert sum(wait > 0.1 for wait in waits) >= 2  # 5 a second for a channel, of which it takes half


def test_ice_servers_that_are_denied_say_so(sandbox, connection):
    channel = kvs.create_channel("front-door")
    sandbox.deny("kinesisvideo:GetIceServerConfig")
    with pytest.raises(errors.AccessDenied, match="GetIceServerConfig failed for front-door") as raised:
        kvs.get_ice_servers(channel)
    assert raised.value.operation == "GetIceServerConfig"


@pytest.mark.parametrize("fault", ["reset", "lost_reply"])
def test_an_endpoint_that_does_not_answer_is_unreachable(sandbox, connection, monkeypatch, fault):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("GetIceServerConfig", fault, times=None)
    with pytest.raises(errors.EndpointUnreachable, match="GetIceServerConfig failed"):
        kvs.get_ice_servers(channel)


def test_an_endpoint_that_has_gone_is_unreachable(connection, monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    channel = kvs.create_channel("front-door")
    monkeypatch.setattr(endpoints, "endpoint_of", lambda *_: "https://127.0.0.1:1")
    with pytest.raises(errors.EndpointUnreachable, match="https://127.0.0.1:1"):
        kvs.get_ice_servers(channel)


def test_a_sandboxs_connection_follows_no_endpoint_away_from_loopback(connection, monkeypatch):
    channel = kvs.create_channel("front-door")
    monkeypatch.setattr(endpoints, "endpoint_of", lambda *_: "https://r-1.kinesisvideo.us-east-1.amazonaws.com")
    with pytest.raises(errors.InvalidInput, match="A sandbox has endpoints on loopback only, not at https://r-1"):
        kvs.get_ice_servers(channel)


# --- neither a signature nor a password comes out another way


SIGNATURE = re.compile("X-Amz-Signature=[0-9a-f]{64}")


def shown_by(error: BaseException) -> str:
    """Everything that a traceback with variables shows, IPython's and Python's own, the test itself left out."""
    error = error.with_traceback(error.__traceback__.tb_next)
    verbose = VerboseTB(theme_name="nocolor").text(type(error), error, error.__traceback__)
    return verbose + "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def test_a_log_of_everything_holds_no_signature_of_a_url(connection, caplog):
    channel = kvs.create_channel("front-door")
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "botocore"):
        url = kvs.sign_url(channel, client_id="tablet")
    assert "CanonicalRequest" in caplog.text
    assert parameters_of(url)["X-Amz-Signature"] not in caplog.text


@pytest.mark.parametrize(
    ("operation", "act"),
    [
        ("GetSignalingChannelEndpoint", lambda channel: kvs.sign_url(channel, client_id="tablet")),
        ("GetIceServerConfig", kvs.get_ice_servers),
    ],
)
def test_the_traceback_of_a_refusal_holds_neither(sandbox, connection, monkeypatch, operation, act):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    channel = kvs.create_channel("front-door")
    passwords = {password.reveal() for password in kvs.get_ice_servers(channel)["password"]}
    for fault in ("denied", "expired", "error", "reset"):
        sandbox.faults.clear()
        sandbox.faults.add(operation, fault, times=None)
        with pytest.raises(errors.KVSError) as raised:
            act(channel)
        shown = shown_by(raised.value)
        assert "endpoints.py" in shown
        assert not SIGNATURE.search(shown)
        assert not any(password in shown for password in passwords)


def test_the_traceback_of_a_cell_that_fails_with_them_in_its_hands_holds_neither(connection):
    channel = kvs.create_channel("front-door")
    url, servers = kvs.sign_url(channel, client_id="tablet"), kvs.get_ice_servers(channel)

    def cell(url: Secret, servers: pd.DataFrame) -> None:
        raise KeyError({"url": url, "servers": servers}[url])

    with pytest.raises(KeyError) as raised:
        cell(url, servers)
    shown = shown_by(raised.value)
    assert ".reveal()" in shown
    assert parameters_of(url)["X-Amz-Signature"] not in shown
    assert servers["password"][0].reveal() not in shown
