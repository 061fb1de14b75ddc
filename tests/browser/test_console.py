"""The console in JupyterLab: select, change, sort, filter, save and close."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

import kvs_notebook as kvs
from tests.browser.test_forms import NAME, TTL, fill, press, status, wait_until

OPEN = "import kvs_notebook as kvs\nconsole = kvs.forms.console()\nconsole"


def row(page: Page, name: str):
    return page.locator("table.dataTable tbody tr", has=page.locator("td", has_text=name))


def shows(page: Page, wanted: list[str]) -> None:
    """Wait until the table shows these names: a filter takes some frames to be painted."""
    expect(page.locator("table.dataTable tbody td:first-child")).to_have_text(wanted)


def button(page: Page, name: str):
    return page.get_by_role("button", name=name, exact=True)


def test_console_creates_updates_tags_and_deletes(notebook, sandbox, connection):
    sandbox.seed()
    page = notebook.run(OPEN)
    expect(status(page, "11 channels.")).to_be_visible()
    button(page, "Create").click()
    fill(page, NAME, "a-new-one")
    press(page, "Create channel")
    expect(row(page, "a-new-one")).to_contain_text("CREATING")
    expect(row(page, "a-new-one")).to_contain_text("ACTIVE")
    row(page, "a-new-one").click()
    button(page, "Update").click()
    expect(page.get_by_label(TTL)).to_have_value("60")
    expect(status(page, "Loaded a-new-one in")).to_be_visible()
    fill(page, TTL, "90")
    press(page, "Update channel")
    expect(status(page, "Updated a-new-one in")).to_be_visible()
    expect(row(page, "a-new-one").locator("td").nth(2)).to_have_text("90")
    expect(row(page, "a-new-one")).to_have_class("selected")
    button(page, "Tags").click()
    press(page, "Add a tag (up to 50)")
    expect(page.get_by_label("Tag 1 key (1 to 128 characters)")).to_be_focused()
    page.keyboard.type("Site")
    press(page, "Apply tags")
    expect(status(page, "Tags of a-new-one: set Site=, done.")).to_be_visible()
    button(page, "Delete").click()
    expect(page.get_by_role("row", name="tags Site=")).to_be_visible()
    fill(page, "Type the channel's name to delete it", "a-new-one")
    press(page, "Delete channel")
    expect(row(page, "a-new-one")).to_contain_text("DELETING")
    expect(row(page, "a-new-one")).to_have_count(0)
    assert "a-new-one" not in set(kvs.list_channels(connection=connection)["channel_name"])


def test_selected_row_fills_the_open_form(notebook, sandbox):
    sandbox.seed()
    page = notebook.run(OPEN)
    expect(row(page, "loading-dock-1")).to_be_visible()
    button(page, "Update").click()
    row(page, "loading-dock-1").click()
    expect(page.get_by_label("Channel (name or ARN)")).to_have_value("loading-dock-1")
    expect(page.get_by_label(TTL)).to_have_value("30")
    row(page, "parking-north").click()
    expect(page.get_by_label(TTL)).to_have_value("60")


def test_second_click_deselects_a_row(notebook, sandbox, connection):
    sandbox.seed()
    page = notebook.run(OPEN)
    row(page, "parking-north").click()
    expect(row(page, "parking-north")).to_have_class("selected")
    kvs.create_channel("zebra-crossing", connection=connection)
    button(page, "Refresh").click()
    expect(status(page, "12 channels.")).to_be_visible()
    expect(row(page, "parking-north")).to_have_class("selected")
    row(page, "parking-north").click()
    expect(row(page, "parking-north")).not_to_have_class("selected")
    button(page, "Update").click()
    expect(page.get_by_label("Channel (name or ARN)")).to_have_value("")


HIDE = """() => {
  window.looks = 0;
  Object.defineProperty(document, "hidden", { configurable: true, get: () => { window.looks += 1; return true; } });
}"""
SHOW = """() => { delete document.hidden; document.dispatchEvent(new Event("visibilitychange")); }"""


def test_console_lists_again_while_the_page_shows_it(notebook, sandbox, connection):
    sandbox.seed()
    page = notebook.run(OPEN, "console._refresh_timer.seconds = 0.5")
    expect(row(page, "parking-north")).to_be_visible()
    row(page, "parking-north").click()
    kvs.create_channel("a-late-one", connection=connection)
    expect(row(page, "a-late-one")).to_be_visible()
    expect(row(page, "parking-north")).to_have_class("selected")
    page.evaluate(HIDE)
    page.wait_for_function("window.looks > 3")
    kvs.create_channel("a-later-one", connection=connection)
    page.wait_for_function("window.looks > 8")
    expect(row(page, "a-later-one")).to_have_count(0)
    page.evaluate(SHOW)
    expect(row(page, "a-later-one")).to_be_visible()


def test_refresh_keeps_order_and_selection(notebook, sandbox, connection):
    sandbox.seed()
    page = notebook.run(OPEN)
    expect(row(page, "parking-north")).to_be_visible()
    page.get_by_role("columnheader", name="channel_name").click()
    page.get_by_role("columnheader", name="channel_name").click()
    expect(page.locator("table.dataTable tbody td").first).to_have_text("warehouse-robot-09")
    row(page, "parking-north").click()
    expect(row(page, "parking-north")).to_have_class("selected")
    kvs.create_channel("zebra-crossing", connection=connection)
    button(page, "Refresh").click()
    expect(page.locator("table.dataTable tbody td").first).to_have_text("zebra-crossing")
    expect(row(page, "parking-north")).to_have_class("selected")
    row(page, "parking-south").click()
    expect(row(page, "parking-south")).to_have_class("selected")
    button(page, "Endpoints").click()
    expect(page.get_by_label("Channel (name or ARN)")).to_have_value("parking-south")


def test_filter_decides_what_is_shown_and_saved(notebook, sandbox):
    sandbox.seed()
    page = notebook.run(OPEN)
    expect(row(page, "parking-north")).to_be_visible()
    fill(page, "Filter (words in any column)", "parking")
    expect(row(page, "front-door-hq")).to_have_count(0)
    shows(page, ["parking-north", "parking-south"])
    fill(page, "File to save the rows to", "parking.csv")
    press(page, "Save CSV")
    expect(status(page, "Saved 2 rows to parking.csv.")).to_be_visible()
    saved = kvs.read_csv(notebook.lab.work / "parking.csv")
    assert saved["channel_name"].tolist() == ["parking-north", "parking-south"]


def test_save_uses_filter_text_typed_before_the_click(notebook, sandbox):
    sandbox.seed()
    slow = "text.comm.on_msg(lambda message: (time.sleep(1), text._handle_msg(message)))  # a slow kernel"
    page = notebook.run(
        f"import time\nimport kvs_notebook as kvs\nconsole = kvs.forms.console()\ntext = console.table.filter\n{slow}\nconsole"
    )
    expect(row(page, "parking-north")).to_be_visible()
    fill(page, "Filter (words in any column)", "parking-n")
    button(page, "Save CSV").click()
    expect(status(page, "Saved 1 row to channels.csv.")).to_be_visible()


def test_console_is_usable_with_ten_thousand_channels(notebook, sandbox, connection):
    sandbox.seed(10_000)
    page = notebook.run(OPEN)
    expect(page.get_by_text("Showing 1 to 10 of 10,000 entries")).to_be_visible()
    fill(page, "Filter (words in any column)", "0009998")
    expect(page.get_by_text("Showing 1 to 1 of 1 entry")).to_be_visible()
    row(page, "device-0009998").click()
    button(page, "Update").click()
    expect(page.get_by_label(TTL)).to_have_value("60")


def test_console_stops_listing_when_it_left_the_page(notebook):
    """One console's output is cleared, another's cell is deleted; either stops the requests of its console."""
    stuck = kvs.Assumptions(creating_seconds=3_600)
    with kvs.Sandbox(assumptions=stuck) as sandbox:
        kvs.create_channel("gate", wait=False, connection=sandbox.connection())
        environment = {name: value for name, value in sandbox.environment({}).items() if name.startswith("AWS_")}
        settings = f"import os\nkept = dict(os.environ)\nos.environ.update({json.dumps(environment)})"
        page = notebook.run(settings, OPEN, OPEN, undo="os.environ.update(kept)")

        def lists() -> int:
            return int((sandbox.requests["operation"] == "ListSignalingChannels").sum())

        expect(row(page, "gate")).to_contain_text(["CREATING", "CREATING"])
        wait_until(lambda: lists() >= 6)
        page.locator(".jp-Cell").nth(1).locator(".jp-InputPrompt").click()
        page.get_by_role("menuitem", name="Edit").click()
        page.locator('.lm-Menu-item[data-command="editmenu:clear-current"]').click()
        expect(page.locator(".kvs-console")).to_have_count(1)
        page.locator(".jp-Cell").nth(2).locator(".jp-InputPrompt").click()
        page.keyboard.press("d")
        page.keyboard.press("d")
        expect(page.locator(".kvs-console")).to_have_count(0)
        page.wait_for_timeout(1_500)  # a console lists once a second; one more request may be under way
        before = lists()
        page.wait_for_timeout(1_500)
        assert lists() == before
