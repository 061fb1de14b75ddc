"""The forms in JupyterLab, used by label and role, with the keyboard."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

import kvs_notebook as kvs

NAME = "Channel name (1 to 256 letters, digits and . _ -)"
TTL = "Message TTL in seconds (5 to 120)"
CHANNEL = "Channel (name or ARN)"


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until an element has the focus, as a user without a mouse does."""
    expect(wanted).to_be_visible()
    for _ in range(80):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
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
    expect(page.get_by_text("Showing 1 to 1 of 1 entry")).to_be_visible()
    press(page, "Apply plan")
    expect(alert(page, "This is not the phrase of this plan.")).to_be_visible()
    phrase = "change 6 in 111122223333 us-east-1"
    fill(page, f"To apply, type: {phrase}", phrase)
    press(page, "Apply plan")
    expect(status(page, "Applied: 6 done")).to_be_visible()
    expect(page.get_by_role("cell", name="done", exact=True)).to_be_visible()
    assert set(kvs.list_tags(kvs.list_channels(connection=connection), connection=connection)["value"]) == {"hq"}


def test_keyboard_creates_a_channel(notebook, connection):
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.create_channel()")
    fill(page, NAME, "front-door")
    fill(page, TTL, "30")
    press(page, "Add a tag (up to 50)")
    expect(page.get_by_label("Tag 1 key (1 to 128 characters)")).to_be_focused()
    page.keyboard.type("Site")
    fill(page, "Tag 1 value (up to 256)", "hq")
    press(page, "Create channel")
    expect(status(page, "Created front-door in")).to_be_visible()
    expect(
        page.get_by_text("kvs.create_channel('front-door', message_ttl_seconds=30, tags={'Site': 'hq'})")
    ).to_be_visible()
    channels = kvs.list_channels(tags=True, connection=connection)
    assert channels[["channel_name", "message_ttl_seconds", "tag:Site"]].values.tolist() == [["front-door", 30, "hq"]]
    assert cells(page) == 1


def test_keyboard_updates_a_message_ttl(notebook, connection):
    kvs.create_channel("front-door", connection=connection)
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.update_channel()")
    fill(page, CHANNEL, "front-door")
    press(page, "Load", "Space")
    expect(page.get_by_label(TTL)).to_have_value("60")
    fill(page, TTL, "90")
    press(page, "Update channel", "Space")
    expect(status(page, "its message TTL is 90 s, it is ACTIVE")).to_be_visible()
    assert kvs.describe_channel("front-door", connection=connection)["message_ttl_seconds"].item() == 90


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
    expect(status(page, "its message TTL is 90 s, it is ACTIVE")).to_be_visible()
    assert kvs.describe_channel("front-door", connection=connection)["message_ttl_seconds"].item() == 90


def test_delete_requires_the_channel_name(notebook, connection):
    kvs.create_channel("front-door", tags={"Site": "hq"}, connection=connection)
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.delete_channel('front-door')")
    expect(page.get_by_role("row", name="tags Site=hq")).to_be_visible()
    fill(page, "Type the channel's name to delete it", "front-doo")
    press(page, "Delete channel")
    expect(alert(page, "Type front-door to delete it")).to_be_visible()
    assert len(kvs.list_channels(connection=connection)) == 1
    fill(page, "Type the channel's name to delete it", "front-door")
    press(page, "Delete channel")
    expect(status(page, "it is gone")).to_be_visible()
    assert len(kvs.list_channels(connection=connection)) == 0


def test_keyboard_adds_changes_and_removes_tags(notebook, connection):
    kvs.create_channel("front-door", tags={"Owner": "ops", "Site": "hq"}, connection=connection)
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.edit_tags('front-door')")
    expect(page.get_by_label("Tag 2 key (1 to 128 characters)")).to_have_value("Site")
    fill(page, "Tag 2 value (up to 256)", "annex")
    press(page, "Remove tag 1")
    press(page, "Add a tag (up to 50)")
    expect(page.get_by_label("Tag 2 key (1 to 128 characters)")).to_be_focused()
    page.keyboard.type("Env")
    fill(page, "Tag 2 value (up to 256)", "prod")
    expect(page.get_by_text("To apply: set Env=prod, set Site=annex, remove Owner.")).to_be_visible()
    press(page, "Apply tags")
    expect(status(page, "done.")).to_be_visible()
    tags = kvs.list_tags("front-door", connection=connection)
    assert dict(zip(tags["key"], tags["value"], strict=True)) == {"Env": "prod", "Site": "annex"}


