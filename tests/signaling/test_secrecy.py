"""Tests that neither logs nor tracebacks show a signed URL, a token, a password or a payload."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import sys
import traceback
from typing import Any

import boto3
import pandas as pd
import pytest
from IPython.core.ultratb import VerboseTB

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.assume_role import assume_role
from kvs_notebook.secret import Secret
from kvs_notebook.signaling import websocket
from kvs_notebook.signaling.messages import Answer, Offer
from tests.connections import connect_session
from tests.signaling.event_loop import create_tablet, query_parameters, run_bounded, wait_until

SIGNATURE = re.compile("X-Amz-Signature=[0-9a-f]{64}")
SECRET_SDP = "v=0 fingerprint-that-no-log-shows"


@pytest.fixture
def signatures(monkeypatch) -> list[str]:
    """Collect the signature of every URL that is presigned to connect with."""
    made: list[str] = []
    presign = websocket.presign_websocket_url

    def record(*arguments: Any) -> Secret:
        url = presign(*arguments)
        made.append(query_parameters(url)["X-Amz-Signature"])
        return url

    monkeypatch.setattr(websocket, "presign_websocket_url", record)
    return made


def format_traceback(error: BaseException) -> str:
    """Return everything that a traceback with variables shows, IPython's and Python's own, without the test's frame."""
    assert error.__traceback__ is not None
    error = error.with_traceback(error.__traceback__.tb_next)
    verbose = VerboseTB(theme_name="nocolor").text(type(error), error, error.__traceback__)
    return verbose + "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


# --- logs


def read_log(caplog: pytest.LogCaptureFixture) -> str:
    """Return all that was logged: messages, arguments and tracebacks."""
    return caplog.text + "".join(repr(vars(record)) for record in caplog.records)


def test_debug_log_of_signaling_has_no_secret(sandbox, fast_retries, signatures, caplog):
    caplog.set_level(logging.DEBUG)
    other = "444455556666"
    channel = kvs.create_channel("front-door", connection=sandbox.connection(other))
    role = assume_role(sandbox.connection(), f"arn:aws:iam::{other}:role/Camera", region="us-east-1")
    camera = kvs.open_signaling(channel, role="MASTER", connection=role)
    tablet = kvs.open_signaling(channel, client_id="tablet", connection=role)

    async def main() -> None:
        async with camera, tablet:
            await tablet.send_offer(SECRET_SDP)
            assert await anext(camera) == Offer(SECRET_SDP, "tablet")
            await camera.send_answer(SECRET_SDP, recipient_client_id="tablet")
            assert await anext(tablet) == Answer(SECRET_SDP)
            sandbox.send_notice("front-door", "GO_AWAY")
            await wait_until(lambda: (camera.connects, tablet.connects) == (2, 2))
            sandbox.deny("kinesisvideo:Connect*")
            with pytest.raises(errors.AccessDenied):
                await kvs.open_signaling(channel, client_id="another", connection=role).open()

    run_bounded(main)
    payload = json.dumps({"type": "offer", "sdp": SECRET_SDP})
    secrets = [
        *signatures,
        role.credentials().token,
        role.credentials().secret_key,
        SECRET_SDP,
        base64.b64encode(payload.encode()).decode()[:40],
    ]
    log = read_log(caplog)
    assert len(signatures) == 5
    assert "CanonicalRequest" in log
    assert "ConnectAsViewer succeeded for front-door (connection 2)" in log
    assert [secret for secret in secrets if secret in log] == []


def test_debug_log_of_sign_url_has_no_signature(channel, caplog):
    caplog.set_level(logging.DEBUG)
    url = kvs.sign_url(channel, client_id="tablet")
    assert "CanonicalRequest" in read_log(caplog)
    assert query_parameters(url)["X-Amz-Signature"] not in read_log(caplog)


def test_debug_log_of_ice_servers_has_no_password(channel, caplog):
    caplog.set_level(logging.DEBUG)
    servers = kvs.get_ice_servers(channel)
    log = read_log(caplog)
    assert "GetIceServerConfig" in log
    assert [one for one in servers["password"] if one.reveal() in log] == []


def test_refusal_and_retries_are_logged_without_details(channel, sandbox, fast_retries, caplog):
    sandbox.faults.add("ConnectAsViewer", "throttle", times=2)
    caplog.set_level(logging.INFO, "kvs_notebook.signaling")

    async def main() -> None:
        async with create_tablet(channel):
            pass

    run_bounded(main)
    attempts = [message for message in caplog.messages if "in attempt" in message]
    assert [re.sub(r"[0-9.]+ s$", "0 s", message) for message in attempts] == [
        f"ConnectAsViewer failed for front-door in attempt {number} of 8 (Throttled), next attempt in 0 s"
        for number in (1, 2)
    ]


