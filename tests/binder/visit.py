"""Run the first walkthrough in Chromium, in JupyterLab as `start` starts it, as a learner on Binder does."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

from tests.binder.image import Image
from tests.binder.walkthrough import Result, megabytes
from tests.browser.lab import Lab, Watched, chromium

NOTEBOOK = "notebooks/00-start-here.ipynb"
NEWS = "@jupyterlab/apputils-extension:notification"

CLEAR = """async () => { await window.jupyterapp.commands.execute("notebook:clear-all-cell-outputs"); }"""
CODE_CELLS = """window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.filter(
  (cell) => cell.cell_type === "code")"""
ERRORS = f"""{CODE_CELLS}.filter((cell) => !(cell.metadata.tags ?? []).includes("raises-exception"))
  .flatMap((cell) => cell.getOutputs()).filter((output) => output.output_type === "error")
  .map((output) => `${{output.ename}}: ${{output.evalue}}`)"""
ENDED = f"() => {ERRORS}.length > 0 || {CODE_CELLS}.every((cell) => cell.execution_count !== null)"
TO_THE_TOP = """() => document.querySelector(".jp-NotebookPanel .jp-WindowedPanel-outer").scrollTo(0, 0)"""


def visit(image: Image, picture: Path) -> Result:
    """Open the first walkthrough, run all cells and save a picture; the memory is that of the server and its kernel."""
    with tempfile.TemporaryDirectory() as home:
        lab = Lab(Path(home), image.environment(), (str(image.start), "jupyter", "lab"), image.checkout, settings=None)
        try:
            errors = _settings_errors(lab)
            with sync_playwright() as playwright, chromium(playwright) as browser:
                watched = Watched(browser.new_page(viewport={"width": 1280, "height": 1800}), lab)
                seconds = _run_all(watched, picture)
                memory = megabytes(psutil.Process(lab.pid))
                errors += watched.page.evaluate(f"() => {ERRORS}")
                for found in watched.leave():
                    errors += found
        finally:
            lab.stop()
    return Result("00-start-here in Chromium", seconds, memory, "\n".join(errors))


def _run_all(watched: Watched, picture: Path) -> float:
    """Clear the saved outputs, run all cells and return the seconds."""
    watched.page.goto(watched.lab.address(NOTEBOOK))
    watched.wait_for_kernel()
    watched.page.evaluate(CLEAR)
    began = time.monotonic()
    watched.run_all(ENDED)
    seconds = time.monotonic() - began
    watched.page.evaluate(TO_THE_TOP)
    watched.page.screenshot(path=picture)
    return seconds


def _settings_errors(lab: Lab) -> list[str]:
    """Return the settings of start and overrides.json that JupyterLab does not have."""
    errors = []
    if psutil.Process(lab.pid).environ().get("AWS_EC2_METADATA_DISABLED") != "true":
        errors.append("start did not disable the metadata service")
    news = json.loads(lab.settings_of(NEWS))["schema"]["properties"]
    if (news["fetchNews"]["default"], news["checkForUpdates"]["default"]) != ("false", False):
        errors.append("JupyterLab does not read overrides.json")
    return errors
