"""Connections: identity, clients, calls, and that a sandbox's connection never leaves loopback."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.identity import Identity
from kvs_notebook.aws.loopback import is_loopback
from kvs_notebook.aws.operation_names import MUTATING
from kvs_notebook.aws.quotas import QUOTAS
from kvs_notebook.signaling.messages import Offer
from kvs_notebook.version import __version__
from tests.connections import connect_session

ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000"


# --- identity


def test_connection_has_identity_and_region(connection):
    assert connection.account_id == "111122223333"
    assert connection.identity().arn.startswith("arn:aws:iam::111122223333:user/")
    assert connection.region == "us-east-1"


def test_identity_is_requested_once(sandbox, connection):
    for _ in range(3):
        assert connection.identity().account_id == connection.account_id
    assert sandbox.requests["operation"].tolist() == ["GetCallerIdentity"]


def test_repr_sends_no_call(sandbox, connection):
    assert repr(connection) == f"<Connection: account 111122223333, us-east-1, {sandbox.endpoint_url}, SANDBOX>"
    assert connection.account_id == "111122223333"
    assert sandbox.requests.empty


def test_repr_says_read_only_unless_changes_are_allowed():
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b")
    careful = connect_session(session, "eu-west-1", profile="fleet")
    assert repr(careful) == "<Connection: account not asked yet, eu-west-1, profile fleet, read-only>"
    free = connect_session(session, "eu-west-1", profile="fleet", allow_changes=True)
    assert repr(free) == "<Connection: account not asked yet, eu-west-1, profile fleet>"


def test_repr_has_no_secret(connection):
    credentials = connection.client()._request_signer._credentials
    assert credentials.secret_key not in repr(connection) + repr(vars(connection))


# --- clients


def test_threads_share_one_client(connection):
    with ThreadPoolExecutor(8) as pool:
        clients = {id(client) for client in pool.map(lambda _: connection.client(), range(32))}
    assert len(clients) == 1
    assert connection.client("sts") is not connection.client()
    assert connection.client(purpose="listing") is not connection.client()


def test_client_config_pins_retries_and_names_toolkit(connection):
    config = connection.client().meta.config
    assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 3)
    assert f"kvs-notebook/{__version__}" in config.user_agent


def test_operations_that_do_not_mutate_only_read():
    assert set(QUOTAS) > MUTATING
    assert not [name for name in set(QUOTAS) - MUTATING if not name.startswith(("Describe", "List", "Get"))]


# --- calls


def test_throttled_call_is_retried_until_it_succeeds(sandbox, connection, monkeypatch):
    monkeypatch.setattr(connection.rate_limiter, "sleep", lambda _: None)
    sandbox.faults.add("ListSignalingChannels", "throttle", times=7)
    assert connection.call("ListSignalingChannels", {})["ChannelInfoList"] == []
    assert len(sandbox.requests) == 8


def test_call_fails_if_it_stays_throttled(sandbox, connection, monkeypatch):
    monkeypatch.setattr(connection.rate_limiter, "sleep", lambda _: None)
    sandbox.faults.add("ListSignalingChannels", "throttle", times=None)
    with pytest.raises(errors.Throttled, match="lower the connection's share=") as raised:
        connection.call("ListSignalingChannels", {})
    assert len(sandbox.requests) == 8
    assert raised.value.code == "ClientLimitExceededException"
    assert not raised.value.maybe_applied


@pytest.mark.parametrize("fault", [None, "denied", "throttle"])
def test_last_reply_is_time_of_last_call(sandbox, connection, monkeypatch, fault):
    monkeypatch.setattr(connection.rate_limiter, "sleep", lambda _: None)
    if fault:
        sandbox.faults.add("ListSignalingChannels", fault, times=None)
    for _ in range(2):
        before = connection.last_reply
        with suppress(errors.KVSError):
            connection.call("ListSignalingChannels", {})
        assert before < connection.last_reply <= time.monotonic()
    assert connection.throttles == (2 * 8 if fault == "throttle" else 0)


def test_stopped_connection_sends_no_retry(sandbox, connection, monkeypatch):
    monkeypatch.setattr(connection.rate_limiter, "sleep", lambda _: connection.stop(errors.KVSError("Given up.")))
    sandbox.faults.add("ListSignalingChannels", "throttle", times=None)
    with pytest.raises(errors.KVSError, match="Given up"):
        connection.call("ListSignalingChannels", {})
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize(("fault", "unseen"), [("error", True), ("reset", True), ("denied", False), ("expired", False)])
def test_error_knows_whether_call_was_maybe_applied(sandbox, connection, fault, unseen):
    sandbox.faults.add("ListSignalingChannels", fault, times=None)
    with pytest.raises(errors.KVSError) as raised:
        connection.call("ListSignalingChannels", {})
    assert raised.value.maybe_applied is unseen


def test_call_without_connection_was_not_applied():
    with kvs.Sandbox() as sandbox:
        connection = sandbox.connection()
        connection.client()
    with pytest.raises(errors.EndpointUnreachable) as raised:
        connection.call("ListSignalingChannels", {})
    assert not raised.value.maybe_applied
    assert sandbox.endpoint_url in str(raised.value)


def test_botocore_validation_error_is_invalid_input(sandbox, connection):
    with pytest.raises(errors.InvalidInput, match="nothing was sent"):
        connection.call("DescribeSignalingChannel", {"ChannelName": 7})
    assert sandbox.requests.empty


def test_check_arn_rejects_other_account_or_region(connection):
    assert connection.check_arn(ARN).channel_name == "front-door"
    for other in (ARN.replace("1111", "9999"), ARN.replace("us-east-1", "eu-west-1")):
        with pytest.raises(errors.WrongConnection, match="Pass connection= for that account and region"):
            connection.check_arn(other)


def test_sandbox_connection_rejects_host_outside_loopback(connection):
    with pytest.raises(errors.InvalidInput, match="on loopback only"):
        connection.replace(endpoint_url="http://192.0.2.1")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:80", True),
        ("https://127.8.8.8/m", True),
        ("http://localhost", True),
        ("http://[::1]:1", True),
        ("http://127.0.0.1.example.com", False),
        ("https://kinesisvideo.us-east-1.amazonaws.com", False),
        ("http://10.0.0.1", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback_depends_on_host_only(url, expected):
    assert is_loopback(url) is expected


def test_sandbox_connection_rejects_named_endpoint_outside_loopback(connection):
    elsewhere = "https://r-1.kinesisvideo.us-east-1.amazonaws.com"
    for use in (
        lambda: connection.client("kinesis-video-signaling", endpoint_url=elsewhere),
        lambda: connection.tls_context(elsewhere),
    ):
        with pytest.raises(errors.InvalidInput, match=f"on loopback only, not at {elsewhere}"):
            use()


def test_each_endpoint_has_one_client(sandbox, connection):
    one, same, other = (
        connection.client("kinesis-video-signaling", endpoint_url=f"https://127.0.0.1:{port}") for port in (1, 1, 2)
    )
    assert one is same
    assert one is not other
    assert [client.meta.endpoint_url for client in (one, other)] == ["https://127.0.0.1:1", "https://127.0.0.1:2"]


def test_credentials_are_those_of_the_session(monkeypatch):
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", "token", region_name="us-east-1")
    given = connect_session(session, "us-east-1").credentials()
    assert (given.access_key, given.secret_key, given.token) == ("AKIAIOSFODNN7EXAMPLE", "secret", "token")
    with pytest.raises(errors.NoCredentials, match="Signing failed"):
        connect_session(boto3.Session(), "us-east-1").credentials()


# --- the user's environment never redirects a sandbox's connection


class Trap:
    """Count connections to a loopback port that must not be used."""

    def __init__(self) -> None:
        self.visits = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def trap() -> Iterator[Trap]:
    opened = Trap()
    yield opened
    opened.close()


Hostile = Callable[[Trap, Path], dict[str, str]]

HOSTILE: dict[str, Hostile] = {
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": lambda trap, _: {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    "AWS_ENDPOINT_URL": lambda trap, _: {"AWS_ENDPOINT_URL": trap.url},
    "AWS_ENDPOINT_URL_KINESIS_VIDEO": lambda trap, _: {"AWS_ENDPOINT_URL_KINESIS_VIDEO": trap.url},
    "AWS_ENDPOINT_URL_STS": lambda trap, _: {"AWS_ENDPOINT_URL_STS": trap.url},
    "AWS_DEFAULT_REGION": lambda trap, _: {"AWS_DEFAULT_REGION": "us-west-2", "AWS_REGION": "us-west-2"},
    "AWS_PROFILE that does not exist": lambda trap, _: {"AWS_PROFILE": "missing"},
    "AWS_ACCESS_KEY_ID": lambda trap, _: {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"},
    "AWS_CA_BUNDLE": lambda trap, _: {"AWS_CA_BUNDLE": "/no/such/bundle.pem"},
    "AWS_USE_FIPS_ENDPOINT": lambda trap, _: {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "HTTP_PROXY": lambda trap, _: dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), trap.url),
    "a sandbox profile of the user's own": lambda trap, folder: _own_profile(folder, trap.url),
    "a config file that is broken": lambda trap, folder: _broken_config(folder),
}  # fmt: skip


def _own_profile(folder: Path, url: str) -> dict[str, str]:
    for name, section in (("config", "profile sandbox"), ("credentials", "sandbox")):
        (folder / name).write_text(
            f"[{section}]\nregion = us-west-2\nendpoint_url = {url}\naws_access_key_id = AKIA\naws_secret_access_key = s\n"
            f"[default]\nregion = us-west-2\nendpoint_url = {url}\nca_bundle = /no/such/bundle.pem\n"
        )
    files = {"AWS_CONFIG_FILE": str(folder / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials")}
    return {**files, "AWS_PROFILE": "sandbox"}


def _broken_config(folder: Path) -> dict[str, str]:
    (folder / "config").write_text("no section\n")
    return {"AWS_CONFIG_FILE": str(folder / "config")}


@pytest.mark.parametrize("variable", HOSTILE)
def test_environment_never_redirects_sandbox_calls(sandbox, trap, tmp_path, monkeypatch, variable):
    for name, value in HOSTILE[variable](trap, tmp_path).items():
        monkeypatch.setenv(name, value)
    connection = sandbox.connection(region="eu-west-1")
    channel = kvs.create_channel("front-door", tags={"Site": "hq"}, connection=connection)
    assert kvs.list_channels(tags=True, connection=connection)["tag:Site"].tolist() == ["hq"]
    assert channel["region"].item() == "eu-west-1"
    assert connection.account_id == "111122223333"
    assert {client.meta.endpoint_url for client in clients_of(connection)} == {sandbox.endpoint_url}
    assert trap.visits == 0


def clients_of(connection: kvs.Connection) -> list[Any]:
    return [*connection._clients._clients.values()]


HOSTILE_TO_TLS: dict[str, Hostile] = {
    name: HOSTILE[name] for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "HTTP_PROXY", "AWS_ACCESS_KEY_ID")
} | {
    "AWS_ENDPOINT_URL_KINESIS_VIDEO_SIGNALING": lambda trap, _: {"AWS_ENDPOINT_URL_KINESIS_VIDEO_SIGNALING": trap.url},
    "SSL_CERT_FILE": lambda trap, folder: {
        "SSL_CERT_FILE": str(folder / "none.pem"), "SSL_CERT_DIR": str(folder), "REQUESTS_CA_BUNDLE": str(folder / "none.pem")},
    "proxies of other schemes": lambda trap, _: dict.fromkeys(
        ("ALL_PROXY", "all_proxy", "SOCKS_PROXY", "socks_proxy", "WSS_PROXY", "wss_proxy"), trap.url),
}  # fmt: skip


@pytest.mark.parametrize("variable", HOSTILE_TO_TLS)
def test_environment_never_redirects_ice_servers_and_signaling(sandbox, trap, tmp_path, monkeypatch, variable):
    for name, value in HOSTILE_TO_TLS[variable](trap, tmp_path).items():
        monkeypatch.setenv(name, value)
    connection = sandbox.connection()
    channel = kvs.create_channel("front-door", connection=connection)

    async def call() -> object:
        async with (
            asyncio.timeout(20),
            kvs.open_signaling(channel, role="MASTER", connection=connection) as camera,
            kvs.open_signaling(channel, client_id="tablet", connection=connection) as tablet,
        ):
            await tablet.send_offer("v=0")
            return await anext(camera)

    assert len(kvs.get_ice_servers(channel, connection=connection)) == 6
    assert asyncio.run(call()) == Offer("v=0", "tablet")
    assert all(is_loopback(client.meta.endpoint_url) for client in clients_of(connection))
    assert trap.visits == 0


def test_read_only_error_has_line_allowing_changes(sandbox):
    environment = sandbox.environment({})
    session = boto3.Session(
        aws_access_key_id=sandbox.connection().client()._request_signer._credentials.access_key,
        aws_secret_access_key=sandbox.connection().client()._request_signer._credentials.secret_key,
    )
    connection = connect_session(session, "us-east-1", profile="fleet", endpoint_url=environment["AWS_ENDPOINT_URL"])
    assert connection.is_sandbox()  # recognized by its identity
    assert connection.may_change()
    connection._known.identity = Identity("111122223333", "arn:aws:iam::111122223333:user/alice", "AIDA")
    line = f"kvs.connect('fleet', region='us-east-1', endpoint_url={sandbox.endpoint_url!r}, allow_changes=True)"
    with pytest.raises(errors.ReadOnly, match=re.escape(line)):
        connection.call("CreateSignalingChannel", {"ChannelName": "front-door"})


def test_tls_context_of_stopped_sandbox_is_endpoint_unreachable():
    with kvs.Sandbox() as sandbox:
        connection = sandbox.connection()
        connection.tls_context("https://127.0.0.1")
    with pytest.raises(errors.EndpointUnreachable, match="has stopped"):
        connection.tls_context("https://127.0.0.1")


def test_connections_of_one_session_share_its_identity():
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="us-east-1")
    connection = connect_session(session, "us-east-1")
    europe = connection.replace(region="eu-west-1")
    europe._known.identity = Identity("111122223333", "arn:aws:iam::111122223333:user/alice", "AIDA")
    assert connection.account_id == "111122223333"
    other = connection.replace(session=connection.config.session)
    assert other.known_identity is None


@pytest.mark.parametrize(
    ("date", "is_read"),
    [
        ("Sun, 29 Nov 2026 15:54:46 GMT", True),
        ("Sun, 29 Nov 2026 15:54:46 -0000", True),
        ("Sun, 29 Nov 99999 15:54:46 GMT", False),
        ("yesterday", False),
        ("", False),
        (None, False),
    ],
)
def test_service_time_of_any_date_has_a_time_zone(date, is_read):
    connection = connect_session(boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret"), "us-east-1")
    error = errors.ServiceFault("No.")
    error.__cause__ = ClientError({"ResponseMetadata": {"HTTPHeaders": {"date": date}}}, "CreateSignalingChannel")
    found = connection.service_time(error)
    assert found.utcoffset() == timedelta(0)
    assert (found == datetime(2026, 11, 29, 15, 54, 46, tzinfo=UTC)) is is_read
