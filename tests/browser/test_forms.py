"""The forms in JupyterLab, used by label and role, with the keyboard."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

import kvs_notebook as kvs

pytestmark = pytest.mark.draw_tests(1)

NAME = "Channel name"
TTL = "Message TTL in seconds"
CHANNEL = "Channel (name or ARN)"
DISCONNECTED = "This form is not connected to a kernel."


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until an element has the focus, as a user without a mouse does."""
    wanted.wait_for()
    expect(wanted).to_be_enabled()  # Tab passes over a button that waits for what was just typed
    element = wanted.element_handle()
    for _ in range(80):
        is_shown, is_focused = element.evaluate("element => [element.isConnected, element === document.activeElement]")
        if is_focused:
            return
        if is_shown:
            page.keyboard.press("Tab")
        else:
            element = wanted.element_handle()  # the form has drawn another one
    raise AssertionError(f"Tab does not reach {wanted}")


def fill(page: Page, label: str, text: str) -> None:
    tab_to(page, page.get_by_label(label, exact=True))
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def press(page: Page, name: str, key: str = "Enter") -> None:
    tab_to(page, page.get_by_role("button", name=name, exact=True))
    page.keyboard.press(key)


def status(page: Page, text: str) -> Locator:
    return page.get_by_role("status").filter(has_text=text)


def alert(page: Page, text: str) -> Locator:
    return page.get_by_role("alert").filter(has_text=text)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def cells(page: Page) -> int:
    return page.locator(".jp-Notebook .jp-Cell").count()


# --- each form, with the keyboard only


PLAN = """import kvs_notebook as kvs
kvs.forms.plan(kvs.plans.tag(kvs.list_channels(tags=True), {"Site": "hq"}), "changes/hq")"""


def test_keyboard_applies_a_plan_after_its_phrase(notebook, sandbox, connection):
    sandbox.seed(6)
    page = notebook.run(PLAN)
    fill(page, "Filter (words in any column)", "0000003")
    page.get_by_text(re.compile("rows 1.1 of 1$")).wait_for()
    phrase = "change 6 in 111122223333 us-east-1"
    fill(page, f"To apply, type: {phrase}", "change 7")
    expect(page.locator(".kvs-invalid")).to_contain_text("This is not the phrase of this plan.")
    expect(page.get_by_role("button", name="Apply plan")).to_be_disabled()
    fill(page, f"To apply, type: {phrase}", phrase)
    page.keyboard.press("Enter")
    status(page, "Applied: 6 done").wait_for()
    page.get_by_role("cell", name="done", exact=True).wait_for()
    assert set(kvs.list_tags(kvs.list_channels(connection=connection), connection=connection)["value"]) == {"hq"}


def test_create_with_two_tags_takes_three_clicks(notebook, sandbox, connection):
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.create_channel()")
    page.get_by_label(NAME, exact=True).click()
    page.keyboard.type("front door")
    page.keyboard.press("Enter")
    alert(page, "Not sent. Correct the field marked in red: Channel name.").wait_for()
    expect(page.locator(".kvs-invalid")).to_contain_text("Channel name 'front door': ' ' is not allowed.")
    expect(page.get_by_label(NAME, exact=True)).to_have_accessible_description(re.compile("1 to 256.*is not allowed"))
    assert not sandbox.requests["operation"].str.startswith("Create").any()
    page.keyboard.press("Control+a")
    page.keyboard.type("front-door")
    expect(page.locator(".kvs-invalid")).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    for number, (key, value) in enumerate([("Owner", "ops"), ("Site", "hq")], start=1):
        page.get_by_role("button", name="Add tag").click()
        expect(page.get_by_label(f"Tag {number} key")).to_be_focused()
        page.keyboard.type(key)
        page.keyboard.press("Tab")
        page.keyboard.type(value)
    page.keyboard.press("Enter")
    expect(status(page, "Created front-door in")).to_contain_text(re.compile(r"Done \d\d:\d\d:\d\d UTC"))
    channels = kvs.list_channels(tags=True, connection=connection)
    assert channels[["channel_name", "tag:Owner", "tag:Site"]].values.tolist() == [["front-door", "ops", "hq"]]
    line = "kvs.create_channel('front-door', tags={'Owner': 'ops', 'Site': 'hq'})"
    page.get_by_text(line).wait_for(state="hidden")
    page.get_by_text("Python", exact=True).click()
    page.get_by_text(line).wait_for()
    press(page, "Copy Python")
    page.get_by_role("button", name="Copied").wait_for()
    fill(page, NAME, "")
    page.keyboard.press("Control+v")
    expect(page.get_by_label(NAME, exact=True)).to_have_value(line)
    assert cells(page) == 1


