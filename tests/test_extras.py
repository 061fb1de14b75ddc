"""The package works without its extras, and names the missing one."""

from __future__ import annotations

import subprocess
import sys

CORE_ONLY = """
import sys
SANDBOX = ("uvicorn", "httptools", "websockets", "trustme", "filelock")
LAB = ("ipywidgets", "anywidget", "matplotlib", "itables")
for extra in (*SANDBOX, *LAB, "distributed"):
    sys.modules[extra] = None  # as if it is not installed
from kvs_notebook import *
import kvs_notebook as kvs
from kvs_notebook.dataframes.builders import empty
from kvs_notebook.dataframes.schemas import CHANNELS, COVERAGE, TAGS
def chart():
    kvs.charts.channel_ages(kvs.reports.channel_ages(kvs.Inventory(*map(empty, (CHANNELS, TAGS, COVERAGE)))))
for needs_an_extra in (kvs.use_sandbox, lambda: kvs.forms.console(), chart):
    try:
        needs_an_extra()
    except kvs.errors.MissingExtra as error:
        print(error)
"""


def test_core_works_without_extras_and_names_the_missing_one() -> None:
    done = subprocess.run([sys.executable, "-c", CORE_ONLY], capture_output=True, text=True, check=True)
    needs_sandbox, needs_lab, needs_lab_too = done.stdout.splitlines()
    assert needs_lab_too.endswith("pip install 'kvs-notebook[lab]'")
    assert needs_sandbox.endswith("pip install 'kvs-notebook[sandbox]'")
    assert needs_lab.endswith("pip install 'kvs-notebook[lab]'")
