"""The live table: what it shows, filters and selects."""

from __future__ import annotations

import json

import pytest

import kvs_notebook as kvs
from kvs_notebook.forms.channel_table import ChannelTable
from kvs_notebook.forms.executor import ContextExecutor


@pytest.fixture
def fleet(sandbox, connection):
    sandbox.seed()
    return kvs.list_channels()


@pytest.fixture
def executor():
    with ContextExecutor() as threads:
        yield threads


@pytest.fixture
def table(fleet, executor):
    made = ChannelTable(executor)
    made.show(fleet)
    return made


def rows_sent(table) -> list[list[str]]:
    """Return the rows that are sent to the browser."""
    return json.loads(table._table._dt_args["data_json"])


def test_table_sends_every_row_to_browser(table, fleet):
    assert table.shown.equals(fleet)
    assert [row[0] for row in rows_sent(table)] == fleet["channel_name"].tolist()
    assert rows_sent(table)[0][3] == f"{fleet['creation_time'].iloc[0]:%Y-%m-%d %H:%M:%S}"


def test_table_sends_ten_thousand_rows(sandbox, connection, executor):
    sandbox.seed(10_000)
    table = ChannelTable(executor)
    table.show(kvs.list_channels())
    assert len(rows_sent(table)) == 10_000


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("FRONT", ["front-door-hq", "front-door-lab"]),
        ("front lab", ["front-door-lab"]),
        ("front nothing", []),
        ("active robot 15", ["warehouse-robot-07", "warehouse-robot-08", "warehouse-robot-09"]),
    ],
)
def test_filter_keeps_rows_with_every_word(table, words, names):
    table.filter.value = words
    table.painted.result(20)
    assert table.shown["channel_name"].tolist() == names
    assert [row[0] for row in rows_sent(table)] == names


def test_fast_typing_ends_in_last_filter(table):
    for typed in ("f", "fr", "front", "front-door-l"):
        table.filter.value = typed
    table.painted.result(20)
    assert table.shown["channel_name"].tolist() == ["front-door-lab"]


def test_selection_survives_new_rows_and_filter(table, fleet):
    heard = []
    table.on_select(heard.append)
    table.select("parking-north")
    assert table.selected["channel_name"].item() == "parking-north"
    table.show(fleet.iloc[3:].reset_index(drop=True))
    assert table.selected["channel_name"].item() == "parking-north"
    table.filter.value = "front"
    table.painted.result(20)
    assert table.selected["channel_name"].item() == "parking-north", "it is filtered away, not unselected"
    table.filter.value = ""
    table.painted.result(20)
    (row,) = table._table.selected_rows
    assert table.shown["channel_name"].iloc[row] == "parking-north"
    assert heard == ["parking-north"]


def test_removed_channel_is_deselected(table, fleet):
    table.select("parking-north")
    table.show(fleet[fleet["channel_name"] != "parking-north"].reset_index(drop=True))
    assert table.selected.empty
    assert table._table.selected_rows == []


def test_cell_is_escaped(table, fleet):
    table.show(fleet.assign(version="<img src=x onerror=alert(1)>"))
    assert "<img" not in table._table._dt_args["data_json"]


def test_missing_values_are_blank(table, fleet):
    table.show(fleet.assign(version=None, message_ttl_seconds=None, creation_time=None).astype(fleet.dtypes.to_dict()))
    assert rows_sent(table)[0][2:] == ["", "", ""]
