"""Reports, charts and calls reject a frame of the user's own with an error that names what it lacks and the right call."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.dataframes import schemas
from kvs_notebook.errors import InvalidInput

REQUIRED = {"Owner": None, "Env": ["prod"]}
CHANNELS_SOURCE = "list_channels() or inventory()"
OF_CHANNELS = [*schemas.ROW_ORDER, "creation_time"]
OF_COUNTS = ["account_id", "region", "status", "channels"]

REPORTS: Mapping[str, tuple[Callable[[Any], Any], list[str], str]] = {
    "channel_counts": (kvs.reports.channel_counts, OF_CHANNELS, CHANNELS_SOURCE),
    "channel_ages": (kvs.reports.channel_ages, OF_CHANNELS, CHANNELS_SOURCE),
    "creation_by_month": (kvs.reports.creation_by_month, OF_CHANNELS, CHANNELS_SOURCE),
    "shared_names": (kvs.reports.shared_names, OF_CHANNELS, CHANNELS_SOURCE),
    "tag_problems": (lambda frame: kvs.reports.tag_problems(frame, REQUIRED), OF_CHANNELS, CHANNELS_SOURCE),
    "tag_coverage": (lambda frame: kvs.reports.tag_coverage(frame, REQUIRED), OF_CHANNELS, CHANNELS_SOURCE),
    "growth": (kvs.reports.growth, ["date", *OF_COUNTS], "read_coverage()"),
    "headroom": (kvs.reports.headroom, OF_COUNTS, "inventory().coverage"),
}
CHARTS: Mapping[str, tuple[Callable[[Any], Any], list[str], str]] = {
    f"chart {name}": (getattr(kvs.charts, name), list(schema), f"kvs.reports.{name}()")
    for name, schema in {
        "channel_counts": schemas.COUNTS,
        "channel_ages": schemas.AGES,
        "growth": schemas.GROWTH,
        "headroom": schemas.HEADROOM,
        "tag_coverage": schemas.TAG_COVERAGE,
    }.items()
}
OF_VALUES = ("no tag: column", "more than one row", "no day to draw")
"""What is said of frames that have the right columns."""

TAKERS = {**REPORTS, **CHARTS, "pivot_tags": (kvs.pivot_tags, list(schemas.TAGS), "list_tags()")}


@pytest.fixture(scope="module")
def frames() -> Iterator[dict[str, pd.DataFrame]]:
    """Yield a valid frame for each function, and frames that fit none of them."""
    with kvs.Sandbox(clock="stepped") as sandbox:
        sandbox.seed()
        fleet = kvs.inventory(regions=["us-east-1"], connection=sandbox.connection())
    days = fleet.coverage.assign(date=pd.Timestamp("2026-01-05").as_unit("ms"))
    valid = dict.fromkeys(REPORTS, fleet.table()) | {"growth": days, "headroom": fleet.coverage}
    drawn = {f"chart {name}": REPORTS[name][0](valid[name]) for name in REPORTS if f"chart {name}" in CHARTS}
    own = pd.DataFrame({"serial": ["a1", "a2"], "owner": ["me", "you"]})
    multi = pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")]))
    return {**valid, **drawn, "pivot_tags": fleet.tags, "own": own, "empty": pd.DataFrame(), "multi": multi}


def check_answer(name: str, given: object) -> None:
    """Fail if a function raises anything but an error of ours that names what is missing and the right call."""
    call, columns, source = TAKERS[name]
    found = list(given.columns) if isinstance(given, pd.DataFrame) else []
    missing = [column for column in columns if column not in found]
    message = ""
    try:
        call(given)
    except InvalidInput as error:
        message = str(error)
    assert not missing or all(column in message for column in [*missing, source]), message
    assert not message or source in message or any(each in message for each in OF_VALUES), message


@pytest.mark.parametrize("name", TAKERS)
def test_frame_of_another_kind_is_answered(frames: dict[str, pd.DataFrame], name: str) -> None:
    TAKERS[name][0](frames[name])
    for other in random.sample([*frames.values()], 4):  # another sample in each run
        check_answer(name, other)
    for other in [
        frames["own"],
        frames["multi"],
        None,
        [1],
        {"a": 1},
        "fleet.csv",
        frames["own"]["owner"],
        pd.DataFrame,
    ]:
        check_answer(name, other)


def _change(frame: pd.DataFrame, change: str, column: str) -> pd.DataFrame:
    match change:
        case "drop":
            return frame.drop(columns=column)
        case "text":
            return frame.astype({column: "str"})
        case "number":
            return frame.assign(**{column: range(len(frame))})
        case "missing":
            return frame.assign(**{column: None})
        case "twice":
            return pd.concat([frame, frame[[column]]], axis=1)
    return frame.iloc[:0]


@settings(max_examples=30)
@given(st.data())
def test_changed_frame_is_used_or_answered(frames: dict[str, pd.DataFrame], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(TAKERS)))
    frame = frames[name]
    for change in data.draw(
        st.lists(st.sampled_from(["drop", "text", "number", "missing", "twice", "empty"]), min_size=1, max_size=2)
    ):
        columns = [column for column in TAKERS[name][1] if list(frame.columns).count(column) == 1]
        frame = _change(frame, change, data.draw(st.sampled_from(columns)))
    check_answer(name, frame)


@pytest.mark.parametrize("call", [kvs.list_tags, kvs.describe_channel, kvs.get_endpoints])
def test_repeated_columns_are_refused_before_a_call(
    frames: dict[str, pd.DataFrame], call: Callable[..., Any], connection: kvs.Connection
) -> None:
    twice = pd.concat([frames["channel_counts"]] * 2, axis=1)
    with pytest.raises(InvalidInput, match=r"Columns that occur more than once: .*list_channels\(\)"):
        call(twice, connection=connection)