def test_keyboard_updates_a_message_ttl_and_sees_a_conflict(notebook, connection):
    kvs.create_channel("front-door", connection=connection)
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.update_channel()")
    fill(page, CHANNEL, "front-door")
    page.keyboard.press("Enter")
    expect(page.get_by_label(TTL)).to_have_value("60")
    fill(page, TTL, "4")
    page.locator(".kvs-error", has_text="4 is out of range: 5 to 120 seconds.").wait_for()
    fill(page, TTL, "75")
    page.keyboard.press("Enter")
    status(page, "its message TTL is 75 s, it is ACTIVE").wait_for()
    theirs = kvs.update_channel("front-door", message_ttl_seconds=33, connection=connection)
    fill(page, TTL, "90")
    press(page, "Update channel", "Space")
    expect(alert(page, "Nothing was changed.")).to_contain_text("VersionMismatchException")
    page.get_by_role("row", name="you saw 75 s").wait_for()
    page.get_by_role("row", name=f"is there now 33 s {theirs['version'].item()} ACTIVE").wait_for()
    page.get_by_role("row", name="you wanted 90 s").wait_for()
    assert kvs.describe_channel("front-door", connection=connection).equals(theirs)
    press(page, "Load")
    status(page, "Loaded front-door").wait_for()
    press(page, "Update channel")
    status(page, "its message TTL is 90 s").wait_for()


def test_submit_uses_text_that_was_typed_before_the_click(notebook, connection):
    kvs.create_channel("front-door", connection=connection)
    page = notebook.run(
        "import time\nimport kvs_notebook as kvs\nform = kvs.forms.update_channel('front-door')\nform.future.result()\n"
        "text = form.message_ttl_seconds.input\n"
        "text.comm.on_msg(lambda message: (time.sleep(1), text._handle_msg(message)))  # a slow kernel\nform"
    )
    expect(page.get_by_label(TTL)).to_have_value("60")
    fill(page, TTL, "90")  # the 0 is sent after the 9 was received, to another thread of the kernel than the click
    press(page, "Update channel")
    status(page, "its message TTL is 90 s, it is ACTIVE").wait_for()
    assert kvs.describe_channel("front-door", connection=connection)["message_ttl_seconds"].item() == 90


def test_delete_requires_the_channel_name(notebook, connection):
    kvs.create_channel("front-door", tags={"Site": "hq"}, connection=connection)
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.delete_channel('front-door')")
    page.get_by_role("row", name="Tags Site=hq").wait_for()
    fill(page, "Type the channel's name to delete it", "front-doo")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Delete channel")).to_be_disabled()
    page.keyboard.type("x")
    expect(page.locator(".kvs-invalid")).to_contain_text("Type front-door to delete it")
    assert len(kvs.list_channels(connection=connection)) == 1
    page.keyboard.press("Backspace")
    page.keyboard.type("r")
    page.keyboard.press("Enter")
    status(page, "it is gone").wait_for()
    assert len(kvs.list_channels(connection=connection)) == 0


