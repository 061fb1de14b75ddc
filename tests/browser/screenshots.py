"""Take the pictures of README and the walkthroughs: ``python -m tests.browser.screenshots [FOLDER [NAME ...]] [--help]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

import kvs_notebook as kvs
from tests.browser.lab import MEDIA, Lab, Watched, chromium

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

LIVE = """from ipywidgets import HBox
camera, viewer = kvs.live.camera("front-door-hq"), kvs.live.viewer("front-door-hq")
HBox([camera, viewer])"""

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


NAMES = ("chart", "live", *PICTURES)


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the pictures that the arguments name, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description="Take pictures.")
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help="where they are written (%(default)s)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)} (all)")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"unknown pictures: {', '.join(unknown)} (choose from {', '.join(NAMES)})")
    take(options.folder, options.names or NAMES)


def take(folder: Path, names: Sequence[str]) -> None:
    """Take the pictures of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    if "chart" in names:
        draw(folder / "chart.png")
    if "live" in names:
        film(folder / "live.png")
    forms = {name: PICTURES[name] for name in names if name in PICTURES}
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
    with _notebook(1200) as (watched, sandbox):
        for name, (cell, shown) in forms.items():
            sandbox.reset()
            sandbox.seed()
            page = watched.run("import kvs_notebook as kvs", cell)
            _take(page, page.locator(".jp-OutputArea-output > .kvs-form"), shown, folder / f"{name}.png")
            watched.leave()


def film(path: Path) -> None:
    """Start a camera and a viewer, and take their picture when the video plays."""
    with _notebook(1280) as (watched, sandbox):
        sandbox.seed()
        page = watched.run("import kvs_notebook as kvs", LIVE)
        views = page.locator(".kvs-live")
        for number, sentence in enumerate(("On the channel, waiting for viewers.", "Playing.")):
            views.nth(number).get_by_role("button", name="Start").click()
            expect(views.nth(number).get_by_role("status")).to_have_text(sentence)
        expect(views.nth(1).locator(".kvs-live-statistics")).to_contain_text("Mbit/s")
        page.locator(".jp-Cell").first.locator(".jp-InputPrompt").click()
        page.locator(".jp-OutputArea-output:has(> .widget-hbox)").screenshot(path=path)
        sys.stdout.write(f"{path}\n")


@contextmanager
def _notebook(width: int) -> Iterator[tuple[Watched, kvs.Sandbox]]:
    """Yield a page of a JupyterLab whose kernels use a sandbox."""
    with (
        tempfile.TemporaryDirectory() as home,
        kvs.Sandbox() as sandbox,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        lab = Lab(Path(home), sandbox.environment())
        try:
            page = browser.new_page(viewport={"width": width, "height": 1600}, permissions=MEDIA)
            yield Watched(page, lab), sandbox
        finally:
            lab.stop()


def _take(page: Page, form: Locator, shown: str, path: Path) -> None:
    expect(form).to_contain_text(shown)
    expect(form.locator(".kvs-header").first).to_contain_text("account 111122223333")
    page.locator(".jp-Cell").first.locator(".jp-InputPrompt").click()  # moves the toolbar away from the form
    form.screenshot(path=path)
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
