"""Measure the time from the arrival of many channels in the kernel to their table in JupyterLab in Chromium."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.kernel import KERNEL
from tests.benchmarks.sandbox_process import SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result, format_milliseconds

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

    from tests.browser.lab import Lab

CHANNELS = 50_000
ROUNDS = 3
MAX_SECONDS = 2.0
MAX_FILTER_SECONDS = 0.5
TIMEOUT_MS = 60_000

VIEWPORT: ViewportSize = {"width": 1280, "height": 1400}
CHROMIUM = next(filter(shutil.which, ("chromium", "chromium-browser")), "chromium")

ARRIVED = "arrived"
"""The file next to the notebook in which the kernel notes the time of arrival."""

CONSOLE = """
import pathlib, time
import kvs_notebook as kvs
from kvs_notebook.forms import channel_listing

def list_channels(*arguments, of=channel_listing.list_channels, **options):
    frame = of(*arguments, **options)
    pathlib.Path("arrived").write_text(str(time.time()))
    return frame

channel_listing.list_channels = list_channels
kvs.forms.console()
"""
CONSOLE_SHOWN = f"""() => {{
    const info = document.querySelector(".kvs-console .kvs-pages");
    const row = document.querySelector(".kvs-console table tbody tr:nth-child(25)");
    const shown = info?.textContent.includes("of {CHANNELS:,}");
    return shown && info.checkVisibility() && row?.checkVisibility() ? Date.now() : false;
}}"""
WORDS = ("0049998", "0049997", "0049996")
FILTERED = """(word) => {
    const rows = document.querySelectorAll(".kvs-console table tbody tr[data-id]");
    return rows.length === 1 && rows[0].textContent.includes(word) ? Date.now() : false;
}"""

PLAIN = """
import pathlib, time
import kvs_notebook as kvs
frame = kvs.list_channels()
pathlib.Path("arrived").write_text(str(time.time()))
display(frame)
"""
PLAIN_SHOWN = f"""() => {{
    const output = document.querySelector(".jp-OutputArea-output:has(table.dataframe)");
    return output?.textContent.includes("{CHANNELS} rows") && output.checkVisibility() ? Date.now() : false;
}}"""


def measure() -> Result:
    from playwright.sync_api import sync_playwright

    from tests.browser.lab import chromium

    ours, filters, baseline = [], [], []
    with (
        run_sandbox(SandboxSpec(channels=CHANNELS)) as sandbox,
        _running_lab(sandbox.environment) as lab,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        for _ in range(ROUNDS):
            shown, filtered = _measure_page(CONSOLE, CONSOLE_SHOWN, browser, lab, then=_seconds_until_filtered)
            ours.append(shown)
            filters.append(filtered)
            baseline.append(_measure_page(PLAIN, PLAIN_SHOWN, browser, lab)[0])
    seconds = statistics.median(ours)
    filter_seconds = max(map(statistics.median, zip(*filters, strict=True)))
    return Result(
        ours=f"{format_milliseconds(seconds)}, filter {format_milliseconds(filter_seconds)}",
        baseline=f"{format_milliseconds(statistics.median(baseline))} (display of the frame: its first and last 5 rows)",
        ratio=max(seconds / MAX_SECONDS, filter_seconds / MAX_FILTER_SECONDS),
        holds=seconds <= MAX_SECONDS and filter_seconds <= MAX_FILTER_SECONDS,
        note="from the arrival of the channels in the kernel to their table in the page, each by its own clock; a new page and a "
        f"new kernel each time, so the browser also loads the widgets; median of {ROUNDS}; the filter from a pasted word to its "
        "row, the slowest of three words, the first at once, while the kernel reads the tags; "
        "ratio to the nearer bar; the console sends a page of 25 rows, the "
        "display 10",
    )


@contextmanager
def _running_lab(environment: Mapping[str, str]) -> Iterator[Lab]:
    from tests.browser.lab import Lab

    with tempfile.TemporaryDirectory(prefix="kvs-notebook-benchmark-") as home:
        lab = Lab(Path(home), environment)
        try:
            yield lab
        finally:
            lab.stop()


def _seconds_until_filtered(page: Page) -> list[float]:
    """Paste three words into the filter, one after the other, and return the times until their row is shown."""
    page.get_by_label("Filter: words, an ARN, or tags").focus()
    seconds = []
    for word in WORDS:
        page.keyboard.press("Control+a")
        began = page.evaluate("Date.now()")
        page.keyboard.insert_text(word)
        shown = page.wait_for_function(FILTERED, arg=word, polling="raf", timeout=TIMEOUT_MS).json_value()
        seconds.append(float(shown - began) / 1000)
    return seconds


def _measure_page(
    cell: str, shown: str, browser: Browser, lab: Lab, *, then: Callable[[Page], list[float]] = lambda _: []
) -> tuple[float, list[float]]:
    """Run a cell in a new page and kernel; return the seconds until its table is visible, and what ``then`` measures.

    ``shown`` is JavaScript that returns the time once the table is visible.
    """
    from tests.browser.lab import Watched

    arrived = lab.work / ARRIVED
    arrived.unlink(missing_ok=True)
    page = browser.new_page(viewport=VIEWPORT)
    try:
        watched = Watched(page, lab)
        watched.run(cell)
        milliseconds_shown = page.wait_for_function(shown, polling="raf", timeout=TIMEOUT_MS).json_value()
        more = then(page)
    finally:
        page.close()
        lab.end_sessions()
    return float(milliseconds_shown) / 1000 - float(arrived.read_text(encoding="utf-8")), more


BENCHMARK = Benchmark(
    name="console",
    work=f"{CHANNELS:,} channels in the console, in Chromium",
    bar=f"<= {MAX_SECONDS:g} s, filter <= {MAX_FILTER_SECONDS:g} s",
    needs=KERNEL
    | {
        "uvicorn": "pip install 'kvs-notebook[sandbox]'",
        "jupyterlab": "pip install 'kvs-notebook[lab]'",
        "anywidget": "pip install 'kvs-notebook[lab]'",
        "playwright": "pip install 'kvs-notebook[test]'",
        "nbformat": "pip install 'kvs-notebook[lab]'",
    },
    programs={CHROMIUM: "apt-get install chromium"},
    measure=measure,
)
