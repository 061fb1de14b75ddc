"""Take the pictures of README and of the walkthrough of forms: ``python -m tests.browser.screenshots [FOLDER [NAME ...]]``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

import kvs_notebook as kvs
from tests.browser.lab import Lab, Watched, chromium

FOLDER = Path(__file__).parents[2] / "notebooks" / "pictures"

CREATE = """form = kvs.forms.create_channel()
form.name.value, form.message_ttl_seconds.value, form.tags.value = "front-door", 30, {"Site": "hq", "Owner": "ops"}
form.submit.click()
form"""
REFUSED = """form = kvs.forms.create_channel()
form.name.value, form.message_ttl_seconds.value = "front door", 4
form.submit.click()
form"""
CONFLICT = """form = kvs.forms.update_channel("loading-dock-1")
form.future.result()
kvs.update_channel("loading-dock-1", message_ttl_seconds=45)
form.message_ttl_seconds.value = 90
form.submit.click()
form"""
TAGS = """form = kvs.forms.edit_tags("parking-north")
form.future.result()
form.tags.value = {**form.tags.value, "Env": "test", "Owner": "facilities"}
form"""
ENDPOINTS = """form = kvs.forms.get_endpoints("front-door-hq")
form.submit.click()
form"""
CONSOLE = """console = kvs.forms.console()
console.future.result()
console.table.select("parking-north")
console.open_form("TTL")
console"""

CHART = """fleet = kvs.inventory(regions=["us-east-1", "eu-west-1", "ap-southeast-2"])
required = {"Owner": None, "Env": ["prod", "dev"], "Site": None}
kvs.charts.tag_coverage(kvs.reports.tag_coverage(fleet, required))"""

PICTURES = {
    "create": (CREATE, "Created front-door"),
    "refused": (REFUSED, "Not sent."),
    "update": (CONFLICT, "you wanted"),
    "tags": (TAGS, "To apply:"),
    "delete": ('kvs.forms.delete_channel("front-door-hq")', "This channel will be deleted"),
    "endpoints": (ENDPOINTS, "wss://"),
    "connection": ("kvs.forms.connection()", "account 111122223333"),
    "console": (CONSOLE, "Loaded parking-north"),
}


def main(folder: Path, names: Sequence[str]) -> None:
    """Take the pictures of these names, or all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = names or ["chart", *PICTURES]
    if "chart" in names:
        draw(folder / "chart.png")
    forms = {name: PICTURES[name] for name in names if name != "chart"}
    if forms:
        photograph(folder, forms)


def draw(path: Path) -> None:
    """Draw the chart of the example fleet, as a notebook shows the last line of a cell."""
    *lines, shown = CHART.splitlines()
    sandbox = kvs.use_sandbox(clock="stepped")
    sandbox.seed()
    cell = {"kvs": kvs}
    exec("\n".join(lines), cell)  # noqa: S102 - our own
    path.write_bytes(eval(shown, cell)._repr_png_())  # noqa: S307 - our own
    sandbox.stop()
    sys.stdout.write(f"{path}\n")


def photograph(folder: Path, forms: Mapping[str, tuple[str, str]]) -> None:
    """Open each form on the example fleet and take its picture when it shows the expected text."""
    with (
        tempfile.TemporaryDirectory() as home,
        kvs.Sandbox() as sandbox,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        lab = Lab(Path(home), sandbox.environment())
        try:
            watched = Watched(browser.new_page(viewport={"width": 1200, "height": 1600}), lab)
            for name, (cell, shown) in forms.items():
                sandbox.reset()
                sandbox.seed()
                page = watched.run("import kvs_notebook as kvs", cell)
                _take(page, page.locator(".jp-OutputArea-output > .kvs-form"), shown, folder / f"{name}.png")
                watched.leave()
        finally:
            lab.stop()


def _take(page: Page, form: Locator, shown: str, path: Path) -> None:
    expect(form).to_contain_text(shown)
    expect(form.locator(".kvs-header").first).to_contain_text("account 111122223333")
    page.locator(".jp-Cell").first.locator(".jp-InputPrompt").click()  # moves the toolbar away from the form
    form.screenshot(path=path)
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER, sys.argv[2:])
