"""Rows that meet conditions."""

from __future__ import annotations

import pytest

from kvs_notebook.errors import InvalidInput
from kvs_notebook.plans.selection import count_unread, select_rows
from tests.plans.fleets import Seen, fleet

CHANNELS = fleet([Seen("cam-1", {"Site": "hq"}), Seen("cam-2", {"Site": "lab"}, ttl=90), Seen("gate")])


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        ([], ["cam-1", "cam-2", "gate"]),
        (["Site=hq"], ["cam-1"]),
        (["Site=hq,lab"], ["cam-1", "cam-2"]),
        (["Site="], ["gate"]),
        (["Site=*"], ["cam-1", "cam-2"]),
        (["Site=,hq"], ["cam-1", "gate"]),
        (["tag:Site=hq"], ["cam-1"]),
        (["channel_name=cam-*"], ["cam-1", "cam-2"]),
        (["channel_name=cam-?", "message_ttl_seconds=90"], ["cam-2"]),
        (["Site=HQ"], []),
    ],
)
def test_rows_meet_all_conditions(conditions: list[str], names: list[str]) -> None:
    assert select_rows(CHANNELS, conditions)["channel_name"].tolist() == names


@pytest.mark.parametrize("source", ["failed", "none", None])
@pytest.mark.parametrize("condition", ["Site=", "Site=*", "Site=hq"])
def test_row_with_unread_tags_meets_no_condition_on_a_tag(source: str | None, condition: str) -> None:
    channels = CHANNELS.assign(tags_source=source)
    assert select_rows(channels, [condition]).empty
    assert count_unread(channels, [condition]) == 3
    assert len(select_rows(channels, ["channel_name=*"])) == 3
    assert count_unread(channels, ["channel_name=*"]) == 0


@pytest.mark.parametrize("condition", ["site=hq", "Site", "=hq", ""])
def test_invalid_conditions_name_the_columns(condition: str) -> None:
    with pytest.raises(InvalidInput, match="Expected COLUMN=VALUE with one of: channel_name.*Site"):
        select_rows(CHANNELS, [condition])