def test_keyboard_adds_changes_and_removes_tags(notebook, connection):
    kvs.create_channel("front-door", tags={"Owner": "ops", "Site": "hq"}, connection=connection)
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.edit_tags('front-door')")
    expect(page.get_by_label("Tag 2 key")).to_have_value("Site")
    fill(page, "Tag 2 value", "annex")
    press(page, "Remove tag 1")
    press(page, "Add tag")
    expect(page.get_by_label("Tag 2 key")).to_be_focused()
    page.keyboard.type("Env")
    fill(page, "Tag 2 value", "prod")
    page.get_by_text("To apply: set Env=prod, set Site=annex, remove Owner.").wait_for()
    press(page, "Apply tags")
    status(page, "Changed the tags of front-door: set Env=prod").wait_for()
    tags = kvs.list_tags("front-door", connection=connection)
    assert dict(zip(tags["key"], tags["value"], strict=True)) == {"Env": "prod", "Site": "annex"}


def test_keyboard_looks_up_endpoints_and_reaches_no_cell(notebook, connection):
    kvs.create_channel("front-door", connection=connection)
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.get_endpoints()", "1 + 1")
    for wanted in (
        page.get_by_role("button", name="Get endpoints"),
        page.get_by_label("Role"),
        page.get_by_label("Protocol WSS"),
        page.get_by_label(CHANNEL),
    ):
        tab_to(page, wanted)
        for key in ("b", "a", "d", "d", "x"):
            page.keyboard.press(key)
        assert cells(page) == 2
        assert wanted.evaluate("element => element === document.activeElement")
    expect(page.get_by_label(CHANNEL)).to_have_value("baddx")
    fill(page, CHANNEL, "front-door")
    tab_to(page, page.get_by_label("Role"))
    page.keyboard.press("Home")
    expect(page.get_by_label("Role")).to_have_value("MASTER")
    tab_to(page, page.get_by_label("Protocol HTTPS"))
    page.keyboard.press("Space")
    press(page, "Get endpoints")
    page.get_by_role("row", name="WSS wss://127.0.0.1:").wait_for()
    expect(page.get_by_role("row", name="HTTPS")).to_have_count(0)
    press(page, "Try it as a VIEWER")
    status(page, "Connected to front-door as VIEWER kvs-notebook-probe and disconnected").wait_for()


def test_keyboard_makes_a_connection(notebook):
    page = notebook.run("import kvs_notebook as kvs\nform = kvs.forms.connection()\nform")
    tab_to(page, page.get_by_label("Profile"))
    page.keyboard.press("Home")
    tab_to(page, page.get_by_label("Region"))
    page.keyboard.type("eu-west-1")
    expect(page.get_by_label("Region")).to_have_value("eu-west-1")
    press(page, "Connect")
    status(page, "Started a sandbox with a fleet to look at, in eu-west-1").wait_for()
    expect(page.locator(".kvs-header")).to_contain_text("account 111122223333")


# --- busy, stopped, refused, gone


