"""The console: a live table, the forms around it, and how often it lists."""

from __future__ import annotations

import re
import threading
from itertools import pairwise

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.tags import tags_of_channel
from kvs_notebook.forms import channel_poller, console_view
from tests.forms.waiting import eventually


@pytest.fixture
def console(sandbox, connection):
    sandbox.seed()
    opened = kvs.forms.console()
    opened.future.result(20)
    return opened


def test_console_shows_channels(console):
    assert console.table.shown.equals(kvs.list_channels())
    assert console.status.text == "11 channels."


def test_prefix_limits_channels(sandbox, connection):
    sandbox.seed()
    assert len(kvs.forms.console("front").future.result(20)) == 2


def test_created_channel_appears_in_table(console):
    form = console.open_form("Create")
    form.name.value = "a-new-one"
    form.submit.click()
    form.future.result(20)
    eventually(lambda: "a-new-one" in set(console.table.shown["channel_name"]))


def test_forms_act_on_selected_channel(console):
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
def test_fast_second_selection_wins(sandbox, console, name):
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


def test_table_follows_create_update_and_delete(console):
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


def test_save_writes_shown_rows(console, tmp_path):
    console.table.filter.value = "parking"
    console.table.painted.result(20)
    console.file.value = str(tmp_path / "parking.csv")
    console.save.click()
    eventually(lambda: not console.save.disabled)
    assert console.status.text == f"Saved 2 rows to {tmp_path / 'parking.csv'}."
    assert kvs.read_csv(tmp_path / "parking.csv").equals(console.table.shown)


def test_save_waits_for_pending_filter(console, tmp_path):
    console.file.value = str(tmp_path / "parking.csv")
    with console.table._lock:  # so that it is not painted yet
        console.table.filter.value = "parking"
        console.save.click()
    assert len(console.saved.result(20)) == 2
    assert len(kvs.read_csv(tmp_path / "parking.csv")) == 2


def test_unwritable_file_is_shown(console, tmp_path):
    console.file.value = str(tmp_path / "nowhere" / "channels.csv")
    console.save.click()
    eventually(lambda: not console.save.disabled)
    assert console.status.role == "alert"
    assert "Can't write" in console.status.text
    assert "Nothing was changed" not in console.status.text


def test_failed_listing_keeps_table(sandbox, console):
    sandbox.deny("kinesisvideo:List*")
    assert isinstance(console.refresh().exception(20), errors.AccessDenied)
    assert console.status.role == "alert"
    assert console.status.text.endswith("Press Refresh to list again.")
    assert len(console.table.shown) == 11
    sandbox.clear_denials()
    assert len(console.refresh().result(20)) == 11
    eventually(lambda: console.status.role == "status")


def test_connecting_elsewhere_lists_its_channels(sandbox, console):
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


def test_region_without_channels_is_counted_after_connecting(sandbox, console):
    assert console.status.text == "11 channels."
    assert re.fullmatch(r"Read at \d\d:\d\d:\d\d UTC", console.read_at.value)
    form = console.open_form("Connection")
    with kvs.use_sandbox():
        form.profile.value = console_view.ConnectionForm(connection=console.connection).profile.options[0][1]
        form.region.value = "eu-west-3"
        form.submit.click()
        form.future.result(20)
        console.future.result(20)
        eventually(lambda: console.status.text == "0 channels.")


def test_denied_listing_after_connecting_empties_table(sandbox, console):
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


def test_late_listing_of_previous_connection_is_ignored(sandbox, console, monkeypatch):
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
def test_form_opened_while_connecting_gets_new_connection(console, monkeypatch, name):
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


def test_form_that_fails_to_open_is_shown(console, monkeypatch):
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


def test_console_lists_once_without_transition(sandbox, console):
    assert lists(sandbox) == 1
    console.refresh().result(20)
    assert lists(sandbox) == 2


def test_console_lists_once_a_second_during_transition(connection):
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
def test_failed_listing_during_transition_retries_transient_errors(connection, kind, again):
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


def test_hidden_console_pauses_until_shown_again(connection):
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


def see(console, seconds_later=60):
    """Do what the browser does while it shows a console that was listed some time ago."""
    console._listed_at -= seconds_later
    console._refresh_timer._handle_custom_msg("seen", [])


def test_visible_console_lists_again(sandbox, console, connection):
    kvs.create_channel("a-late-one", connection=connection)
    see(console)
    assert "a-late-one" in set(console.future.result(20)["channel_name"])
    eventually(lambda: console.status.text == "12 channels.")
    seen = lists(sandbox)
    see(console, seconds_later=1)  # a second view of the same console
    assert lists(sandbox) == seen


def test_listing_while_visible_keeps_selection_edits_and_messages(sandbox, console, connection):
    console.table.select("front-door-hq")
    update = console.open_form("Update")
    update.future.result(20)
    update.message_ttl_seconds.value = "99"
    kvs.create_channel("a-late-one", connection=connection)
    see(console)
    console.future.result(20)
    assert console.table.selected["channel_name"].tolist() == ["front-door-hq"]
    assert update.message_ttl_seconds.value == "99"
    assert "Update" in console._unapplied_edits()
    console.status.alert("Can't write channels.csv.")
    seen = lists(sandbox)
    see(console)
    assert (lists(sandbox), console.status.text) == (seen, "Can't write channels.csv.")


@pytest.mark.parametrize(("kind", "again"), [("error", True), ("denied", False)])
def test_failed_listing_while_visible_greys_the_rows(sandbox, console, kind, again):
    """What fails for good is not asked for again: a provider of credentials may ask its user each time."""
    sandbox.faults.add("ListSignalingChannels", kind, times=None)
    see(console)
    assert console.future.exception(20) is not None
    eventually(lambda: "kvs-stale" in console.table._dom_classes)
    assert len(console.table.shown) == 11
    assert console.status.text.count("The table shows the previous listing.") == 1
    assert "\n" not in console.status.text
    sandbox.faults.clear()
    see(console)
    if not again:
        console.refresh()
    assert len(console.future.result(20)) == 11
    eventually(lambda: "kvs-stale" not in console.table._dom_classes and console.status.text == "11 channels.")


def test_stuck_transition_stops_listing(monkeypatch, connection):
    monkeypatch.setattr(channel_poller, "STUCK_AFTER_SECONDS", 0.0)
    slow = kvs.Assumptions(creating_seconds=3_600)
    with kvs.Sandbox(assumptions=slow, quotas=False) as sandbox:
        kvs.create_channel("gate", wait=False, connection=sandbox.connection())
        console = kvs.forms.console(connection=sandbox.connection())
        console.future.result(20)
        eventually(lambda: not console._poller._is_running)
        assert lists(sandbox) == 1


def test_closed_console_stops_listing(sandbox, console):
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


def test_change_survives_closing_its_console(sandbox, console):
    form = console.open_form("Create")
    sandbox.faults.add("CreateSignalingChannel", "delay", seconds=0.5)
    form.name.value = "gate"
    form.submit.click()
    console.close()
    assert form.future.result(20)["channel_name"].item() == "gate"


def test_hanging_call_blocks_no_other_form(sandbox, console, monkeypatch):
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
