"""The live table: what it shows, filters, sorts, selects and marks."""

from __future__ import annotations

import time

import pytest

import kvs_notebook as kvs
from kvs_notebook.forms import channel_table
from kvs_notebook.forms.channel_table import ChannelTable, format_age
from kvs_notebook.forms.executor import ContextExecutor


@pytest.fixture(scope="module")
def listed():
    with kvs.Sandbox(clock="stepped", quotas=False) as sandbox:
        sandbox.seed()
        connection = sandbox.connection()
        return kvs.list_channels(tags=True, connection=connection), connection.now()


@pytest.fixture
def fleet(listed):
    return listed[0].copy()


@pytest.fixture
def executor():
    with ContextExecutor() as threads:
        yield threads


@pytest.mark.parametrize(
    ("prefix", "text"),
    [
        (None, "No channels in this account and region."),
        ("roof-", "No channel in this account and region has a name that begins with roof-."),
    ],
)
def test_channels_are_absent_only_where_they_were_listed(fleet, executor, prefix, text):
    def said():
        return table.table.view["empty"]

    table = ChannelTable(executor, prefix=prefix)
    not_listed = "The channels of this account and region were not listed yet."
    table.render()
    assert said() == not_listed
    table.show(fleet)
    assert said() == "No channel matches the filter."
    table.change_source("another region")
    assert said() == not_listed
    table.show(fleet, "the region before")
    assert said() == not_listed
    table.show(fleet.head(0), "another region")
    assert said() == text


@pytest.fixture
def table(fleet, listed, executor):
    made = ChannelTable(executor, now=lambda: listed[1])
    made.show(fleet)
    return made


def names(table) -> list[str]:
    """Return the names in the rows that are sent to the browser."""
    return [row["cells"][0]["text"] for row in table.table.view["rows"]]


def headings(table) -> list[str]:
    return [column["heading"] for column in table.table.view["columns"]]


def act(table, do, **message):
    """Do what the browser sends when the user acts."""
    table.table._handle_custom_msg({"do": do, "number": table.table.value + 1, **message}, [])


def arn(table, name) -> str:
    return table.frame.set_index("channel_name")["channel_arn"][name]


def type_filter(table, words) -> None:
    table.filter.value = words
    table.painted.result(20)


def test_table_shows_rows_with_human_headings(table, fleet):
    assert table.shown.equals(fleet)
    assert names(table) == fleet["channel_name"].tolist()
    assert headings(table) == ["Name", "Status", "TTL", "Age", "Env", "Owner", "CostCenter"]
    cells = table.table.view["rows"][1]["cells"]
    assert cells[1:3] == [{"text": "ACTIVE", "status": "ACTIVE"}, "60 s"]
    assert cells[3]["time"] == fleet["creation_time"].iloc[1].isoformat()


def test_only_one_page_is_sent(sandbox, connection, executor):
    sandbox.seed(2_000)
    table = ChannelTable(executor)
    table.show(kvs.list_channels())
    assert (len(table.shown), len(names(table)), table.table.view["total"]) == (2_000, 25, 2_000)
    act(table, "page", page=79)
    assert names(table)[-1] == table.shown["channel_name"].iloc[-1]
    act(table, "page", page=1_000)
    assert table.table.view["page"] == 79
    type_filter(table, "0000003")
    assert (names(table), table.table.view["page"]) == (["device-0000003"], 0)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("FRONT", ["front-door-hq", "front-door-lab"]),
        ("front lab", ["front-door-lab"]),
        ("front nothing", []),
        ("active robot 15", ["warehouse-robot-07", "warehouse-robot-08", "warehouse-robot-09"]),
        ("-tag:Owner", ["test-jchen"]),
    ],
)
def test_filter_keeps_rows_that_match_every_term(table, words, wanted):
    type_filter(table, words)
    assert table.shown["channel_name"].tolist() == wanted
    assert names(table) == wanted


def test_pasted_arn_finds_its_channel(table):
    type_filter(table, arn(table, "parking-south"))
    assert names(table) == ["parking-south"]


def test_status_is_filtered_by_its_list_of_choices(table, fleet):
    table.show(fleet.assign(channel_status=["DELETING", *["ACTIVE"] * 10]))
    table.status.value = "DELETING"
    table.painted.result(20)
    assert names(table) == fleet["channel_name"].tolist()[:1]


