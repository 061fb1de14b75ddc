"""The CA bundle of the AWS configuration is trusted over HTTPS and over WebSockets alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import for_profile
from kvs_notebook.signaling.probe import probe_channel


@pytest.fixture(scope="module")
def server() -> Iterator[kvs.Sandbox]:
    """Yield an account whose data endpoints have certificates of a private CA, as behind a proxy that inspects TLS."""
    with kvs.Sandbox(quotas=False) as sandbox:
        kvs.create_channel("front-door", connection=sandbox.connection())
        yield sandbox


@pytest.fixture
def connect(server, tmp_path, monkeypatch) -> Callable[[str], kvs.Connection]:
    """Return a function that connects with a profile that has further lines; no variable names a CA."""
    text = Path(server.environment({})["AWS_CONFIG_FILE"]).read_text(encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    def _connect(lines: str = "") -> kvs.Connection:
        (tmp_path / "config").write_text(f"{text}\n{lines}\n")
        return for_profile("sandbox")

    return _connect


def ca_of(server: kvs.Sandbox) -> str:
    return server.environment({})["NODE_EXTRA_CA_CERTS"]


def ask_over_https(connection: kvs.Connection) -> int:
    return len(kvs.get_ice_servers("front-door", connection=connection))


def ask_over_websocket(connection: kvs.Connection) -> float:
    return asyncio.run(probe_channel("front-door", connection))


@pytest.mark.parametrize("setting", ["AWS_CA_BUNDLE", "ca_bundle", "REQUESTS_CA_BUNDLE"])
def test_configured_bundle_is_trusted_over_https_and_websocket(setting, server, connect, monkeypatch):
    if setting.isupper():
        monkeypatch.setenv(setting, ca_of(server))
    connection = connect(f"{setting} = {ca_of(server)}" if setting.islower() else "")
    assert ask_over_https(connection) > 0
    assert ask_over_websocket(connection) > 0


def test_variable_precedes_bundle_of_profile(server, connect, monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", ca_of(server))
    connection = connect("ca_bundle = /nowhere.pem")
    assert ask_over_https(connection) > 0
    assert ask_over_websocket(connection) > 0


@pytest.mark.parametrize("ask", [ask_over_https, ask_over_websocket])
def test_untrusted_certificate_is_named_and_advice_helps(ask, server, connect, monkeypatch):
    with pytest.raises(errors.EndpointUnreachable, match=r"(?i)certificate.*set AWS_CA_BUNDLE, or ca_bundle"):
        ask(connect())
    monkeypatch.setenv("AWS_CA_BUNDLE", ca_of(server))
    assert ask(connect())


@pytest.mark.parametrize("ask", [ask_over_https, ask_over_websocket])
@pytest.mark.parametrize("content", [None, "", "not PEM"])
def test_unusable_bundle_is_named(ask, content, connect, monkeypatch, tmp_path):
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with pytest.raises(
        errors.EndpointUnreachable, match="The CA bundle '.*bundle.pem' cannot be used: .*AWS_CA_BUNDLE"
    ):
        ask(connect())
