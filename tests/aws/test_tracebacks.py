"""Tracebacks that show variables, displayed results and DEBUG logs have no secret, whatever call fails and however."""

from __future__ import annotations

import copy
import logging
import pickle
import re
import socket
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from IPython.core.ultratb import VerboseTB

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws import reply_limits
from tests.aws.calls import CALLS, ask_for_ice_servers
from tests.aws.fake_service import ARN, SECRET_KEY, SESSION_TOKEN, TURN_PASSWORD

SIGNATURE = re.compile(r"Signature[=:]\s*'?[0-9a-f]{64}")


def reset_connection(request: Any) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)


FAILURES: dict[str, tuple[int, Any]] = {
    "a sign-in page": (200, b"<html>sign in</html>"),
    "not JSON": (200, f'{{"IceServerList": [{{"Password": "{TURN_PASSWORD}"}}]}}garbage}}'),
    "malformed": (
        200,
        {"IceServerList": [{"Password": TURN_PASSWORD, "Username": 7}], "ChannelInfoList": 7, "Tags": 7},
    ),
    "denied": (403, {"__type": "AccessDeniedException", "message": "no"}),
    "expired": (403, {"__type": "ExpiredTokenException", "message": "no"}),
    "a fault": (500, {"message": "no"}),
    "a reset": (200, reset_connection),
}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait neither between attempts nor long for a reply."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setattr(reply_limits, "REPLY_SECONDS", 5)


@pytest.fixture
def connection(served: kvs.Connection) -> kvs.Connection:
    """Return the connection to the service that a test sets the replies of."""
    return served


def secrets_in(text: str) -> list[str]:
    """Return the kinds of secrets in a text."""
    found = {"key": SECRET_KEY, "token": SESSION_TOKEN[:40], "password": TURN_PASSWORD}
    return [kind for kind, secret in found.items() if secret in text] + SIGNATURE.findall(text)


def tracebacks_of(error: BaseException) -> str:
    """Return all that a traceback with variables shows, IPython's and Python's own, without this file's frames."""
    while error.__traceback__ is not None and error.__traceback__.tb_frame.f_code.co_filename == __file__:
        error.__traceback__ = error.__traceback__.tb_next
    verbose = VerboseTB(theme_name="nocolor").text(type(error), error, error.__traceback__)
    return verbose + "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def raised_by(call: Callable[[kvs.Connection], Any], connection: kvs.Connection) -> BaseException:
    """Return the error that a call raises."""
    try:
        call(connection)
    except (errors.KVSError, KeyboardInterrupt) as error:
        return error
    pytest.fail("no error was raised")


WITH_MEMBERS = ("GetIceServerConfig", "ListSignalingChannels", "ListTagsForResource")
"""The operations whose reply has a member of the malformed one."""


@pytest.mark.draw(1)
@pytest.mark.parametrize("failure", FAILURES)
def test_traceback_with_variables_has_no_secret(service, connection, failure):
    status, reply = FAILURES[failure]
    for operation in WITH_MEMBERS if failure == "malformed" else CALLS:
        service.reset()
        service.replies[operation] = reply
        service.status = status if operation != "GetCallerIdentity" or status == 200 else 503
        shown = tracebacks_of(raised_by(CALLS[operation], connection))
        assert "connection.py" in shown, operation
        assert secrets_in(shown) == [], operation


def test_traceback_of_unreachable_service_has_no_secret(connection):
    gone = connection.replace(endpoint_url="http://127.0.0.1:1", account_id="111122223333")
    shown = tracebacks_of(raised_by(CALLS["DescribeSignalingChannel"], gone))
    assert "EndpointConnectionError" in shown
    assert secrets_in(shown) == []
    gone.close_clients()


@pytest.mark.draw(6)
@pytest.mark.parametrize("operation", CALLS)
def test_traceback_of_an_interrupted_call_has_no_secret(service, connection, operation, monkeypatch):
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", interrupt_send)
    shown = tracebacks_of(raised_by(CALLS[operation], connection))
    assert "KeyboardInterrupt" in shown
    assert secrets_in(shown) == []


def interrupt_send(_: Any, request: Any) -> None:
    """Raise KeyboardInterrupt as in botocore while it waits, with the signed request in its frames."""
    assert b"Signature" in request.headers["Authorization"]
    raise KeyboardInterrupt