def test_take_over_of_a_real_master_is_logged(monkeypatch, caplog):
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="us-east-1")
    real_account = connect_session(session, "us-east-1")
    monkeypatch.setattr(real_account, "call", lambda *_, **__: pytest.fail("a call was sent"))
    caplog.set_level(logging.INFO, "kvs_notebook.signaling")
    kvs.open_signaling("front-door", client_id="tablet", connection=real_account)
    assert caplog.messages == []
    kvs.open_signaling("front-door", role="MASTER", take_over=True, connection=real_account)
    assert caplog.messages == ["take_over=True: connecting as MASTER displaces any MASTER of front-door"]
    assert caplog.records[0].levelno == logging.WARNING


# --- tracebacks


def test_traceback_of_refused_connect_has_no_signature(sandbox, channel, fast_retries, signatures):
    async def main(fault: str) -> str:
        sandbox.faults.clear()
        sandbox.faults.add("ConnectAsViewer", fault, times=None)
        with pytest.raises(errors.KVSError) as raised:
            await create_tablet(channel).open()
        return format_traceback(raised.value)

    for fault in ("denied", "expired", "error", "reset", "throttle"):
        shown = run_bounded(lambda fault=fault: main(fault))
        assert "websocket.py" in shown
        assert not SIGNATURE.search(shown)
        assert not any(signature in shown for signature in signatures)


def test_traceback_of_connect_timeout_has_no_signature(sandbox, channel, signatures):
    sandbox.faults.add("ConnectAsViewer", "delay", seconds=60)

    async def soon(limit: asyncio.Timeout) -> None:
        await wait_until(lambda: signatures)
        limit.reschedule(asyncio.get_running_loop().time() + 0.5)

    async def main() -> str:
        with pytest.raises(TimeoutError) as raised:
            async with asyncio.timeout(None) as limit:
                limiting = asyncio.create_task(soon(limit))
                await create_tablet(channel).open()
        await limiting
        await wait_until(lambda: len(asyncio.all_tasks()) == 1)
        return format_traceback(raised.value)

    shown = run_bounded(main)
    assert "websocket.py" in shown
    assert len(signatures) == 1
    assert signatures[0] not in shown


def test_missing_socks_package_is_named_without_the_url(channel, signatures, monkeypatch):
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "python_socks", None)
    monkeypatch.setattr(websocket, "is_loopback", lambda _: False)

    async def main() -> str:
        with pytest.raises(errors.MissingExtra, match="SOCKS proxy requires python-socks") as raised:
            await create_tablet(channel).open()
        return format_traceback(raised.value)

    shown = run_bounded(main)
    assert len(signatures) == 1
    assert signatures[0] not in shown


@pytest.mark.draw(2, of_each=("operation",))
@pytest.mark.parametrize("fault", ["denied", "expired", "error", "reset"])
@pytest.mark.parametrize(
    ("operation", "act"),
    [
        ("GetSignalingChannelEndpoint", lambda channel: kvs.sign_url(channel, client_id="tablet")),
        ("GetIceServerConfig", lambda channel: kvs.get_ice_servers(channel, refresh=True)),
    ],
)
def test_traceback_of_refused_call_has_no_secret(sandbox, channel, monkeypatch, operation, act, fault):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    passwords = {password.reveal() for password in kvs.get_ice_servers(channel)["password"]}
    sandbox.faults.add(operation, fault, times=None)
    with pytest.raises(errors.KVSError) as raised:
        act(channel)
    shown = format_traceback(raised.value)
    assert "endpoints.py" in shown
    assert not SIGNATURE.search(shown)
    assert not any(password in shown for password in passwords)


def test_traceback_with_secrets_as_variables_hides_them(channel):
    url, servers = kvs.sign_url(channel, client_id="tablet"), kvs.get_ice_servers(channel)

    def cell(url: Secret, servers: pd.DataFrame) -> None:
        raise KeyError({"url": url, "servers": servers}[url])

    with pytest.raises(KeyError) as raised:
        cell(url, servers)
    shown = format_traceback(raised.value)
    assert ".reveal()" in shown
    assert query_parameters(url)["X-Amz-Signature"] not in shown
    assert servers["password"][0].reveal() not in shown
