"""The console in JupyterLab: what each task costs in clicks and texts, the keyboard, the panel, and what is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, expect

import kvs_notebook as kvs
from tests.browser.test_forms import tab_to, wait_until

pytestmark = pytest.mark.draw_tests(2)

OPEN = "import kvs_notebook as kvs\nconsole = kvs.forms.console()\nconsole"

COUNT = """() => {
  window.counted = { clicks: 0, texts: 0 };
  window.typed = new Set();
  if (window.isCounting) return;  // the tests share a page
  window.isCounting = true;
  addEventListener("click", (event) => { if (event.isTrusted && event.detail) counted.clicks += 1; }, true);
  addEventListener("input", ({ target }) => {
    if (target.type === "text" && !typed.has(target)) { typed.add(target); counted.texts += 1; }
  }, true);
}"""


@pytest.fixture
def fleet(sandbox):
    sandbox.seed()


def open_console(notebook, count: int = 11, cell: str = OPEN) -> Page:
    page = notebook.run(cell)
    heading(page, f"Channels ({count})").wait_for()
    expect(page.locator(".kvs-header").first).to_contain_text("account 111122223333")
    return page


@contextmanager
def costs(page: Page, *, clicks: int, texts: int = 0) -> Iterator[None]:
    """Check that what happens inside takes at most so many clicks, and inputs to type into."""
    page.evaluate(COUNT)
    yield
    assert page.evaluate("counted") == {"clicks": clicks, "texts": texts}


def heading(page: Page, text: str) -> Locator:
    return page.get_by_role("heading", name=text)


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("grid").get_by_role("row", name=re.compile(rf"\b{name}\b"))


def rows(page: Page) -> Locator:
    return page.get_by_role("grid").locator("tbody tr[data-id]")


def check(page: Page, name: str) -> None:
    page.get_by_role("checkbox", name=f"Select {name}", exact=True).click()


def button(page: Page, name: str, where: str = ".kvs-console") -> Locator:
    return page.locator(where).get_by_role("button", name=name, exact=True)


def in_bar(page: Page, name: str) -> Locator:
    return button(page, name, ".kvs-selection")


def in_panel(page: Page, name: str) -> Locator:
    return button(page, name, ".kvs-panel")


def field(page: Page, label: str) -> Locator:
    return page.locator(".kvs-console").get_by_label(re.compile(f"^{label}")).locator("visible=true")


def type_into(page: Page, label: str, text: str) -> None:
    """Type into the field that the console has put the focus on."""
    field(page, label).wait_for()
    expect(field(page, label)).to_be_focused()
    page.keyboard.type(text)


def names(page: Page) -> list[str]:
    return page.locator(".kvs-list .kvs-open").all_text_contents()


# --- what each task costs


def test_creating_a_channel_with_two_tags_takes_three_clicks(notebook, fleet):
    page = open_console(notebook)
    with costs(page, clicks=3, texts=5):
        button(page, "Create channel").first.click()
        type_into(page, "Channel name", "a-new-one")
        for number, tag in ((1, ("Site", "hq")), (2, ("Owner", "ops"))):
            page.locator(".kvs-panel").get_by_role("button", name=re.compile("Add tag")).click()
            type_into(page, f"Tag {number} key", tag[0])
            page.keyboard.press("Tab")
            type_into(page, f"Tag {number} value", tag[1])
        page.keyboard.press("Enter")
        expect(row(page, "a-new-one")).to_contain_text("ops")
    page.get_by_text("Created a-new-one in").first.wait_for()


def test_ttl_of_five_channels_takes_eight_clicks_and_one_value(notebook, fleet, connection):
    page = open_console(notebook)
    with costs(page, clicks=8, texts=1):
        for name in ("front-door-hq", "front-door-lab", "loading-dock-1", "parking-north", "parking-south"):
            check(page, name)
        in_bar(page, "TTL").click()
        type_into(page, "Message TTL", "75")
        in_panel(page, "Preview").click()
        in_panel(page, "Apply to 5 channels").click()
        page.get_by_text("Applied: 5 done").first.wait_for()
    expect(row(page, "parking-south")).to_contain_text("75 s")
    assert (kvs.list_channels(connection=connection)["message_ttl_seconds"] == 75).sum() == 5


def test_tagging_twenty_channels_takes_five_clicks_and_two_texts(notebook, sandbox, connection):
    sandbox.seed(22)
    page = open_console(notebook, 22)
    with costs(page, clicks=5, texts=2):
        check(page, "device-0000000")
        row(page, "device-0000019").click(modifiers=["Shift"], position={"x": 300, "y": 8})
        in_bar(page, "Tags").click()
        type_into(page, "Tag 1 key", "Site")
        page.keyboard.press("Tab")
        type_into(page, "Tag 1 value", "hq")
        in_panel(page, "Preview").click()
        in_panel(page, "Apply to 20 channels").click()
        page.get_by_text("Applied: 20 done").first.wait_for()
    assert len(kvs.list_tags(kvs.list_channels(connection=connection), connection=connection)) == 20


def test_deleting_three_channels_takes_five_clicks_and_their_phrase(notebook, fleet, connection):
    page = open_console(notebook)
    with costs(page, clicks=5, texts=1):
        for name in ("parking-north", "parking-south", "test-jchen"):
            check(page, name)
        in_bar(page, "Delete").click()
        type_into(page, "To apply, type: delete 3", "delete 3")
        in_panel(page, "Delete 3 channels").click()
        page.get_by_text("Applied: 3 done").first.wait_for()
    expect(rows(page)).to_have_count(8)
    assert len(kvs.list_channels(connection=connection)) == 8


def test_channels_are_found_by_arn_and_by_missing_owner(notebook, fleet, connection):
    arn = kvs.list_channels("parking-s", connection=connection)["channel_arn"].item()
    page = open_console(notebook)
    with costs(page, clicks=1, texts=1):
        field(page, "Filter").click()
        page.keyboard.insert_text(arn)
        expect(rows(page)).to_have_count(1)
    assert names(page) == ["parking-south"]
    heading(page, "Channels (1 of 11)").wait_for()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(rows(page)).to_have_count(11)
    with costs(page, clicks=1, texts=1):
        field(page, "Filter").click()
        page.keyboard.type("-tag:Owner")
        expect(rows(page)).to_have_count(1)
    assert names(page) == ["test-jchen"]


def test_shown_rows_are_downloaded_with_one_click(notebook, fleet, tmp_path):
    slow = "text.comm.on_msg(lambda message: (time.sleep(1), text._handle_msg(message)))  # a slow kernel"
    page = open_console(notebook, cell=f"import time\n{OPEN[:-8]}\ntext = console.table.filter\n{slow}\nconsole")
    field(page, "Filter").click()
    page.keyboard.type("parking-n")
    with costs(page, clicks=1), page.expect_download() as downloading:
        button(page, "Download CSV").click()
    downloading.value.save_as(tmp_path / "channels.csv")
    assert downloading.value.suggested_filename == "channels.csv"
    assert kvs.read_csv(tmp_path / "channels.csv")["channel_name"].tolist() == ["parking-north"]


def test_region_is_switched_by_its_selector(notebook, fleet):
    page = open_console(notebook)
    with costs(page, clicks=0):  # the two clicks on a select are the browser's own
        field(page, "Region").select_option("ap-southeast-2")
        heading(page, "Channels (6)").wait_for()


def test_filtering_moves_nothing_and_is_cleared_with_one_click(notebook, fleet):
    page = open_console(notebook)

    def places() -> list[list[float]]:
        return page.locator(".kvs-list th[scope=col], .kvs-list .kvs-pages, .kvs-activity").evaluate_all(PLACES)

    page.locator(".kvs-list th[scope=col]", has_text="Owner").wait_for()  # the columns of tags come after the others
    before = places()
    field(page, "Filter").click()
    for text, count in (("dock", 2), (" -tag:Owner", 0)):
        page.keyboard.type(text)
        expect(rows(page)).to_have_count(count)
        assert places() == before
    with costs(page, clicks=1):
        button(page, "Clear filter").click()
        expect(rows(page)).to_have_count(11)
    assert places() == before
    expect(field(page, "Filter")).to_be_focused()


# --- keyboard


def test_keyboard_alone_carries_a_channel_through_its_life(notebook, fleet):
    page = open_console(notebook)
    tab_to(page, button(page, "Create channel").first)
    page.keyboard.press("Enter")
    type_into(page, "Channel name", "a-new-one")
    tab_to(page, in_panel(page, "Create channel"))
    page.keyboard.press("Enter")
    expect(row(page, "a-new-one")).to_contain_text("ACTIVE")
    tab_to(page, in_panel(page, "Close"))
    page.keyboard.press("Enter")
    page.get_by_role("grid").locator("tbody tr:focus").wait_for()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    heading(page, "a-new-one").wait_for()
    expect(in_panel(page, "Close")).to_be_focused()
    tab_to(page, in_panel(page, "TTL"))
    page.keyboard.press("Enter")
    expect(field(page, "Message TTL")).to_have_value("60")
    expect(field(page, "Message TTL")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("90")
    tab_to(page, in_panel(page, "Update channel"))
    page.keyboard.press("Enter")
    expect(row(page, "a-new-one")).to_contain_text("90 s")
    tab_to(page, in_panel(page, "Delete"))
    page.keyboard.press("Enter")
    type_into(page, "Type the channel's name", "a-new-one")
    tab_to(page, in_panel(page, "Delete channel"))
    page.keyboard.press("Enter")
    expect(row(page, "a-new-one")).to_have_count(0)
    page.get_by_text("Deleted a-new-one in").first.wait_for()


def test_keyboard_alone_changes_and_deletes_several_channels(notebook, fleet):
    page = open_console(notebook)
    tab_to(page, rows(page).first)
    for key in ("Space", "ArrowDown", "Space"):
        page.keyboard.press(key)
    page.get_by_text("2 selected").wait_for()
    tab_to(page, in_bar(page, "TTL"))
    page.keyboard.press("Enter")
    type_into(page, "Message TTL", "75")
    page.keyboard.press("Enter")
    tab_to(page, in_panel(page, "Apply to 2 channels"))
    page.keyboard.press("Enter")
    page.get_by_text("2 channels: message TTL 75. Applied: 2 done").wait_for()
    expect(row(page, "front-door-hq")).to_contain_text("75 s")
    tab_to(page, in_panel(page, "Delete"))
    page.keyboard.press("Enter")
    type_into(page, "To apply, type: delete 2", "delete 2")
    page.keyboard.press("Enter")
    page.get_by_text("2 channels: delete. Applied: 2 done").wait_for()
    expect(rows(page)).to_have_count(9)
    tab_to(page, in_panel(page, "Close"))


def test_arrows_move_and_space_selects_in_the_table(notebook, fleet):
    page = open_console(notebook)
    tab_to(page, rows(page).first)
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    for key in ("ArrowDown", "Space", "ArrowDown", "ArrowDown", "Space"):
        page.keyboard.press(key)
    page.get_by_text("2 selected").wait_for()
    expect(row(page, "front-door-hq")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Shift+ArrowDown")
    page.get_by_text("3 selected").wait_for()
    page.keyboard.press("b")  # JupyterLab's shortcut for a new cell
    page.keyboard.press("Control+a")
    page.get_by_text("11 selected").wait_for()
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    expect(rows(page).nth(4)).to_be_focused()


# --- the live table and the panel


def test_refresh_keeps_order_selection_and_focus_and_marks_what_changed(notebook, fleet, connection):
    page = open_console(notebook)
    for _ in range(2):
        page.get_by_role("columnheader", name="Name").get_by_role("button").click()
    expect(rows(page).first).to_contain_text("warehouse-robot-09")
    row(page, "parking-north").locator("td").nth(2).click()
    kvs.create_channel("zebra-crossing", connection=connection)
    button(page, "Refresh").click()
    expect(rows(page).first).to_contain_text("zebra-crossing")
    expect(row(page, "zebra-crossing")).to_have_class("kvs-changed")
    expect(row(page, "parking-north")).to_have_class("kvs-selected")


def test_visible_console_shows_channel_that_another_client_creates(notebook, fleet, connection):
    page = open_console(notebook, cell=f"{OPEN}._refresh_timer.seconds = 0.5\nconsole")
    kvs.create_channel("a-late-one", connection=connection)
    row(page, "a-late-one").wait_for()
    page.evaluate(HIDE)
    page.wait_for_function("window.looks > 3")
    kvs.create_channel("a-later-one", connection=connection)
    page.wait_for_function("window.looks > 8")
    expect(row(page, "a-later-one")).to_have_count(0)
    page.evaluate(SHOW)
    row(page, "a-later-one").wait_for()


def test_click_survives_rows_that_change_before_its_release(notebook, fleet, connection):
    page = open_console(notebook, cell=f"{OPEN}._refresh_timer.seconds = 0.2\nconsole")
    name = page.get_by_role("columnheader", name="Name")
    name.get_by_role("button").hover()
    page.mouse.down()
    kvs.create_channel("zebra-crossing", connection=connection)
    heading(page, "Channels (12)").wait_for()
    page.mouse.up()
    expect(name).to_have_attribute("aria-sort", "ascending")
    row(page, "zebra-crossing").wait_for()
    name.get_by_role("button").focus()
    page.keyboard.down(" ")
    kvs.create_channel("alley-east", connection=connection)
    heading(page, "Channels (13)").wait_for()
    page.keyboard.up(" ")
    expect(name).to_have_attribute("aria-sort", "descending")
    expect(rows(page).first).to_contain_text("zebra-crossing")
    row(page, "alley-east").wait_for()


def test_html_that_changes_keeps_what_is_pressed_focused_and_open(notebook, fleet, connection):
    page = open_console(
        notebook,
        cell=f"""from kvs_notebook.forms.job import Outcome
{OPEN}._refresh_timer.seconds = 0.2
console.refresh_button.on_click(lambda _: console.activity.add(Outcome("Listed again", "Done", "kvs.list_channels()")))
console""",
    )
    page.get_by_role("button", name="parking-north", exact=True).click()
    for seconds, press, release in (
        (75, page.mouse.down, page.mouse.up),
        (90, lambda: page.keyboard.down(" "), lambda: page.keyboard.up(" ")),
    ):
        in_panel(page, "Copy ARN").hover()
        in_panel(page, "Copy ARN").focus()
        press()
        kvs.update_channel("parking-north", message_ttl_seconds=seconds, connection=connection)
        page.locator(".kvs-panel").get_by_text(f"{seconds} s").wait_for()
        release()
        in_panel(page, "Copied").wait_for()
    button(page, "Refresh").click()
    opened = page.locator(".kvs-activity details")
    opened.locator("summary").click()
    button(page, "Refresh").click()
    expect(opened).to_have_count(2)
    expect(page.locator(".kvs-activity details[open]")).to_have_count(1)


def test_edits_are_asked_about_before_another_row_is_shown(notebook, fleet):
    page = open_console(notebook)
    page.get_by_role("button", name="parking-north", exact=True).click()
    in_panel(page, "Tags").click()
    expect(in_panel(page, "Add tag")).to_be_focused()
    expect(field(page, "Tag 1 value")).to_have_value("0042")
    expect(page.locator(".kvs-panel .kvs-facts")).to_be_hidden()
    field(page, "Tag 1 value").click()
    page.keyboard.type("7")
    page.get_by_role("button", name="parking-south", exact=True).click()
    page.get_by_role("alert").filter(has_text="parking-north has edits that were not applied").wait_for()
    in_panel(page, "Keep editing").click()
    expect(row(page, "parking-north")).to_have_attribute("aria-selected", "true")
    expect(field(page, "Tag 1 value")).to_have_value("00427")
    page.get_by_role("button", name="parking-south", exact=True).click()
    in_panel(page, "Discard them").click()
    heading(page, "parking-south").wait_for()
    expect(field(page, "Tag 1 value")).to_have_value("0042")


def test_text_typed_just_before_a_click_is_an_edit(notebook, fleet):
    slow = """form.future.result()