def test_keyboard_looks_up_endpoints(notebook, connection):
    kvs.create_channel("front-door", connection=connection)
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.get_endpoints()")
    fill(page, CHANNEL, "front-door")
    tab_to(page, page.get_by_label("Role"))
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Role")).to_have_value("MASTER")
    tab_to(page, page.get_by_label("Protocol HTTPS"))
    page.keyboard.press("Space")
    press(page, "Get endpoints")
    expect(page.get_by_role("row", name="WSS wss://127.0.0.1:")).to_be_visible()
    expect(page.get_by_role("row", name="HTTPS")).to_have_count(0)
    press(page, "Try it as a VIEWER")
    expect(status(page, "Connected to front-door as the VIEWER kvs-notebook-probe and left")).to_be_visible()


def test_keyboard_makes_a_connection(notebook):
    page = notebook.run("import kvs_notebook as kvs\nform = kvs.forms.connection()\nform")
    tab_to(page, page.get_by_label("Profile"))
    page.keyboard.press("Home")
    tab_to(page, page.get_by_label("Region"))
    page.keyboard.type("eu-west-1")
    expect(page.get_by_label("Region")).to_have_value("eu-west-1")
    press(page, "Connect")
    expect(status(page, "Started a sandbox with a fleet to look at, in eu-west-1")).to_be_visible()
    expect(page.locator(".kvs-header")).to_contain_text("account 111122223333")


# --- typing


def test_keys_pressed_in_a_form_do_not_reach_the_notebook(notebook, sandbox):
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.get_endpoints()", "1 + 1")
    for wanted in (
        page.get_by_role("button", name="Get endpoints"),
        page.get_by_label("Role"),
        page.get_by_label("Protocol WSS"),
        page.get_by_label(CHANNEL),
    ):
        tab_to(page, wanted)
        for key in ("b", "a", "d", "d", "x", "m"):
            page.keyboard.press(key)
        assert cells(page) == 2
        assert wanted.evaluate("element => element === document.activeElement")
    expect(page.get_by_label(CHANNEL)).to_have_value("baddxm")


def test_problems_appear_under_their_fields_and_on_submit(notebook, sandbox):
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.create_channel()")
    fill(page, NAME, "front door")
    expect(page.locator(".kvs-error", has_text="Channel name 'front door': ' ' is not allowed.")).to_be_visible()
    fill(page, TTL, "4")
    expect(page.locator(".kvs-error", has_text="4 is out of range: 5 to 120 seconds.")).to_be_visible()
    press(page, "Create channel")
    expect(alert(page, "Not sent.")).to_contain_text("'front door'")
    expect(alert(page, "Not sent.")).to_contain_text("4 is out of range")
    assert not sandbox.requests["operation"].str.startswith("Create").any()


# --- busy, stopped, gone


def test_busy_form_shows_progress_and_ignores_a_second_click(notebook, sandbox):
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.create_channel()")
    sandbox.faults.add("CreateSignalingChannel", "delay", seconds=2)
    fill(page, NAME, "front-door")
    button = page.get_by_role("button", name="Create channel")
    button.dblclick()
    expect(status(page, "Creating front-door...")).to_be_visible()
    expect(button).to_be_disabled()
    expect(page.get_by_role("button", name="Stop waiting")).to_be_enabled()
    expect(status(page, "Created front-door in")).to_be_visible()
    expect(button).to_be_enabled()
    assert (sandbox.requests["operation"] == "CreateSignalingChannel").sum() == 1


def test_refusal_is_an_alert_with_message_and_next_step(notebook, sandbox):
    sandbox.deny("kinesisvideo:Create*")
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.create_channel()")
    fill(page, NAME, "front-door")
    press(page, "Create channel")
    refusal = alert(page, "Nothing was changed. CreateSignalingChannel failed for front-door: AccessDeniedException")
    expect(refusal).to_contain_text("Ask for this action in the IAM policy")
    expect(page.get_by_role("button", name="Create channel")).to_be_enabled()


