"""Arguments of any type: each public function takes them or raises an error of the toolkit, which names what was wrong."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ipywidgets import Widget

import kvs_notebook as kvs
from kvs_notebook import plans
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.errors import InvalidInput

ELSEWHERE = {"connect", "use_sandbox", "assume_role"}
"""Functions that set the connection of all that follow."""

SAMPLE = 4
"""Values that are tried for each parameter; --all-cases tries all."""


FILMED = {"live.take_picture", "live.take_pictures", "live.serve_test_camera"}
"""Functions that connect to a camera, or are one."""


def functions() -> dict[str, Callable[..., Any]]:
    """Return the public functions by name."""
    parts = ("plans", "reports", "charts", "diagrams", "live", "forms")
    modules = {"": kvs, **{f"{name}.": getattr(kvs, name) for name in parts}}
    named = {prefix + name: getattr(module, name) for prefix, module in modules.items() for name in module.__all__}
    left_out = ELSEWHERE | FILMED
    return {name: found for name, found in named.items() if inspect.isfunction(found) and name not in left_out}


FUNCTIONS = functions()


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kvs.Sandbox]:
    """A sandbox with an example fleet, and the folder in which the tests run."""
    with pytest.MonkeyPatch.context() as patch, kvs.Sandbox(clock="stepped", quotas=False) as sandbox:
        patch.chdir(tmp_path_factory.mktemp("arguments"))
        sandbox.seed()
        yield sandbox


@pytest.fixture(scope="module")
def shared_valid(shared_sandbox: kvs.Sandbox) -> dict[str, Any]:
    """A valid value of each parameter that has no default, by its name."""
    connection = shared_sandbox.connection()
    channels, fleet = kvs.list_channels(tags=True, connection=connection), kvs.inventory(connection=connection)
    kvs.to_csv(channels, "channels.csv")
    kvs.save_snapshot(fleet, "history", date="2026-01-04")
    kvs.save_snapshot(fleet, "history", date="2026-01-05")
    plan = plans.tag(channels, {"Site": "hq"})
    plan.save("plan")
    Path("state.json").write_text("{}", encoding="utf-8")
    return {
        "channel": "front-door-hq",
        "name": "front-door-hq",
        "tags": {"Site": "hq"},
        "keys": ["Site"],
        "message_ttl_seconds": 60,
        **dict.fromkeys(["frame", "channels", "current"], channels),
        **dict.fromkeys(["edited", "original"], "channels.csv"),
        "desired": pd.DataFrame({"channel_name": ["new-one"]}),
        **dict.fromkeys(["inventory", "fleet"], fleet),
        "coverage": fleet.coverage,
        "plan": plan,
        "folder": "plan",
        "directory": "history",
        "path": "state.json",
        "paths": ["."],
        "required": ["Site"],
        "trusted": ["111122223333"],
    }


@pytest.fixture
def valid(shared_sandbox: kvs.Sandbox, shared_valid: dict[str, Any]) -> dict[str, Any]:
    """The valid values, while the sandbox's connection is the current one."""
    set_current(shared_sandbox.connection())
    return shared_valid


def odd_values(valid: dict[str, Any]) -> list[Any]:
    """Return values of many types, most of which a parameter does not take."""
    frame, fleet = valid["channels"], valid["fleet"]
    return [
        *(None, True, 5, -1, 0, 2.5, math.nan, math.inf, 10**30, object(), len, range(3)),
        *("", "x y", "\0", "all", "2026-13-45", "é" * 300, "a/" * 1_500, "\ud800", b"x", Path("x")),
        *([], [None], ["a", 5], (), {}, {"a": 1}, {1: "a"}, {"a", "b"}),
        *(pd.NaT, pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-01", tz="UTC"), pd.Timedelta(60, "s")),
        *(frame, frame.head(0), frame["channel_name"], frame.iloc[0], pd.DataFrame(), pd.Index(["a"]), fleet),
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_argument_of_any_type_is_taken_or_refused(
    name: str, valid: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    function, values = FUNCTIONS[name], odd_values(valid)
    parameters = inspect.signature(function).parameters.values()
    given = {each.name: valid[each.name] for each in parameters if each.default is each.empty and each.name in valid}
    for parameter in parameters:
        if parameter.annotation == "bool" or parameter.kind is parameter.VAR_POSITIONAL:
            continue  # any object is true or false; values without a name have tests of their own
        every = request.config.getoption("all_cases")
        for value in values if every else random.sample(values, SAMPLE):
            if name == "delete_channel":
                with suppress(kvs.errors.ChannelExists):
                    kvs.create_channel(valid["channel"])
            try:
                made = function(**given | {parameter.name: value})
            except kvs.errors.KVSError:
                continue
            except Exception as error:
                error.add_note(f"{name}({parameter.name}={value!r})")
                raise
            if isinstance(made, Widget):
                made.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda **wrong: kvs.create_channel("new-one", **wrong),
        lambda **wrong: kvs.update_channel("front-door", message_ttl_seconds=90, **wrong),
        lambda **wrong: kvs.delete_channel("front-door", **wrong),
    ],
)
@pytest.mark.parametrize("timeout", ["60", None, -1, math.nan, pd.Timedelta(60, "s")])
def test_wrong_timeout_sends_nothing(change: Callable[..., Any], timeout: object, connection: kvs.Connection) -> None:
    with pytest.raises(InvalidInput, match=r"^timeout=.+ is not valid\. Expected seconds, at least 0\.$"):
        change(timeout=timeout)
    assert connection.calls == 0


@pytest.mark.parametrize("argument", ["endpoint_url", "share"])
def test_connection_of_a_wrong_argument_is_not_made(argument: str, valid: dict[str, Any]) -> None:
    before = kvs.current_connection()
    for value in odd_values(valid):
        is_valid = isinstance(value, str) if argument == "endpoint_url" else isinstance(value, dict) and not value
        if value is None or is_valid:
            continue
        with pytest.raises(InvalidInput, match=argument):
            kvs.connect(region="us-east-1", **{argument: value})
    assert kvs.current_connection() is before


def test_another_region_is_checked(valid: dict[str, Any]) -> None:
    here = kvs.current_connection()
    for value in odd_values(valid):
        with pytest.raises(InvalidInput):
            here.in_region(value)
    assert here.in_region("eu-west-1").account_id == here.account_id