text = form.message_ttl_seconds.input
text.comm.on_msg(lambda message: (time.sleep(1), text._handle_msg(message)))  # a slow kernel
console"""
    opened = (
        'import time\nconsole.future.result()\nconsole.table.select("parking-north")\nform = console.open_form("TTL")'
    )
    page = open_console(notebook, cell=f"{OPEN[:-8]}\n{opened}\n{slow}")
    expect(field(page, "Message TTL")).to_have_value("60")
    field(page, "Message TTL").fill("90")
    row(page, "parking-south").locator("td").nth(2).click()
    page.get_by_role("alert").filter(
        has_text="parking-north has edits that were not applied: message TTL 90"
    ).wait_for()
    expect(field(page, "Message TTL")).to_have_value("90")


WIDTHS = [(1400, True, 6), (900, False, 5), (850, False, 5), (700, False, 3)]
"""The width of a page, whether the panel stands beside the table, and how many columns there is space for."""


def test_console_fits_the_width_of_the_page(notebook, fleet):
    page = open_console(notebook)
    page.get_by_role("button", name="parking-north", exact=True).click()
    panel, table = page.locator(".kvs-panel"), page.locator(".kvs-list")
    panel.wait_for()
    headings = table.get_by_role("columnheader").get_by_role("button")
    size = page.viewport_size
    try:
        for width, beside, columns in WIDTHS:
            page.set_viewport_size({"width": width, "height": 1400})
            expect(headings.locator("visible=true")).to_have_count(columns)
            left, under = table.bounding_box(), panel.bounding_box()
            assert (under["x"] >= left["x"] + left["width"]) is beside
            assert (under["y"] >= left["y"] + left["height"]) is not beside
            assert page.evaluate(SCROLLED_SIDEWAYS) == []
            if beside:  # another theme may have larger letters
                letters = table.locator(".kvs-paged-table")
                letters.evaluate("(element) => { element.style.fontSize = '16px'; }")
                wait_until(lambda: page.evaluate(SCROLLED_SIDEWAYS) == [])
                letters.evaluate("(element) => { element.style.fontSize = ''; }")
            if width >= 850:
                for line in (".kvs-selection", ".kvs-tabs"):
                    tops = page.locator(f"{line} > button").locator("visible=true").evaluate_all(TOPS)
                    assert len(set(tops)) == 1, (width, line)
        button(page, "Columns").click()
        page.get_by_role("checkbox", name="Version").click()
        expect(headings.locator("visible=true")).to_have_count(
            8
        )  # chosen columns are shown, also if they have to be scrolled to
    finally:
        page.set_viewport_size(size)


PLACES = """(elements) => elements.map((each) => {
  const place = each.getBoundingClientRect();
  return [Math.round(place.left), Math.round(place.top)];
})"""
TOPS = "(buttons) => buttons.map((each) => each.getBoundingClientRect().top)"
SCROLLED_SIDEWAYS = """() => [...document.querySelectorAll(".kvs-console, .kvs-console *")]
  .filter((each) => each.scrollWidth > each.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(each).overflowX))
  .map((each) => each.className)"""


HIDE = """() => {
  window.looks = 0;
  Object.defineProperty(document, "hidden", { configurable: true, get: () => { window.looks += 1; return true; } });
}"""
SHOW = """() => { delete document.hidden; document.dispatchEvent(new Event("visibilitychange")); }"""


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