def test_stop_waiting_reports_that_the_request_was_sent(notebook, sandbox, connection):
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.create_channel()")
    sandbox.faults.add("CreateSignalingChannel", "delay", seconds=3)
    fill(page, NAME, "front-door")
    press(page, "Create channel")
    press(page, "Stop waiting")
    expect(status(page, "The request was already sent and is not called back")).to_be_visible()
    expect(status(page, "Meanwhile: Created front-door in")).to_be_visible()
    assert len(kvs.list_channels(connection=connection)) == 1


def test_kernel_restart_leaves_a_line_with_the_call_to_check(notebook, sandbox):
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.create_channel()")
    sandbox.faults.add("CreateSignalingChannel", "delay", seconds=5)
    fill(page, NAME, "front-door")
    press(page, "Create channel")
    expect(status(page, "Creating front-door...")).to_be_visible()
    notebook.restart_kernel()
    wait_until(lambda: "CreateSignalingChannel" in set(sandbox.requests["operation"]))
    expect(
        status(page, "If this line stays: kvs.describe_channel('front-door') shows what became of it.")
    ).to_be_visible()


def test_reopened_notebook_shows_the_outcome_of_a_submit(notebook, sandbox):
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.create_channel()")
    sandbox.faults.add("CreateSignalingChannel", "delay", seconds=2)
    fill(page, NAME, "front-door")
    press(page, "Create channel")
    expect(status(page, "Creating front-door...")).to_be_visible()
    page = notebook.reopen(lambda: wait_until(lambda: "CreateSignalingChannel" in set(sandbox.requests["operation"])))
    expect(status(page, "Created front-door in")).to_be_visible()


# --- conflicts and hostile input


def test_conflict_is_shown_and_nothing_is_overwritten(notebook, connection):
    kvs.create_channel("front-door", connection=connection)
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.update_channel('front-door')")
    expect(page.get_by_label(TTL)).to_have_value("60")
    theirs = kvs.update_channel("front-door", message_ttl_seconds=33, connection=connection)
    fill(page, TTL, "90")
    press(page, "Update channel")
    expect(alert(page, "Nothing was changed.")).to_contain_text("VersionMismatchException")
    expect(page.get_by_role("row", name="you saw 60 s")).to_be_visible()
    expect(page.get_by_role("row", name=f"is there now 33 s {theirs['version'].item()} ACTIVE")).to_be_visible()
    expect(page.get_by_role("row", name="you wanted 90 s")).to_be_visible()
    assert kvs.describe_channel("front-door", connection=connection).equals(theirs)
    press(page, "Load")
    expect(status(page, "Loaded front-door")).to_be_visible()
    press(page, "Update channel")
    expect(status(page, "its message TTL is 90 s")).to_be_visible()


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
    expect(page.locator(".kvs-error", has_text="onerror=document.body.remove()").first).to_be_visible()
    expect(page.get_by_label("Profile").locator("option")).to_contain_text(["sandbox", "default", "onerror"])
    assert page.locator(".kvs-form img").count() == 0


def test_name_of_256_letters_keeps_the_layout(notebook, connection):
    name = "a" * 256
    page = notebook.run("import kvs_notebook as kvs\nkvs.forms.create_channel()")
    fill(page, NAME, name)
    press(page, "Create channel")
    expect(status(page, f"Created {name}")).to_be_visible()
    form = page.locator(".kvs-form")
    assert form.evaluate("element => element.scrollWidth <= element.clientWidth")
    right = "element => element.getBoundingClientRect().right"
    assert form.evaluate(right) <= page.locator(".jp-Cell").evaluate(right)


def test_read_only_form_is_disabled_and_names_allow_changes(notebook, sandbox):
    page = notebook.run(
        "from kvs_notebook.aws import identity\nkept, identity.SANDBOX_USER = identity.SANDBOX_USER, 'not the sandbox'",
        "import kvs_notebook as kvs\nkvs.forms.create_channel()",
        undo="identity.SANDBOX_USER = kept",
    )
    expect(page.get_by_label(NAME)).to_be_disabled()
    expect(page.get_by_role("button", name="Create channel")).to_be_disabled()
    expect(page.get_by_role("button", name="Add a tag")).to_be_disabled()
    expect(page.locator(".kvs-header")).to_contain_text(re.compile(r"real account, read-only.*allow_changes=True"))
