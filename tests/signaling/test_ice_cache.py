"""ICE servers are kept for a connection, channel and client id until shortly before their lifetime ends."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Iterator
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.sandbox.clock import STEPPED_START, ManualClock
from kvs_notebook.signaling import ice_cache
from kvs_notebook.signaling.ice_cache import IceServerCache, IceServersKey


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[kvs.Sandbox, kvs.Connection]]:
    """Return a sandbox whose clock moves by advance() alone."""
    with kvs.Sandbox(clock=ManualClock(), quotas=False, assumptions=kvs.Assumptions(creating_seconds=0)) as started:
        yield started, started.connection()


@pytest.fixture
def connection(connection: kvs.Connection) -> kvs.Connection:
    """Return another connection for each test: what is kept for one is not used for another."""
    made = connection.replace()
    made.rate_limiter.sleep = lambda _: None
    return made


def passwords(servers: pd.DataFrame) -> list[str]:
    return [password.reveal() for password in servers["password"]]


def asked(sandbox: kvs.Sandbox) -> int:
    return sandbox.requests["operation"].tolist().count("GetIceServerConfig")


def test_servers_are_kept_until_30_s_before_their_end(sandbox, channel, connection):
    first = kvs.get_ice_servers(channel, connection=connection)
    left = 300
    for seconds in (0, 100, 169.5):
        sandbox.advance(seconds)
        left -= -int(-seconds // 1)
        again = kvs.get_ice_servers(channel, connection=connection)
        assert passwords(again) == passwords(first)
        assert set(again["ttl_seconds"]) == {left}
    assert asked(sandbox) == 1
    sandbox.advance(0.5)
    assert set(kvs.get_ice_servers(channel, connection=connection)["ttl_seconds"]) == {300}
    assert asked(sandbox) == 2


def test_refresh_requests_servers_and_keeps_them(sandbox, channel, connection):
    first = kvs.get_ice_servers(channel, connection=connection)
    sandbox.advance(1)
    second = kvs.get_ice_servers(channel, refresh=True, connection=connection)
    assert passwords(second) != passwords(first)
    assert passwords(kvs.get_ice_servers(channel, connection=connection)) == passwords(second)
    assert asked(sandbox) == 2


def test_kept_servers_spend_no_call(sandbox, channel, connection):
    kvs.get_ice_servers(channel, connection=connection)
    before = len(sandbox.requests)
    kvs.get_ice_servers(channel, connection=connection)
    assert sandbox.requests["operation"].iloc[before:].tolist() == []
    kvs.get_ice_servers("front-door", connection=connection)
    assert sandbox.requests["operation"].iloc[before:].tolist() == ["DescribeSignalingChannel"]


def test_servers_are_of_one_connection_channel_and_client(sandbox, channel, connection):
    other = kvs.create_channel("gate", connection=connection)
    requests = [
        {"channel": channel, "connection": connection},
        {"channel": channel, "client_id": "tablet", "connection": connection},
        {"channel": channel, "client_id": "phone", "connection": connection},
        {"channel": other, "connection": connection},
        {"channel": channel, "connection": connection.replace()},
    ]
    for number, request in enumerate(requests, 1):
        kvs.get_ice_servers(**request)
        assert asked(sandbox) == number


def test_changed_frame_does_not_change_what_is_kept(channel, connection):
    first = kvs.get_ice_servers(channel, connection=connection)
    kept = passwords(first)
    first["password"] = kvs.Secret("mine")
    first["ttl_seconds"] = 0
    assert passwords(kvs.get_ice_servers(channel, connection=connection)) == kept


def test_failed_refresh_keeps_the_earlier_servers(sandbox, channel, connection):
    first = kvs.get_ice_servers(channel, connection=connection)
    sandbox.deny("kinesisvideo:GetIceServerConfig")
    with pytest.raises(kvs.errors.AccessDenied):
        kvs.get_ice_servers(channel, refresh=True, connection=connection)
    assert passwords(kvs.get_ice_servers(channel, connection=connection)) == passwords(first)


def test_kept_servers_are_neither_shown_nor_pickled(channel, connection):
    found = passwords(kvs.get_ice_servers(channel, connection=connection))
    again = kvs.get_ice_servers(channel, connection=connection)
    from kvs_notebook.signaling import endpoints

    shown = [repr(connection), repr(vars(connection)), repr(endpoints._ice_servers), repr(vars(endpoints._ice_servers))]
    shown += [repr(dict(endpoints._ice_servers._replies)), repr(again), again.to_html(), str(pickle.dumps(again))]
    assert [password for password in found for text in shown if password in text] == []
    with pytest.raises(TypeError):
        pickle.dumps(endpoints._ice_servers)


def test_servers_are_forgotten_with_their_connection(channel, connection):
    cache = IceServerCache()
    made = connection.replace()
    cache.put(made, IceServersKey("arn", None), [{"Ttl": 300}], STEPPED_START)
    del made
    gc.collect()
    assert len(cache._replies) == 0


def test_only_the_newest_replies_are_kept(connection, monkeypatch):
    monkeypatch.setattr(ice_cache, "MOST_KEPT", 2)
    monkeypatch.setattr(connection, "now", lambda: STEPPED_START)
    cache = IceServerCache()
    keys = [IceServersKey(name, None) for name in ("a", "b", "a", "c")]
    for key in keys:
        cache.put(connection, key, [{"Ttl": 300}], STEPPED_START)
    assert [cache.get(connection, IceServersKey(name, None)) is not None for name in "abc"] == [True, False, True]


@given(
    lifetimes=st.lists(st.one_of(st.none(), st.integers(30, 86_400)), max_size=3),
    seconds=st.floats(-1e5, 1e5, allow_nan=False),
)
def test_kept_servers_never_outlive_what_the_service_said(lifetimes, seconds):
    reply = ice_cache._Reply([{"Ttl": lifetime} for lifetime in lifetimes], STEPPED_START)
    now = STEPPED_START + timedelta(seconds=seconds)
    if not reply.is_usable(now):
        assert not lifetimes or None in lifetimes or not 0 <= seconds < min(lifetimes) - 30 - 1e-5
        return
    for server, lifetime in zip(reply.at(now), lifetimes, strict=True):
        assert 30 <= server["Ttl"] <= lifetime - seconds + 1e-5