def test_busy_form_can_be_left_and_shows_its_outcome(notebook, sandbox, connection):
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.create_channel()")
    stop = page.get_by_role("button", name="Stop waiting")
    stop.wait_for(state="hidden")
    sandbox.faults.add("CreateSignalingChannel", "delay", seconds=3)
    fill(page, NAME, "front-door")
    button = page.get_by_role("button", name="Create channel")
    button.dblclick()
    status(page, "Creating front-door...").wait_for()
    expect(button).to_be_disabled()
    stop.click()
    status(page, "The request was already sent and cannot be cancelled").wait_for()
    stop.wait_for(state="hidden")
    status(page, "Meanwhile: Created front-door in").wait_for()
    assert (sandbox.requests["operation"] == "CreateSignalingChannel").sum() == 1
    sandbox.deny("kinesisvideo:Create*")
    fill(page, NAME, "")
    page.keyboard.insert_text("a" * 256)
    page.keyboard.press("Enter")
    refusal = alert(page, "Nothing was changed. CreateSignalingChannel failed for aaa")
    expect(refusal).to_contain_text("Ask for this action in the IAM policy")
    expect(refusal).to_contain_text(re.compile(r"Failed \d\d:\d\d:\d\d UTC"))
    expect(button).to_be_enabled()
    form = page.locator(".kvs-form")
    assert form.evaluate("element => element.scrollWidth <= element.clientWidth"), "256 letters keep the layout"
    fill(page, NAME, "b")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_restarted_kernel_and_reopened_notebook_show_what_to_run(notebook, sandbox):
    sandbox.seed(2)
    page = notebook.run("import kvs_notebook as kvs", "kvs.forms.console()", PLAN, "kvs.forms.create_channel()")
    disconnected = page.get_by_text(DISCONNECTED).filter(visible=True)
    sandbox.faults.add("CreateSignalingChannel", "delay", seconds=3)
    fill(page, NAME, "front-door")
    page.keyboard.press("Enter")
    status(page, "Creating front-door...").wait_for()
    page = notebook.reopen(lambda: wait_until(lambda: "CreateSignalingChannel" in set(sandbox.requests["operation"])))
    status(page, "Created front-door in").wait_for()
    expect(disconnected).to_have_count(0)

    sandbox.faults.add("CreateSignalingChannel", "delay", seconds=3)
    fill(page, NAME, "back-door")
    page.keyboard.press("Enter")
    status(page, "Creating back-door...").wait_for()
    notebook.restart_kernel_by_menu()
    expect(disconnected).to_have_count(3)
    advice = "If this line stays, run the cell again and look for back-door in the list of channels"
    status(page, advice).wait_for()

    notebook.reopen_with_another_kernel()
    expect(disconnected).to_have_count(3)
    expect(page.get_by_text("Error displaying widget").filter(visible=True)).to_have_count(0)
    notebook.follow_disconnected_advice()
    page.get_by_label(NAME, exact=True).wait_for()
    expect(disconnected).to_have_count(0)


# --- hostile input, read-only


HOSTILE = "<img/src=x/onerror=document.body.remove()>"


def test_html_in_input_and_profile_names_is_text(notebook, sandbox, tmp_path):
    config = tmp_path / "config"
    config.write_text(f"[profile {HOSTILE}]\nregion = us-east-1\n", encoding="utf-8")
    page = notebook.run(
        "import os\nimport kvs_notebook as kvs\nsandbox = kvs.Sandbox()\nkept = os.environ['AWS_CONFIG_FILE']",
        f"os.environ['AWS_CONFIG_FILE'] = {str(config)!r}",
        "kvs.forms.connection(connection=sandbox.connection())",
        "kvs.forms.create_channel(connection=sandbox.connection())",
        undo="os.environ['AWS_CONFIG_FILE'] = kept\nsandbox.stop()",
    )
    fill(page, NAME, HOSTILE)
    page.locator(".kvs-error", has_text="onerror=document.body.remove()").first.wait_for()
    expect(page.get_by_label("Profile").locator("option")).to_contain_text(["sandbox", "default", "onerror"])
    assert page.locator(".kvs-form img").count() == 0


def test_read_only_form_is_disabled_and_names_allow_changes(notebook, sandbox):
    page = notebook.run(
        "from kvs_notebook.aws import identity\nkept, identity.SANDBOX_USER = identity.SANDBOX_USER, 'not the sandbox'",
        "import kvs_notebook as kvs\nkvs.forms.create_channel()",
        undo="identity.SANDBOX_USER = kept",
    )
    expect(page.get_by_label(NAME)).to_be_disabled()
    expect(page.get_by_role("button", name="Create channel")).to_be_disabled()
    expect(page.get_by_role("button", name="Add tag")).to_be_disabled()
    expect(page.locator(".kvs-header")).to_contain_text(re.compile(r"real account, read-only.*allow_changes=True"))
