"""The console: a live table, the forms around it, and how often it lists."""

from __future__ import annotations

import re
import threading
from itertools import pairwise, product
from types import SimpleNamespace

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.channels.tag_reader import read_tags_of
from kvs_notebook.channels.tags import tags_of_channel
from kvs_notebook.forms import channel_listing, channel_poller, console_view, panel, tag_cache
from kvs_notebook.forms.connection_form import SANDBOX
from kvs_notebook.forms.tag_cache import TagCache
from tests.forms.python_words import PYTHON
from tests.forms.waiting import eventually

# A console takes 0.4 s of CPU. All tests of forms run where they are named on the command line, as in .ci/run.
pytestmark = pytest.mark.draw_tests(24)


@pytest.fixture(autouse=True)
def journals(tmp_path, monkeypatch):
    """Keep the journals of bulk changes out of the checkout."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def console(sandbox, connection):
    sandbox.seed()
    opened = kvs.forms.console()
    opened.future.result(20)
    return opened


def shown_in(widget) -> set:
    """Return a widget and all widgets in it that are shown."""
    if widget.layout.display == "none":
        return set()
    return {widget}.union(*(shown_in(child) for child in getattr(widget, "children", ())))


def names(console) -> list[str]:
    return console.table.shown["channel_name"].tolist()


def test_console_shows_channels_with_their_tags(console):
    assert console.table.shown.equals(kvs.list_channels(tags=True))
    assert "Channels (11)" in console.title.value
    assert re.search(r"as of \d\d:\d\d:\d\d UTC", console.title.value)
    assert console.status.text == ""


def test_prefix_limits_channels(sandbox, connection):
    sandbox.seed()
    assert len(kvs.forms.console("front").future.result(20)) == 2


def test_forms_act_on_selected_channel(console):
    console.table.select("parking-north")
    form = console.open_form("TTL")
    assert form.future.result(20)["channel_name"].item() == "parking-north"
    console.table.select("parking-south")
    assert console.form.future.result(20)["channel_name"].item() == "parking-south"
    assert console.open_form("Endpoints").channel.value == "parking-south"
    tags = console.open_form("Tags")
    assert tags.future.result(20)["channel_name"].item() == "parking-south"
    assert tags.tags.value
    shown = shown_in(tags)
    assert not {tags.header, tags.channel} & shown, "the console has a header and a selection"
    assert {tags.submit, tags.load} <= shown


@pytest.mark.parametrize("name", ["TTL", "Tags", "Delete"])
def test_fast_second_selection_wins(sandbox, console, name):
    console.table.select("parking-north")
    console.open_form(name)
    sandbox.faults.add("DescribeSignalingChannel", "delay", seconds=0.3)
    console.table.select("loading-dock-1")
    console.table.select("warehouse-robot-07")
    form = console.form
    assert form.future.result(20)["channel_name"].item() == "warehouse-robot-07"
    assert form.row["channel_name"].item() == "warehouse-robot-07"
    assert "warehouse-robot-07" in console.panel._title.value
    if name == "TTL":
        assert form.message_ttl_seconds.value == "15"
    if name == "Tags":
        assert form.tags.value == tags_of_channel(form.row["channel_arn"].item(), console.connection)


def test_table_follows_the_life_of_a_channel(console):
    form = console.open_form("Create")
    form.name.value = "gate"
    form.submit.click()
    form.future.result(20)
    eventually(lambda: "gate" in names(console))
    console.table.select("gate")
    form = console.open_form("TTL")
    form.future.result(20)
    form.message_ttl_seconds.value = 99
    form.submit.click()
    form.future.result(20)
    eventually(lambda: console.table.selected["message_ttl_seconds"].item() == 99)
    form = console.open_form("Tags")
    form.future.result(20)
    form.tags.value = {"Owner": "ops"}
    form.submit.click()
    form.future.result(20)
    eventually(lambda: console.table.selected["tag:Owner"].item() == "ops")
    form = console.open_form("Delete")
    form.future.result(20)
    form.confirmation.value = "gate"
    form.submit.click()
    form.future.result(20)
    eventually(lambda: "gate" not in names(console))
    eventually(lambda: console.table.selected.empty)
    assert console.panel.is_open, "it still shows how it went"
    told = [outcome.message.split()[:2] for _, outcome in console.activity.outcomes]
    assert told == [["Deleted", "gate"], ["Changed", "the"], ["Updated", "gate"], ["Created", "gate"]]


def test_details_follow_the_listing(console, connection):
    console.table.select("parking-north")
    details = console.open_form("Details")
    assert "<td>60 s</td>" in details.value
    kvs.update_channel("parking-north", message_ttl_seconds=99)
    console.refresh().result(20)
    assert "<td>99 s</td>" in details.value


def test_downloaded_text_holds_the_shown_rows(console, tmp_path):
    with console.table._lock:  # so that it is not painted yet
        console.table.filter.value = "parking"
        waiting = console._executor.submit(console.csv_text)
    path = tmp_path / "parking.csv"
    path.write_text(waiting.result(20), encoding="utf-8", newline="")
    assert kvs.read_csv(path).equals(console.table.shown)
    assert names(console) == ["parking-north", "parking-south"]
    console.table.status.value = "CREATING"
    console.clear_filter.click()
    console.table.painted.result(20)
    eventually(lambda: len(names(console)) == 11)
    eventually(lambda: console.clear_filter.disabled)


def test_bar_says_what_can_be_done_with_the_selection(console):
    def enabled() -> list[str]:
        return [name for name, button in console.bar.buttons.items() if not button.disabled]

    assert enabled() == []
    console.table.select("parking-north")
    assert enabled() == ["TTL", "Tags", "Endpoints", "Live", "Delete"]
    console.table.select("parking-north", "parking-south")
    assert enabled() == ["TTL", "Tags", "Delete"]
    console.table.filter.value = "north"
    console.table.painted.result(20)
    assert "2 selected (1 not shown by the filter)" in console.bar._count.value
    console.bar.clear.click()
    assert enabled() == []


def test_selection_of_two_threads_is_counted_whole(console, monkeypatch):
    begun, overtaken, show = threading.Event(), threading.Event(), console.bar.show

    def slow(count, hidden):
        if count == 1:
            begun.set()
            overtaken.wait(0.3)  # another thread must not show a later selection meanwhile
        show(count, hidden)
        overtaken.set()

    monkeypatch.setattr(console.bar, "show", slow)
    first = threading.Thread(target=console.table.select, args=["parking-north"])
    first.start()
    assert begun.wait(20)
    console.table.select("parking-north", "parking-south")
    first.join(20)
    assert "2 selected" in console.bar._count.value


def test_form_without_a_selection_says_to_select(console):
    with pytest.raises(errors.InvalidInput, match="Select one in the table, then open TTL"):
        console.open_form("TTL")
    with pytest.raises(errors.InvalidInput, match="Expected one of: Create, Details"):
        console.open_form("Update")


# --- several channels


def apply_bulk(console, name, **fields):
    form = console.open_form(name)
    for field, value in fields.items():
        getattr(form, field).value = value
    if fields:
        form.submit.click()
    form.future.result(20)
    return form.plan_form


def test_ttl_of_several_channels_is_previewed_and_applied(sandbox, console):
    console.table.select("parking-north", "parking-south", "test-jchen")
    plan_form = apply_bulk(console, "TTL", message_ttl_seconds="75")
    assert "UpdateSignalingChannel" not in set(sandbox.requests["operation"])
    assert console.form.status.text == "Preview: 3 channels will be changed. Nothing was sent yet."
    shown = plan_form.table.table.view
    assert [column["heading"] for column in shown["columns"]] == ["Name", "Status", "Change"]
    assert shown["rows"][0]["cells"] == ["parking-north", "ready", "TTL: 60 s → 75 s"]
    assert plan_form.submit.description == "Apply to 3 channels"
    plan_form.submit.click()
    assert plan_form.future.result(30).counts["done"] == 3
    assert console.form.status.text == "Status is the outcome of each channel."
    eventually(lambda: set(console.table.selected["message_ttl_seconds"]) == {75})
    (outcome,) = [each for _, each in console.activity.outcomes]
    assert outcome.message.startswith("3 channels: message TTL 75. Applied: 3 done;")
    assert not {plan_form.submit, plan_form.resume} & shown_in(plan_form), "there is nothing left to do"


def test_tags_of_several_channels_are_set_and_removed(console):
    console.table.select("parking-north", "test-jchen")
    kvs.tag_channel("parking-north", {"Gate": ""})
    plan_form = apply_bulk(console, "Tags", tags={"Owner": "ops"}, removed="Site, CostCenter, Gate")
    assert [row["cells"][::2] for row in plan_form.table.table.view["rows"]] == [
        ["parking-north", "Owner: facilities → ops"],
        ["parking-north", "CostCenter: removed, was 0042"],
        ["parking-north", "Gate: removed, was ''"],
        ["parking-north", "Site: removed, was Boston HQ"],
        ["test-jchen", "Owner: set to ops"],
        *(["test-jchen", f"{key}: not set"] for key in ("CostCenter", "Gate", "Site")),
    ]
    assert console.form.status.text == "Preview: 2 channels will be changed. Nothing was sent yet."
    plan_form.submit.click()
    plan_form.future.result(30)
    eventually(lambda: set(console.table.selected["tag:Owner"]) == {"ops"})
    assert console.table.selected["tag:Site"].isna().all()


@pytest.mark.parametrize(("count", "phrase"), [(3, "delete 3"), (11, "delete 11 of 11")])
def test_several_channels_are_deleted_after_their_phrase(sandbox, console, count, phrase):
    console.table.select(*names(console)[:count])
    plan_form = apply_bulk(console, "Delete")
    assert f"Preview: {count} channels will be deleted." in console.form.status.text
    shown = plan_form.table.table.view
    assert [column["heading"] for column in shown["columns"]] == ["Name", "Status", "Age", "Tags"]
    alone = kvs.forms.delete_channel(names(console)[0])
    alone.future.result(20)
    for cell in shown["rows"][0]["cells"]:
        assert cell == "ready" or cell in alone.details.value, "as the form of one channel shows it"
    plan_form.phrase.value = "delete 2"
    plan_form.submit.click()
    assert isinstance(plan_form.future.exception(20), errors.InvalidInput)
    assert f"type: {phrase}" in plan_form.status.text
    assert "DeleteSignalingChannel" not in set(sandbox.requests["operation"])
    plan_form.phrase.value = phrase
    plan_form.submit.click()
    assert plan_form.future.result(30).counts["done"] == count
    eventually(lambda: len(console.table.frame) == 11 - count)


def test_interrupted_bulk_change_is_resumed(sandbox, console):
    console.table.select("parking-north", "parking-south")
    plan_form = apply_bulk(console, "Tags", tags={"Owner": "ops"})
    sandbox.deny("kinesisvideo:TagResource")
    plan_form.submit.click()
    assert plan_form.future.result(30).counts["failed"]
    assert plan_form.status.role == "alert"
    assert console.activity.outcomes[0][1].word == "Incomplete"
    assert plan_form.resume in shown_in(plan_form)
    assert plan_form.submit not in shown_in(plan_form), "its run has begun: Resume continues it"
    sandbox.clear_denials()
    plan_form.resume.click()
    assert plan_form.future.result(30).counts["done"] == 2
    assert plan_form.resume not in shown_in(plan_form)
    assert [outcome.word for _, outcome in console.activity.outcomes] == ["Done", "Incomplete"]


def test_refused_and_vanished_channels_are_named_before_anything_is_sent(console, connection):
    kvs.tag_channel("parking-north", {"aws-managed": "x"})
    kvs.delete_channel("parking-south", wait=True)
    console.table.select("parking-north", "parking-south", "test-jchen")
    kvs.update_channel("test-jchen", message_ttl_seconds=75)
    plan_form = apply_bulk(console, "TTL", message_ttl_seconds="75")
    assert plan_form.submit.description == "Apply to 1 channel"
    assert "1 as wanted already" in console.form.status.text
    assert "1 no longer there" in console.form.status.text


def test_several_fields_are_kept_for_another_selection_of_several(console):
    console.table.select("parking-north", "parking-south")
    form = console.open_form("TTL")
    form.message_ttl_seconds.value = "75"
    form.submit.click()
    form.future.result(20)
    console.table.select("parking-north", "parking-south", "test-jchen")
    assert console.form is form
    assert form.message_ttl_seconds.value == "75"
    assert form.plan_form is None, "the preview was of other channels"
    assert len(form.channels) == 3


def test_panel_stays_with_a_running_bulk_change(sandbox, console):
    sandbox.faults.add("UpdateSignalingChannel", "delay", times=None, seconds=0.3)
    console.table.select("parking-north", "parking-south")
    plan_form = apply_bulk(console, "TTL", message_ttl_seconds="75")
    plan_form.submit.click()
    eventually(lambda: plan_form.is_running)
    console.table.select("test-jchen")
    assert console.panel.question.startswith("The change of 2 channels is running.")
    assert console.form.plan_form is plan_form
    assert plan_form.future.result(30).counts["done"] == 2


@pytest.mark.parametrize(("count", "shown"), [(3, False), (11, True)])
def test_preview_has_a_filter_if_not_all_steps_are_seen(console, count, shown):
    console.table.select(*names(console)[:count])
    plan_form = apply_bulk(console, "TTL", message_ttl_seconds="75")
    assert (plan_form.table.filter in shown_in(plan_form)) is shown


# --- edits


def fill_ttl(form):
    form.message_ttl_seconds.value = "75"


def fill_name(form):
    form.confirmation.value = "parking-north"


@pytest.mark.parametrize(("name", "fill"), [("TTL", fill_ttl), ("Delete", fill_name)])
def test_button_that_a_conflict_asks_for_is_shown(console, connection, name, fill):
    console.table.select("parking-north")
    form = console.open_form(name)
    form.future.result(20)
    kvs.update_channel("parking-north", message_ttl_seconds=33)
    fill(form)
    form.submit.click()
    assert isinstance(form.future.exception(20), errors.VersionMismatch)
    assert "press Load" in form.status.text
    assert form.load in shown_in(console)
    form.load.click()
    form.future.result(20)
    fill(form)
    form.submit.click()
    form.future.result(20)
    assert form.status.role == "status"


def edit_ttl(console, name="parking-north"):
    console.table.select(name)
    form = console.open_form("TTL")
    form.future.result(20)
    form.message_ttl_seconds.value = "75"
    return form


def test_selecting_another_row_asks_and_keeps_the_edits(console):
    form = edit_ttl(console)
    console.table.select("parking-south")
    assert console.panel.question == "parking-north has edits that were not applied: message TTL 75."
    assert console.form is form
    assert form.message_ttl_seconds.value == "75"
    console.panel.keep.click()
    assert console.table.selected["channel_name"].tolist() == ["parking-north"]
    assert (console.panel.question, form.message_ttl_seconds.value) == ("", "75")


def test_edits_are_discarded_only_when_the_user_says_so(console):
    edit_ttl(console)
    console.table.select("parking-south")
    console.panel.discard.click()
    assert console.form.future.result(20)["channel_name"].item() == "parking-south"
    assert console.form.message_ttl_seconds.value == "60"
    assert console.panel.question == ""


def test_edits_survive_other_tabs_closing_and_creating(console):
    form = edit_ttl(console)
    console.open_form("Details")
    console.panel.close_panel()
    create = console.open_form("Create")
    create.name.value = "gate"
    console.table.select("parking-south")
    assert console.form is create, "the panel follows only when it shows a channel"
    console.table.select("parking-north")
    assert console.open_form("TTL") is form
    assert form.message_ttl_seconds.value == "75"
    assert console.open_form("Create").name.value == "gate"


@pytest.fixture
def console_of_environment(sandbox, connection, monkeypatch):
    """Return a console whose connection is created again after its credentials have failed."""
    sandbox.seed()
    for name, value in sandbox.environment({}).items():
        monkeypatch.setenv(name, value)
    set_current(None)
    opened = kvs.forms.console()
    opened.future.result(20)
    return opened


def test_edits_survive_expired_credentials(sandbox, console_of_environment):
    console, expired = console_of_environment, console_of_environment.connection
    form = edit_ttl(console)
    sandbox.faults.add("UpdateSignalingChannel", "expired")
    form.submit.click()
    assert isinstance(form.future.exception(20), errors.ExpiredCredentials)
    eventually(lambda: console.connection is not expired)
    console.future.result(20)
    assert console.form is form
    assert form.message_ttl_seconds.value == "75"
    assert console.table.selected["channel_name"].tolist() == ["parking-north"]
    form.submit.click()
    assert form.future.result(20)["message_ttl_seconds"].item() == 75


def test_bulk_change_is_resumed_after_expired_credentials(sandbox, console_of_environment):
    console, expired = console_of_environment, console_of_environment.connection
    console.table.select("parking-north", "parking-south")
    plan_form = apply_bulk(console, "TTL", message_ttl_seconds="75")
    sandbox.faults.add("*", "expired", times=None)
    plan_form.submit.click()
    assert plan_form.future.result(20).counts["done"] == 0
    sandbox.faults.clear()
    console.refresh().result(20)
    eventually(lambda: console.connection is not expired)
    assert console.form.plan_form is plan_form
    plan_form.resume.click()
    assert plan_form.future.result(20).counts["done"] == 2


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
    create = console.open_form("Create")
    form = console.open_form("Connection")
    with kvs.use_sandbox() as other:
        other.seed()
        form.profile.value = SANDBOX
        form.future.result(20)
        form.region.value = "ap-southeast-2"
        made = form.future.result(20)
        assert console.connection is made
        eventually(lambda: set(console.table.shown["region"]) == {"ap-southeast-2"})
        assert console.form is not create, "the open form is opened again"
        assert console.form.connection is made
        assert form.submit.layout.display == "none"
        console.future.result(20)


def test_alias_of_a_real_account_is_read_after_the_table(real_account):
    real_account.seed(account_alias="acme-prod")
    console = kvs.forms.console()
    console.future.result(20)
    eventually(lambda: "acme-prod</span>" in console.header.account.value)
    console.header.form.region.value = "eu-west-1"
    console.header.form.future.result(20)
    console.future.result(20)
    assert "acme-prod</span>" in console.header.account.value
    asked = real_account.requests["operation"].tolist()
    assert asked.count("ListAccountAliases") == 1
    assert asked.index("ListAccountAliases") > asked.index("ListSignalingChannels")


@pytest.mark.draw(2)
@pytest.mark.parametrize("problem", ["denied", "unreachable", "no alias", "hangs"])
def test_console_without_alias_shows_account_only(real_account, caplog, problem):
    real_account.seed(account_alias=None if problem == "no alias" else "acme-prod")
    if problem == "denied":
        real_account.deny("iam:*")
    elif problem != "no alias":
        kind, seconds = ("reset", 0) if problem == "unreachable" else ("delay", 3_600)
        real_account.faults.add("ListAccountAliases", kind, times=None, seconds=seconds)
    caplog.set_level("INFO", "kvs_notebook")
    console = kvs.forms.console()
    assert len(console.future.result(20)) == 11
    eventually(lambda: console.header.account.named is not None)
    if problem != "hangs":
        console.header.account.named.result(20)
        logged = [each.levelname for each in caplog.records if "alias is not shown" in each.getMessage()]
        assert logged == ([] if problem == "no alias" else ["INFO"])
    assert "account 111122223333" in console.header.account.value
    assert not re.search('kvs-alias"|kvs-error"|acme', console.header.account.value)
    assert (console.status.text, console.header.form.status.text) == ("", "")
    assert not console.connection.credentials_failed


def test_open_column_menu_keeps_its_boxes(console):
    console.columns.button.click()
    before = console.columns.children
    kvs.tag_channel("test-jchen", {"Aisle": "7"})
    console.refresh().result(20)
    assert console.columns.children == (*before, console.columns.boxes["tag:Aisle"])


def test_region_selector_keeps_the_session_and_its_settings(sandbox, connection):
    sandbox.seed()
    mine = sandbox.connection().replace(share=0.25)
    console = kvs.forms.console(connection=mine)
    console.future.result(20)
    console.header.form.region.value = "eu-west-1"
    made = console.header.form.future.result(20)
    assert (made.region, made.config.share, made.config.session) == ("eu-west-1", 0.25, mine.config.session)
    eventually(lambda: set(console.future.result(20)["region"]) == {"eu-west-1"})


def test_connecting_asks_before_edits_are_lost(console):
    edit_ttl(console)
    form = console.header.form
    form.region.value = "eu-west-1"
    assert isinstance(form.future.exception(20), errors.InvalidInput)
    assert "TTL: message TTL 75. Send them first, or press Connect again" in form.status.text
    assert form.submit.layout.display == ""
    assert console.connection.region == "us-east-1"
    form.submit.click()
    assert form.future.result(20).region == "eu-west-1"
    assert not console.panel.is_open


PLACES = ["us-east-1", "eu-west-1", "eu-west-2"]


@pytest.mark.parametrize("chosen", [*product(["eu-west-1"], PLACES, PLACES[1:])])
def test_only_the_connect_button_discards_edits(console, chosen):
    """Choosing the region in use again takes the choice back; choosing another one asks about that one."""
    edited, header = edit_ttl(console), console.header.form
    console.panel.close_panel()
    for region in chosen:
        before = header.region.value
        header.region.value = region
        if region == "us-east-1":
            assert header.status.text == ""
            assert header.submit.layout.display == "none"
        elif region != before:
            assert isinstance(header.future.exception(20), errors.InvalidInput)
            assert "press Connect again" in header.status.text
    assert console.connection.region == "us-east-1"
    assert console.open_form("TTL") is edited
    assert edited.message_ttl_seconds.value == "75"
    header.submit.click()
    assert header.future.result(20).region == header.region.value
    assert console.connection.region == chosen[-1]


def test_choosing_the_region_in_use_stops_connecting(console, slow_identity):
    header = console.header.form
    before = console.connection
    header.region.value = "eu-west-1"
    assert slow_identity.begun.wait(20)
    header.region.value = "us-east-1"
    slow_identity.go_on.set()
    header.future.result(20)
    assert console.connection is header.connection is before
    assert (header.region.value, header.status.text) == ("us-east-1", "")


def test_region_without_channels_is_counted_after_connecting(sandbox, console):
    form = console.open_form("Connection")
    titles = []
    console.title.observe(lambda change: titles.append(change["new"]), "value")
    form.region.value = "eu-west-3"
    form.future.result(20)
    console.future.result(20)
    eventually(lambda: "Channels (0)" in console.title.value)
    assert titles, "until the region is listed, no number is shown, neither that of the region before nor 0"
    assert all("Channels</h2>" in title and "reading..." in title for title in titles[:-1])
    assert "as of" in titles[-1]
    assert console.table.table.view["empty"] == "No channels in this account and region."


def test_denied_listing_after_connecting_empties_table(sandbox, console):
    form = console.open_form("Connection")
    with kvs.use_sandbox() as other:
        other.seed()
        other.deny("kinesisvideo:List*")
        form.profile.value = SANDBOX
        form.future.result(20)
        assert isinstance(console.future.exception(20), errors.AccessDenied)
        assert console.table.shown.empty
        eventually(lambda: console.status.role == "alert")
        assert "previous listing" not in console.status.text
        assert "not listed yet" in console.table.table.view["empty"]
        assert "Channels</h2>" in console.title.value
        assert "not read" in console.title.value
        other.clear_denials()
        console.refresh().result(20)
        eventually(lambda: "Channels (11)</h2>" in console.title.value)


def test_late_listing_of_previous_connection_is_ignored(sandbox, console, monkeypatch):
    begun, go_on, listed = threading.Event(), threading.Event(), channel_listing.list_channels
    there = console.connection

    def slow(prefix, *, connection):
        frame = listed(prefix, connection=connection)
        if connection is there:
            begun.set()
            assert go_on.wait(20)
        return frame

    monkeypatch.setattr(channel_listing, "list_channels", slow)
    late = console.refresh()
    assert begun.wait(20)
    form = console.open_form("Connection")
    with kvs.use_sandbox() as other:
        other.deny("kinesisvideo:List*")
        form.profile.value = SANDBOX
        form.future.result(20)
        go_on.set()
        assert len(late.result(20)) == 11
        assert isinstance(console.future.exception(20), errors.AccessDenied)
        assert console.table.shown.empty


def test_live_tab_follows_the_selection_and_ends_its_calls(console):
    console.table.select("parking-north")
    first = console.open_form("Live")
    assert repr(first.view) == "<LiveView: viewer of parking-north, stopped>"
    console.open_form("Details")
    assert console.open_form("Live") is first  # its timeline and state stay
    console.table.select("parking-south")
    assert console.form.view is not first.view
    assert repr(console.form.view) == "<LiveView: viewer of parking-south, stopped>"
    assert first.view.comm is None
    console.table.select("parking-north", "parking-south")
    assert console.form is not None
    assert console.panel.tabs["Live"].layout.display == "none"


@pytest.mark.parametrize("name", ["Create", "TTL"])
def test_form_opened_while_connecting_gets_new_connection(console, slow_identity, name):
    slow_identity.concerns = lambda connection: connection is not console.connection
    form = console.open_form("Connection")
    with kvs.use_sandbox() as other:
        other.seed()
        form.profile.value = SANDBOX
        assert slow_identity.begun.wait(20)
        console.table.select("parking-north")
        before = console.open_form(name)
        slow_identity.go_on.set()
        made = form.future.result(20)
        eventually(lambda: name != "Create" or console.form is not before)
        console.future.result(20)
        console.table.select("parking-north")
        opened = console.open_form(name)
        assert opened.connection is made
        if opened.future is not None:
            opened.future.result(20)


def test_form_that_fails_to_open_is_shown(console, monkeypatch):
    monkeypatch.setattr(panel, "CreateForm", lambda **_: 1 / 0)
    console.create_button.click()
    assert console.status.role == "alert"
    assert console.status.text == "ZeroDivisionError: division by zero."


def test_two_consoles_work_side_by_side(console):
    other = kvs.forms.console("front")
    other.future.result(20)
    other.table.select("front-door-hq")
    assert console.table.selected.empty
    assert len(console.table.shown) == 11


# --- how often it lists


def lists(sandbox) -> int:
    return int((sandbox.requests["operation"] == "ListSignalingChannels").sum())


def is_settled(console) -> bool:
    return set(console.table.frame["channel_status"]) == {"ACTIVE"}


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
        assert "Channels (1)" in console.title.value
        # When each began, not when it arrived: one that was held up on its way is close to the next.
        begun = {console._listing._poller._last_start}
        eventually(lambda: bool(begun.add(console._listing._poller._last_start)) or lists(sandbox) >= 3)
        sandbox.advance(3_600)
        eventually(lambda: bool(begun.add(console._listing._poller._last_start)) or is_settled(console))
        times = sorted(begun)
        assert len(times) >= 2
        assert min(after - before for before, after in pairwise(times)) >= 0.95


@pytest.mark.draw(2)
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
        eventually(lambda: not console._listing._poller._is_running)
        assert is_settled(console) is again


def test_hidden_console_pauses_until_shown_again(connection):
    slow = kvs.Assumptions(creating_seconds=3_600)
    with kvs.Sandbox(assumptions=slow, quotas=False) as sandbox:
        kvs.create_channel("gate", wait=False, connection=sandbox.connection())
        console = kvs.forms.console(connection=sandbox.connection())
        console._view_count = 1  # as the browser says it
        eventually(lambda: lists(sandbox) >= 2)
        console._view_count = 0
        eventually(lambda: not console._listing._poller._is_running)
        seen = lists(sandbox)
        console._view_count = 1
        eventually(lambda: lists(sandbox) > seen)


def see(console, seconds_later=60):
    """Do what the browser does while it shows a console that was listed some time ago."""
    console._listing._listed_at -= seconds_later
    console._listing._tags._next_reading -= seconds_later
    console._refresh_timer._handle_custom_msg("seen", [])


def test_visible_console_lists_again(sandbox, console, connection):
    kvs.create_channel("a-late-one", connection=connection)
    see(console)
    assert "a-late-one" in set(console.future.result(20)["channel_name"])
    eventually(lambda: "Channels (12)" in console.title.value)
    seen = lists(sandbox)
    see(console, seconds_later=1)  # a second view of the same console
    assert lists(sandbox) == seen


def test_visible_console_shows_every_change_of_another_client(console, connection):
    kvs.update_channel("parking-north", message_ttl_seconds=33)
    kvs.delete_channel("parking-south")
    kvs.tag_channel("test-jchen", {"Owner": "ops"})
    kvs.untag_channel("front-door-hq", ["Site"])
    kvs.create_channel("gate", tags={"Floor": "2"})
    see(console)
    console.future.result(20)
    assert console.table.shown.equals(kvs.list_channels(tags=True))
    changed = {"parking-north", "test-jchen", "front-door-hq", "gate"}
    arns = console.table.table._marked
    assert set(console.table.frame.set_index("channel_arn")["channel_name"].reindex(list(arns))) == changed


def test_listing_while_visible_keeps_selection_edits_and_messages(sandbox, console, connection):
    console.table.select("front-door-hq")
    update = console.open_form("TTL")
    update.future.result(20)
    update.message_ttl_seconds.value = "99"
    kvs.create_channel("a-late-one", connection=connection)
    see(console)
    console.future.result(20)
    assert console.table.selected["channel_name"].tolist() == ["front-door-hq"]
    assert update.message_ttl_seconds.value == "99"
    assert "TTL: message TTL 99" in console.panel.unapplied_edits()
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
    eventually(lambda: "kvs-stale" not in console.table._dom_classes and not console.status.text)


def test_stuck_transition_stops_listing(monkeypatch, connection):
    monkeypatch.setattr(channel_poller, "STUCK_AFTER_SECONDS", 0.0)
    slow = kvs.Assumptions(creating_seconds=3_600)
    with kvs.Sandbox(assumptions=slow, quotas=False) as sandbox:
        kvs.create_channel("gate", wait=False, connection=sandbox.connection())
        console = kvs.forms.console(connection=sandbox.connection())
        console.future.result(20)
        eventually(lambda: not console._listing._poller._is_running)
        assert lists(sandbox) == 1


def test_closed_console_stops_listing(sandbox, console):
    console.close()
    eventually(
        lambda: not console._listing._poller._is_running
    )  # its future is there a moment before its thread has ended
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
    assert console.open_form("TTL").future.result(20)["channel_name"].item() == "parking-north"
    assert len(console.refresh().result(20)) == 11
    console.table.filter.value = "parking"
    console.table.painted.result(20)
    assert not tags.future.done()
    go_on.set()
    tags.future.result(20)


# --- tags


@pytest.mark.parametrize(("reading_seconds", "is_read"), [(0.01, True), (2.0, True), (4.0, False)])
def test_each_refresh_reads_tags_unless_that_takes_long(connection, monkeypatch, reading_seconds, is_read):
    now = [100.0]
    monkeypatch.setattr(tag_cache, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def read(*arguments):
        now[0] += reading_seconds
        return read_tags_of(*arguments)

    monkeypatch.setattr(tag_cache, "read_tags_of", read)
    arns = [kvs.create_channel("gate")["channel_arn"].item()]
    cache, began = TagCache(), now[0]
    assert cache.read(arns, connection)
    now[0] = began + console_view.SECONDS_BETWEEN_REFRESHES
    cache.request(if_old=True)
    assert cache.read(arns, connection) is is_read


def tag_calls(sandbox) -> int:
    return int(sandbox.requests["operation"].isin(["ListTagsForResource", "GetResources"]).sum())


def test_console_reads_no_tags_while_it_follows_transition(connection):
    slow = kvs.Assumptions(creating_seconds=3_600)
    with kvs.Sandbox(assumptions=slow, quotas=False) as sandbox:
        kvs.create_channel("gate", wait=False, connection=sandbox.connection())
        console = kvs.forms.console(connection=sandbox.connection())
        eventually(lambda: lists(sandbox) >= 2)
        console.close()
        assert tag_calls(sandbox) == 1


def test_unreadable_tags_leave_the_channels_and_say_why(sandbox, console):
    before = console.table.frame
    for operation in ("ListTagsForResource", "GetResources"):
        sandbox.faults.add(operation, "expired", times=None)
    console.refresh().result(20)
    eventually(lambda: console.status.role == "alert")
    assert console.status.text.startswith("The tags were not read. ")
    assert not PYTHON.search(console.status.text)
    assert console.table.shown["tag:Owner"].equals(before["tag:Owner"]), "what was read before is still shown"
    sandbox.faults.clear()
    console.refresh().result(20)
    eventually(lambda: console.status.text == "")


def test_console_reads_tags_of_channel_that_it_has_changed(sandbox, console):
    console.table.select("parking-north")
    form = console.open_form("Tags")
    form.future.result(20)
    form.tags.value = {"Owner": "ops"}
    form.submit.click()
    form.future.result(20)
    eventually(lambda: console.table.selected["tag:Owner"].item() == "ops")
