"""Admin calls with extreme arguments: each is rejected or takes effect, and later requests work in any case."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.sandbox.backend.context import LATEST_TIME
from kvs_notebook.sandbox.clock import ManualClock
from kvs_notebook.sandbox.http.admin_api import AdminApi

NUMBERS: tuple[Any, ...] = (
    -1, 0, 1.5, -0.0, 3e11, 8.64e13, 1e300, 2**63, 10**400, 10**5000, -(10**30), math.inf, -math.inf, math.nan, True, None, "1",
)  # fmt: skip
TEXTS: tuple[Any, ...] = (
    "",
    "\ud800",
    "\x00",
    "é",
    "*" * 100_000,
    "[" * 300,
    7,
    None,
    ["*"],
    {"a": 1},
    b"a",
    "-1",
    "0",
)
TAGS: tuple[Any, ...] = ({"a": 7}, {7: "a"}, {"": "a"}, {"\ud800": "a"}, {"k" * 129: ""}, {"k": "v" * 257}, ["a"], "a")

CALLS: dict[str, tuple[Callable[[kvs.Sandbox, Any], Any], tuple[Any, ...]]] = {
    "advance seconds": (lambda sandbox, value: sandbox.advance(value), NUMBERS),
    "seed count": (lambda sandbox, value: sandbox.seed(value), tuple(each for each in NUMBERS if each is not None)),
    "seed account_id": (lambda sandbox, value: sandbox.seed(1, account_id=value), TEXTS),
    "seed region": (lambda sandbox, value: sandbox.seed(1, region=value), TEXTS),
    "seed account_alias": (lambda sandbox, value: sandbox.seed(1, account_alias=value), TEXTS),
    "seed tags": (lambda sandbox, value: sandbox.seed(1, tags=value), TAGS),
    "add_fault operation": (lambda sandbox, value: sandbox.faults.add(value, "error"), TEXTS),
    "add_fault kind": (lambda sandbox, value: sandbox.faults.add("*", value), TEXTS),
    "add_fault times": (lambda sandbox, value: sandbox.faults.add("TagResource", "error", value), NUMBERS),
    "add_fault seconds": (lambda sandbox, value: sandbox.faults.add("TagResource", "delay", seconds=value), NUMBERS),
    "add_fault account_id": (
        lambda sandbox, value: sandbox.faults.add("TagResource", "error", account_id=value),
        TEXTS,
    ),
    "add_fault region": (lambda sandbox, value: sandbox.faults.add("TagResource", "error", region=value), TEXTS),
    "deny pattern": (lambda sandbox, value: sandbox.deny(value), TEXTS),
    "deny account_id": (lambda sandbox, value: sandbox.deny("kinesisvideo:Tag*", account_id=value), TEXTS),
    "deny region": (lambda sandbox, value: sandbox.deny("kinesisvideo:Tag*", region=value), TEXTS),
    "send_notice channel_name": (lambda sandbox, value: sandbox.send_notice(value, "GO_AWAY"), TEXTS),
    "send_notice message_type": (lambda sandbox, value: sandbox.send_notice("front-door", value), TEXTS),
}


@pytest.fixture(scope="module")
def shared() -> Iterator[kvs.Sandbox]:
    """Yield one sandbox for every row; its clock does not move by itself."""
    with kvs.Sandbox(clock=ManualClock(), quotas=False) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def client(shared: kvs.Sandbox) -> Any:
    return shared.connection().client()  # without the pace of the connection's own calls


def assert_requests_work(sandbox: kvs.Sandbox, client: Any) -> None:
    sandbox.clear_denials()
    arn = client.create_signaling_channel(ChannelName="front-door")["ChannelARN"]
    client.describe_signaling_channel(ChannelARN=arn)
    sandbox.reset()
    assert client.list_signaling_channels()["ChannelInfoList"] == []
    assert len(sandbox._admin.requests()) == 1


def test_every_argument_of_every_operation_is_tried():
    operations = {name.removeprefix("_"): each for name, each in vars(AdminApi).items() if re.match("_[a-z]", name)}
    tried = set()
    for operation, act in operations.items():
        for name, parameter in [*inspect.signature(act).parameters.items()][1:]:
            assert parameter.kind is parameter.KEYWORD_ONLY, f"{operation} {parameter}"
            tried.add(f"{operation} {name}")
    assert tried == set(CALLS)


@pytest.mark.draw(5)
@pytest.mark.parametrize("call", CALLS)
def test_extreme_admin_argument_leaves_later_requests_working(shared, client, call, caplog):
    act, values = CALLS[call]
    for value in values:
        with suppress(errors.InvalidInput):
            act(shared, value)
        assert_requests_work(shared, client)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


COMPLETE: dict[str, dict[str, Any]] = {
    "settings": {},
    "seed": {"count": 1, "account_id": "111122223333", "region": "us-east-1"},
    "reset": {},
    "advance": {"seconds": 1},
    "send_notice": {"channel_name": "front-door", "message_type": "GO_AWAY"},
    "requests": {},
    "add_fault": {"operation": "TagResource", "kind": "error", "times": 1, "seconds": 0},
    "clear_faults": {},
    "deny": {"pattern": "kinesisvideo:Tag*"},
    "clear_denials": {},
}
"""The arguments that each operation requires."""

unknown = st.dictionaries(st.text(max_size=8), st.none() | st.floats() | st.text(max_size=8), min_size=1)


@given(unknown=unknown, data=st.data())
@settings(max_examples=6)
def test_unknown_admin_arguments_are_rejected(shared, unknown, data):
    for operation, required in COMPLETE.items():
        known = {
            name: required[name]
            for name in data.draw(st.sets(st.sampled_from([*required])) if required else st.just(()))
        }
        for arguments in ({}, known, required):
            with pytest.raises(errors.InvalidInput, match="arguments of"):
                shared._admin.call(operation, **{f"no_{name}": value for name, value in unknown.items()}, **arguments)


@pytest.mark.parametrize("clock", ["real", "stepped"])
def test_advance_to_the_latest_time_survives_a_restart(tmp_path, clock):
    with kvs.Sandbox(tmp_path, clock=clock) as sandbox:
        left = (LATEST_TIME - datetime.now(UTC)).total_seconds()
        with pytest.raises(errors.InvalidInput, match=r"is too large: lifecycle time would pass the year 9000"):
            sandbox.advance(left + 86_400 * 366)
        sandbox.advance(left - 86_400 * 2)
        kvs.create_channel("a", wait=False, connection=sandbox.connection())
    with kvs.Sandbox(tmp_path, clock=clock) as again:
        kvs.create_channel("b", wait=False, connection=again.connection())
        assert len(kvs.list_channels(connection=again.connection())) == 2
