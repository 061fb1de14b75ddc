"""A learner's visit: JupyterLab as `start` starts it, the first walkthrough in Chromium, Run All."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

from tests.binder.image import Image
from tests.binder.walkthrough import Taken, megabytes
from tests.browser.lab import NOTEBOOKS_TRIED, Lab, Watched, chromium

NOTEBOOK = "notebooks/00-start-here.ipynb"
NEWS = "@jupyterlab/apputils-extension:notification"

CLEAR = """async () => { await window.jupyterapp.commands.execute("notebook:clear-all-cell-outputs"); }"""
CODE_CELLS = """window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.filter(
  (cell) => cell.cell_type === "code")"""
ERRORS = f"""{CODE_CELLS}.filter((cell) => !(cell.metadata.tags ?? []).includes("raises-exception"))
  .flatMap((cell) => cell.getOutputs()).filter((output) => output.output_type === "error")
  .map((output) => `${{output.ename}}: ${{output.evalue}}`)"""
UNRUN = f"() => {ERRORS}.length === 0 && {CODE_CELLS}.some((cell) => cell.execution_count === null)"
TO_THE_TOP = """() => document.querySelector(".jp-NotebookPanel .jp-WindowedPanel-outer").scrollTo(0, 0)"""


def visit(image: Image, picture: Path) -> Taken:
    """Open the first walkthrough, run all of it, take its picture; what the server and its kernel hold is the memory."""
    with tempfile.TemporaryDirectory() as home:
        lab = Lab(Path(home), image.environment(), (str(image.start), "jupyter", "lab"), image.checkout, settings=None)
        try:
            said = _told_by_start(lab)
            with sync_playwright() as playwright, chromium(playwright) as browser:
                watched = Watched(browser.new_page(viewport={"width": 1280, "height": 1800}), lab)
                seconds = _run_all(watched, picture)
                held = megabytes(psutil.Process(lab.pid))
                said += watched.page.evaluate(f"() => {ERRORS}")
                for complaints in watched.leave():
                    said += complaints
        finally:
            lab.stop()
    return Taken("00-start-here in Chromium", seconds, held, "\n".join(said))


def _run_all(watched: Watched, picture: Path) -> float:
    """Clear what was saved and run all cells; give the seconds that it took. A kernel may be deaf: see Watched.run."""
    for _ in range(NOTEBOOKS_TRIED):
        watched.page.goto(watched.lab.address(NOTEBOOK))
        watched.wait_for_kernel()
        watched.page.evaluate(CLEAR)
        began = time.monotonic()
        if watched.run_all(UNRUN):
            seconds = time.monotonic() - began
            watched.page.evaluate(TO_THE_TOP)
            watched.page.screenshot(path=picture)
            return seconds
        watched.leave()
    raise AssertionError(f"No kernel of {NOTEBOOKS_TRIED} ran the cells of {NOTEBOOK}")


def _told_by_start(lab: Lab) -> list[str]:
    """Tell where JupyterLab does not run as start and overrides.json say."""
    said = []
    if psutil.Process(lab.pid).environ().get("AWS_EC2_METADATA_DISABLED") != "true":
        said.append("start left the metadata service on")
    news = json.loads(lab.settings_of(NEWS))["schema"]["properties"]
    if (news["fetchNews"]["default"], news["checkForUpdates"]["default"]) != ("false", False):
        said.append("JupyterLab does not read overrides.json")
    return said
