"""The package works without its extras, and names the missing one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CORE_ONLY = """
import sys
SANDBOX = ("uvicorn", "httptools", "websockets", "trustme")
LAB = ("ipywidgets", "anywidget", "matplotlib", "itables")
EXCEL = ("openpyxl", "et_xmlfile")
MEDIA = ("aiortc", "aioice", "av", "PIL")
for extra in (*SANDBOX, *LAB, *EXCEL, *MEDIA, "distributed"):
    sys.modules[extra] = None  # as if it is not installed
from kvs_notebook import *
import kvs_notebook as kvs
from kvs_notebook.dataframes.builders import empty
from kvs_notebook.dataframes.schemas import CHANNELS, COVERAGE, TAGS
def chart():
    kvs.charts.channel_ages(kvs.reports.channel_ages(kvs.Inventory(*map(empty, (CHANNELS, TAGS, COVERAGE)))))
def workbook():
    kvs.to_excel(empty(CHANNELS), "x.xlsx")
def read():
    open("y.xlsx", "w").close()
    kvs.read_excel("y.xlsx")
def pictures():
    kvs.live.take_picture("front-door")
def sheet():
    kvs.live.contact_sheet(None)
def camera():
    kvs.live.serve_test_camera("front-door")
MEDIA_CALLS = (pictures, sheet, camera)
OTHER_CALLS = (kvs.use_sandbox, lambda: kvs.use_sandbox("state"), lambda: kvs.forms.console(), chart, workbook, read)
for needs_an_extra in MEDIA_CALLS + OTHER_CALLS:
    try:
        needs_an_extra()
    except kvs.errors.MissingExtra as error:
        print(error)
"""


def test_core_works_without_extras_and_names_the_missing_one(tmp_path: Path) -> None:
    abandoned = tmp_path / "kvs-notebook-abandoned"  # the directory of a killed sandbox, which the next start removes
    abandoned.mkdir(mode=0o700)
    (abandoned / "owner.lock").touch()
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", CORE_ONLY], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    need_media, others = done.stdout.splitlines()[:3], done.stdout.splitlines()[3:]
    needs_sandbox, needs_sandbox_too, needs_lab, needs_lab_too, *need_excel = others
    assert all(each.endswith("pip install 'kvs-notebook[media]'") for each in need_media)
    assert needs_sandbox_too.endswith("pip install 'kvs-notebook[sandbox]'")
    assert needs_lab_too.endswith("pip install 'kvs-notebook[lab]'")
    assert len(need_excel) == 2
    assert all(each.endswith("pip install 'kvs-notebook[excel]'") for each in need_excel)
    assert not (tmp_path / "x.xlsx").exists()
    assert needs_sandbox.endswith("pip install 'kvs-notebook[sandbox]'")
    assert needs_lab.endswith("pip install 'kvs-notebook[lab]'")