def test_traceback_of_failed_credentials_has_no_secret(connection, monkeypatch):
    def credentials() -> None:
        secret = SECRET_KEY
        raise OSError(f"{len(secret)} characters")

    broken = connection.replace()
    monkeypatch.setattr(broken.config.session, "credentials", credentials)
    shown = tracebacks_of(raised_by(lambda at: at.credentials(), broken))
    assert "40 characters" in shown
    assert secrets_in(shown.replace(f"SECRET_KEY = {SECRET_KEY!r}", "")) == []


@pytest.mark.parametrize("profile", ["unknown", "broken", "process"])
def test_traceback_of_a_profile_has_no_key_of_another(profile, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "credentials").write_text(
        f"[other]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = {SECRET_KEY}\n"
        f"aws_session_token = {SESSION_TOKEN}\n[broken]\naws_access_key_id = AKIDEXAMPLE\n"
    )
    (tmp_path / "config").write_text("[profile process]\ncredential_process = /nonexistent\n")
    with pytest.raises(errors.KVSError) as raised:
        kvs.connect(profile, region="us-east-1", endpoint_url="http://127.0.0.1:1")
    shown = tracebacks_of(raised.value)
    assert "default_connection.py" in shown
    assert secrets_in(shown) == []


@pytest.mark.parametrize("operation", ["DescribeSignalingChannel", "ListSignalingChannels"])
def test_error_that_the_caller_handles_keeps_its_frames(service, connection, operation):
    service.replies[operation] = b"<html>sign in</html>"
    kept, frames, raised = [], [], None
    try:
        {}["mine"]
    except LookupError as mine:
        frames = traceback.extract_tb(mine.__traceback__)
        raised = raised_by(CALLS[operation], connection)
        kept = traceback.extract_tb(mine.__traceback__)
    assert isinstance(raised, errors.EndpointUnreachable)
    assert raised.__context__ is not None
    assert kept == frames != []


# --- displayed results


def test_credentials_sign_and_are_not_displayed(connection):
    credentials = connection.credentials()
    assert (credentials.secret_key, credentials.token) == (SECRET_KEY, SESSION_TOKEN)
    for shown in (repr(credentials), str(credentials), f"{credentials}", repr([credentials]), repr({"a": credentials})):
        assert "AKIDEXAMPLE" in shown
        assert secrets_in(shown) == []
    for save in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            save(credentials)


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "tls_context": ("https://127.0.0.1",),
    "call": ("DescribeSignalingChannel", {"ChannelName": "gate"}),
    "require_changes": ("CreateSignalingChannel",),
    "check_arn": (ARN,),
    "in_region": ("eu-west-1",),
    "service_time": (errors.KVSError("no"),),
    "stop": (errors.KVSError("no"),),
}
"""What the methods of a connection are called with that need arguments."""


def test_results_of_public_methods_show_no_secret(service, connection):
    shown = [repr(ask_for_ice_servers(connection))]
    for name in [name for name in vars(kvs.Connection) if not name.startswith("_")]:
        made = connection.replace()
        result = getattr(made, name)
        shown.append(repr(result(*ARGUMENTS.get(name, ())) if callable(result) else result))
        made.close_clients()
    shown += [repr(connection), repr(connection.config)]
    proxied = connection.replace(proxies={"https": f"http://me:{TURN_PASSWORD}@proxy"})
    shown += [repr(proxied), repr(proxied.config)]
    assert len(shown) > 25
    assert secrets_in("\n".join(shown)) == []


def test_debug_log_of_every_call_has_no_secret(service, connection, caplog):
    caplog.set_level(logging.DEBUG)
    for call in CALLS.values():
        call(connection.replace())
    text = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert "GetIceServerConfig" in text
    assert secrets_in(text) == []


@pytest.mark.parametrize("failure", FAILURES)
def test_debug_log_of_failed_calls_has_no_secret(service, connection, failure, caplog):
    caplog.set_level(logging.DEBUG)
    service.status, reply = FAILURES[failure]
    for operation in ("GetIceServerConfig", "ListSignalingChannels"):
        service.replies[operation] = reply
        raised_by(CALLS[operation], connection)
    text = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert "Authorization" in text
    assert secrets_in(text) == []
