"""Rows that meet conditions."""

from __future__ import annotations

import pytest

from kvs_notebook.errors import InvalidInput
from kvs_notebook.plans.selection import select_rows
from tests.plans.fleets import Seen, fleet

CHANNELS = fleet([Seen("cam-1", {"Site": "hq"}), Seen("cam-2", {"Site": "lab"}, ttl=90), Seen("gate")])


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        ([], ["cam-1", "cam-2", "gate"]),
        (["Site=hq"], ["cam-1"]),
        (["Site=hq,lab"], ["cam-1", "cam-2"]),
        (["Site="], ["gate"]),
        (["tag:Site=hq"], ["cam-1"]),
        (["channel_name=cam-*"], ["cam-1", "cam-2"]),
        (["channel_name=cam-?", "message_ttl_seconds=90"], ["cam-2"]),
        (["Site=HQ"], []),
    ],
)
def test_rows_meet_all_conditions(conditions: list[str], names: list[str]) -> None:
    assert select_rows(CHANNELS, conditions)["channel_name"].tolist() == names


@pytest.mark.parametrize("condition", ["site=hq", "Site", "=hq", ""])
def test_invalid_conditions_name_the_columns(condition: str) -> None:
    with pytest.raises(InvalidInput, match="Expected COLUMN=VALUE with one of: channel_name.*Site"):
        select_rows(CHANNELS, [condition])
