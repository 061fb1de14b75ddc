"""The console: a live table, the forms around it, and how often it lists."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.tags import tags_of_channel
from kvs_notebook.dataframes.builders import empty
from kvs_notebook.dataframes.schemas import CHANNELS
from kvs_notebook.forms import channel_poller, console_view
from kvs_notebook.forms.channel_poller import ChannelPoller
from kvs_notebook.forms.executor import ContextExecutor


def eventually(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def console(sandbox, connection):
    sandbox.seed()
    opened = kvs.forms.console()
    opened.future.result(20)
    return opened


def test_it_shows_the_channels(console):
    assert console.table.shown.equals(kvs.list_channels())
    assert console.status.text == "11 channels."


def test_a_prefix_narrows_it(sandbox, connection):
    sandbox.seed()
    assert len(kvs.forms.console("front").future.result(20)) == 2


def test_a_channel_that_a_form_creates_comes_into_the_table(console):
    form = console.open_form("Create")
    form.name.value = "a-new-one"
    form.submit.click()
    form.future.result(20)
    eventually(lambda: "a-new-one" in set(console.table.shown["channel_name"]))


def test_the_selected_channel_is_the_one_that_the_forms_act_on(console):
    console.table.select("parking-north")
    form = console.open_form("Update")
    assert form.future.result(20)["channel_name"].item() == "parking-north"
    console.table.select("parking-south")
    assert form.future.result(20)["channel_name"].item() == "parking-south"
    assert console.open_form("Endpoints").channel.value == "parking-south"
    tags = console.open_form("Tags")
    assert tags.future.result(20)["channel_name"].item() == "parking-south"
    assert tags.tags.value


@pytest.mark.parametrize("name", ["Update", "Tags", "Delete"])
def test_of_two_rows_selected_in_haste_the_forms_load_the_second(sandbox, console, name):
    form = console.open_form(name)
    sandbox.faults.add("DescribeSignalingChannel", "delay", seconds=0.3)
    console.table.select("loading-dock-1")
    console.table.select("warehouse-robot-07")
    assert form.future.result(20)["channel_name"].item() == "warehouse-robot-07"
    assert form.row["channel_name"].item() == "warehouse-robot-07"
    if name == "Update":
        assert form.message_ttl_seconds.value == "15"
    if name == "Tags":
        assert form.tags.value == tags_of_channel(form.row["channel_arn"].item(), console.connection)


def test_create_update_and_delete_are_seen_in_the_table(console):
    form = console.open_form("Create")
    form.name.value = "gate"
    form.submit.click()
    form.future.result(20)
    eventually(lambda: "gate" in set(console.table.shown["channel_name"]))
    console.table.select("gate")
    form = console.open_form("Update")
    form.future.result(20)
    form.message_ttl_seconds.value = 99
    form.submit.click()
    form.future.result(20)
    eventually(lambda: console.table.selected["message_ttl_seconds"].item() == 99)
    form = console.open_form("Delete")
    form.future.result(20)
    form.confirmation.value = "gate"
    form.submit.click()
    form.future.result(20)
    eventually(lambda: "gate" not in set(console.table.shown["channel_name"]))
    eventually(lambda: console.table.selected.empty)


def test_what_is_shown_is_saved(console, tmp_path):
    console.table.filter.value = "parking"
    console.table.painted.result(20)
    console.file.value = str(tmp_path / "parking.csv")
    console.save.click()
    eventually(lambda: not console.save.disabled)
    assert console.status.text == f"Saved 2 rows to {tmp_path / 'parking.csv'}."
    assert kvs.read_csv(tmp_path / "parking.csv").equals(console.table.shown)


def test_what_was_filtered_a_moment_ago_is_what_is_saved(console, tmp_path):
    console.file.value = str(tmp_path / "parking.csv")
    with console.table._lock:  # so that it is not painted yet
        console.table.filter.value = "parking"
        console.save.click()
    assert len(console.saved.result(20)) == 2
    assert len(kvs.read_csv(tmp_path / "parking.csv")) == 2


def test_a_file_that_cannot_be_written_is_said(console, tmp_path):
    console.file.value = str(tmp_path / "nowhere" / "channels.csv")
    console.save.click()
    eventually(lambda: not console.save.disabled)
    assert console.status.role == "alert"
    assert "Can't write" in console.status.text
    assert "Nothing was changed" not in console.status.text


def test_a_listing_that_fails_is_said_and_the_table_stays(sandbox, console):
    sandbox.deny("kinesisvideo:List*")
    assert isinstance(console.refresh().exception(20), errors.AccessDenied)
    assert console.status.role == "alert"
    assert console.status.text.endswith("Press Refresh to list again.")
    assert len(console.table.shown) == 11
    sandbox.clear_denials()
    assert len(console.refresh().result(20)) == 11
    eventually(lambda: console.status.role == "status")


def test_connecting_elsewhere_shows_what_is_there(sandbox, console):
    update = console.open_form("Update")
    form = console.open_form("Connection")
    with kvs.use_sandbox() as other:
        other.seed()
        form.profile.value = console_view.ConnectionForm(connection=console.connection).profile.options[0][1]
        form.region.value = "ap-southeast-2"
        form.submit.click()
        made = form.future.result(20)
        assert console.connection is made
        eventually(lambda: set(console.table.shown["region"]) == {"ap-southeast-2"})
        assert console.open_form("Update") is not update
        assert console.open_form("Update").connection is made
        console.future.result(20)


def test_connecting_where_nothing_may_be_listed_shows_no_channels_of_elsewhere(sandbox, console):
    form = console.open_form("Connection")
    with kvs.use_sandbox() as other:
        other.seed()
        other.deny("kinesisvideo:List*")
        form.profile.value = console_view.ConnectionForm(connection=console.connection).profile.options[0][1]
        form.submit.click()
        form.future.result(20)
        assert isinstance(console.future.exception(20), errors.AccessDenied)
        assert console.table.shown.empty
        eventually(lambda: console.status.role == "alert")
        assert "previous listing" not in console.status.text


def test_a_listing_of_the_connection_before_is_not_shown_after_connecting(sandbox, console, monkeypatch):
    begun, go_on, listed = threading.Event(), threading.Event(), console_view.list_channels
    there = console.connection

    def slow(prefix, *, connection):
        frame = listed(prefix, connection=connection)
        if connection is there:
            begun.set()
            assert go_on.wait(20)
        return frame

    monkeypatch.setattr(console_view, "list_channels", slow)
    late = console.refresh()
    assert begun.wait(20)
    form = console.open_form("Connection")
    with kvs.use_sandbox() as other:
        other.deny("kinesisvideo:List*")
        form.profile.value = console_view.ConnectionForm(connection=console.connection).profile.options[0][1]
        form.submit.click()
        form.future.result(20)
        go_on.set()
        assert len(late.result(20)) == 11
        assert isinstance(console.future.exception(20), errors.AccessDenied)
        assert console.table.shown.empty


@pytest.mark.parametrize("name", ["Create", "Update", "Endpoints"])
def test_a_form_that_was_opened_while_it_connects_is_opened_anew_on_the_new_connection(console, monkeypatch, name):
    begun, go_on, asked = threading.Event(), threading.Event(), Connection.identity

    def slow(connection):
        if connection is not console.connection:
            begun.set()
            assert go_on.wait(20)
        return asked(connection)

    form = console.open_form("Connection")
    with kvs.use_sandbox() as other:
        other.seed()
        monkeypatch.setattr(Connection, "identity", slow)
        form.profile.value = console_view.ConnectionForm(connection=console.connection).profile.options[0][1]
        form.submit.click()
        assert begun.wait(20)
        before = console.open_form(name)
        go_on.set()
        made = form.future.result(20)
        assert console.form is not before
        assert console.form.connection is made
        assert console._form_area.children == (console.form,)
        console.future.result(20)
        console.table.select(console.table.shown["channel_name"].iloc[0])
        if name != "Create":
            assert console.form.channel.value == console.table.selected["channel_name"].item()
        if console.form.future is not None:
            console.form.future.result(20)


def test_a_form_that_cannot_be_opened_is_said(console, monkeypatch):
    monkeypatch.setitem(console_view._FORMS, "Create", lambda **_: 1 / 0)
    console.actions["Create"].click()
    assert console.status.role == "alert"
    assert console.status.text == "ZeroDivisionError: division by zero"


def test_two_consoles_work_side_by_side(console):
    other = kvs.forms.console("front")
    other.future.result(20)
    other.table.select("front-door-hq")
    assert console.table.selected.empty
    assert len(console.table.shown) == 11


# --- how often it lists


def lists(sandbox) -> int:
    return int((sandbox.requests["operation"] == "ListSignalingChannels").sum())


def test_without_a_transition_it_lists_once(sandbox, console):
    assert lists(sandbox) == 1
    console.refresh().result(20)
    assert lists(sandbox) == 2


def test_it_lists_on_while_a_channel_is_in_transition_and_at_most_once_a_second(connection):
    slow = kvs.Assumptions(creating_seconds=3_600)
    with kvs.Sandbox(assumptions=slow, quotas=False) as sandbox:
        kvs.create_channel("gate", wait=False, connection=sandbox.connection())
        console = kvs.forms.console(connection=sandbox.connection())
        console.future.result(20)
        assert console.status.text == "1 channel, 1 in transition."
        # When each began, not when it arrived: one that was held up on its way is close to the next.
        begun = {console._poller._last_start}
        eventually(lambda: bool(begun.add(console._poller._last_start)) or lists(sandbox) >= 3)
        sandbox.advance(3_600)
        eventually(lambda: bool(begun.add(console._poller._last_start)) or console.status.text == "1 channel.")
        times = sorted(begun)
        assert len(times) >= 2
        assert min(after - before for before, after in pairwise(times)) >= 0.95


@pytest.mark.parametrize(("kind", "again"), [("throttle", True), ("error", True), ("reset", True), ("denied", False)])
def test_a_listing_that_fails_in_the_middle_of_a_transition_is_tried_again_where_that_may_help(connection, kind, again):
    slow = kvs.Assumptions(creating_seconds=3_600)
    with kvs.Sandbox(assumptions=slow, quotas=False) as sandbox:
        there = sandbox.connection()
        there.rate_limiter.sleep = lambda _: None
        kvs.create_channel("gate", wait=False, connection=there)
        console = kvs.forms.console(connection=there)
        console.future.result(20)
        sandbox.faults.add("ListSignalingChannels", kind, times=None)
        eventually(lambda: console.status.role == "alert")
        sandbox.faults.clear()
        sandbox.advance(3_600)
        eventually(lambda: not console._poller._is_running)
        assert (console.status.text == "1 channel.") is again


def test_it_stops_when_nothing_shows_it_any_more_and_goes_on_when_something_does(connection):
    slow = kvs.Assumptions(creating_seconds=3_600)
    with kvs.Sandbox(assumptions=slow, quotas=False) as sandbox:
        kvs.create_channel("gate", wait=False, connection=sandbox.connection())
        console = kvs.forms.console(connection=sandbox.connection())
        console._view_count = 1  # as the browser says it
        eventually(lambda: lists(sandbox) >= 2)
        console._view_count = 0
        eventually(lambda: not console._poller._is_running)
        seen = lists(sandbox)
        console._view_count = 1
        eventually(lambda: lists(sandbox) > seen)


def test_what_is_stuck_is_not_looked_at_for_ever(monkeypatch, connection):
    monkeypatch.setattr(channel_poller, "STUCK_AFTER_SECONDS", 0.0)
    slow = kvs.Assumptions(creating_seconds=3_600)
    with kvs.Sandbox(assumptions=slow, quotas=False) as sandbox:
        kvs.create_channel("gate", wait=False, connection=sandbox.connection())
        console = kvs.forms.console(connection=sandbox.connection())
        console.future.result(20)
        eventually(lambda: not console._poller._is_running)
        assert lists(sandbox) == 1


def test_those_who_ask_at_once_share_a_listing(monkeypatch):
    monkeypatch.setattr(channel_poller, "SECONDS_BETWEEN_LISTS", 0.0)
    go, begun, calls = threading.Event(), threading.Event(), []

    def list_once():
        calls.append(1)
        begun.set()
        assert go.wait(20)
        return empty(CHANNELS)

    with ContextExecutor() as executor:
        poller = ChannelPoller(list_once, calls.append, executor)
        first = poller.request()
        assert begun.wait(20)
        second, third = poller.request(), poller.request()
        go.set()
        assert second is third is not first
        assert first.result(20).empty
        assert second.result(20).empty
        assert len(calls) == 2
        poller.close()
        assert poller.request().cancelled()


def test_a_console_that_is_closed_lists_no_more(sandbox, console):
    console.close()
    eventually(lambda: not console._poller._is_running)  # its future is there a moment before its thread has ended
    assert lists(sandbox) == 1


def test_closing_a_console_ends_its_threads(sandbox, connection):
    before = set(threading.enumerate())
    opened = kvs.forms.console()
    opened.open_form("Create")
    opened.future.result(20)
    opened.table.filter.value = "front"
    mine = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("kvs-form")]
    assert mine
    opened.close()
    for thread in mine:
        thread.join(20)
        assert not thread.is_alive()


def test_a_change_survives_closing_its_console(sandbox, console):
    form = console.open_form("Create")
    sandbox.faults.add("CreateSignalingChannel", "delay", seconds=0.5)
    form.name.value = "gate"
    form.submit.click()
    console.close()
    assert form.future.result(20)["channel_name"].item() == "gate"


def test_a_call_that_hangs_blocks_neither_the_table_nor_other_forms(sandbox, console, monkeypatch):
    begun, go_on, tags_of = threading.Event(), threading.Event(), tags_of_channel

    def slow(arn, connection):
        begun.set()
        assert go_on.wait(20)
        return tags_of(arn, connection)

    monkeypatch.setattr("kvs_notebook.forms.tags_form.tags_of_channel", slow)
    console.table.select("parking-north")
    tags = console.open_form("Tags")
    assert begun.wait(20)
    assert console.open_form("Update").future.result(20)["channel_name"].item() == "parking-north"
    assert len(console.refresh().result(20)) == 11
    console.table.filter.value = "parking"
    console.table.painted.result(20)
    assert not tags.future.done()
    go_on.set()
    tags.future.result(20)