def test_fast_typing_ends_in_last_filter(table):
    for typed in ("f", "fr", "front", "front-door-l"):
        table.filter.value = typed
    table.painted.result(20)
    assert table.shown["channel_name"].tolist() == ["front-door-lab"]


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("channel_name", "baby-monitor-demo", "warehouse-robot-09"),
        ("age", "baby-monitor-demo", "front-door-hq"),
        ("tag:Owner", "test-jchen", "warehouse-robot-09"),  # those without the tag come first
    ],
)
def test_heading_sorts_both_ways_and_keeps_the_selection(table, key, first, last):
    table.select("parking-north")
    act(table, "sort", key=key)
    assert (names(table)[0], names(table)[-1]) == (first, last)
    act(table, "sort", key=key)
    assert names(table)[-1] == first
    assert table.selected["channel_name"].tolist() == ["parking-north"]


def test_selection_survives_new_rows_and_filter(table, fleet):
    heard = []
    table.on_select(lambda: heard.append(table.selected["channel_name"].tolist()))
    table.select("parking-north")
    table.show(fleet.iloc[3:].reset_index(drop=True))
    type_filter(table, "front")
    assert table.selected["channel_name"].tolist() == ["parking-north"], "it is filtered away, not unselected"
    type_filter(table, "")
    assert [row["selected"] for row in table.table.view["rows"]].count(True) == 1
    assert heard == [["parking-north"]]


def test_removed_channel_is_deselected(table, fleet):
    heard = []
    table.select("parking-north", "parking-south")
    table.on_select(lambda: heard.append(table.selected["channel_name"].tolist()))
    table.show(fleet[fleet["channel_name"] != "parking-north"].reset_index(drop=True))
    assert heard == [["parking-south"]]


def test_user_selects_one_several_a_range_and_all(table, fleet):
    act(table, "only", id=arn(table, "front-door-hq"))
    act(table, "toggle", id=arn(table, "parking-north"))
    assert table.selected["channel_name"].tolist() == ["front-door-hq", "parking-north"]
    act(table, "extend", id=arn(table, "test-jchen"))
    assert table.selected["channel_name"].tolist() == ["front-door-hq", "parking-north", "parking-south", "test-jchen"]
    act(table, "toggle", id=arn(table, "parking-north"))
    act(table, "all")
    assert len(table.selected) == len(fleet)
    assert table.table.view["all"]
    act(table, "all")
    assert table.selected.empty
    act(table, "extend", id=arn(table, "front-door-lab"), **{"from": arn(table, "front-door-hq")})
    assert table.selected["channel_name"].tolist() == ["front-door-hq", "front-door-lab"]


def test_last_action_number_tells_browser_that_action_was_processed(table):
    act(table, "only", id=arn(table, "front-door-hq"))
    act(table, "page", page=0)
    assert table.table.value == 2


def test_user_opens_a_row_which_selects_it(table):
    opened = []
    table.table.on_open(opened.append)
    act(table, "open", id=arn(table, "parking-north"))
    assert opened == [arn(table, "parking-north")]
    assert table.selected["channel_name"].tolist() == ["parking-north"]


def test_changed_and_new_rows_are_marked_for_a_while(table, fleet, monkeypatch):
    assert not [row for row in table.table.view["rows"] if row["marked"]]
    ttl = fleet["message_ttl_seconds"].where(fleet["channel_name"] != "parking-north", 99)
    table.show(fleet.assign(message_ttl_seconds=ttl))
    marked = [row["cells"][0]["text"] for row in table.table.view["rows"] if row["marked"]]
    assert marked == ["parking-north"]
    now = time.monotonic
    monkeypatch.setattr(channel_table.time, "monotonic", lambda: now() + channel_table.SECONDS_MARKED)
    table.show(table.frame)
    assert not [row for row in table.table.view["rows"] if row["marked"]]


def test_reading_tags_marks_no_row(table, fleet):
    table.show(fleet[[column for column in fleet if not column.startswith("tag:")]])
    table.show(fleet)
    assert not [row for row in table.table.view["rows"] if row["marked"]]


def test_columns_of_tags_stay_in_place_while_tags_change(table, fleet):
    before = headings(table)
    table.show(fleet.assign(**{"tag:Owner": "ops", "tag:Aisle": "7"}))
    assert headings(table) == before
    assert table.all_columns()[-1] == "tag:Aisle"


def test_columns_can_be_chosen(table):
    table.show_columns(["version", "tag:Site"])
    table.painted.result(20)
    assert headings(table) == ["Name", "Version", "Site"]


def test_missing_values_are_dashes(table, fleet):
    table.show(fleet.assign(version=None, message_ttl_seconds=None, creation_time=None).astype(fleet.dtypes.to_dict()))
    assert table.table.view["rows"][0]["cells"][2:4] == ["-", "-"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (59, "59 s"), (60, "1 min"), (7_200, "2 h"), (86_400, "1 d"), (700 * 86_400, "700 d"), (9e7, "2 y")],
)
def test_age_is_shown_in_its_largest_unit(seconds, text):
    assert format_age(seconds) == text
