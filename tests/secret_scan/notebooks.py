"""Secrets that have never been valid, and notebooks that contain them."""

from __future__ import annotations

import base64
import json
import random
import string
from pathlib import Path
from typing import Any

from kvs_notebook.secret_scan.notebook_text import WIDGET_STATE
from kvs_notebook.secret_scan.scanner import ScannedFile, find_secrets, summarize

ROOT = Path(__file__).parents[2]
ALPHABET = string.ascii_letters + string.digits + "+/"


def random_text(count: int, letters: str = ALPHABET, seed: int = 4) -> str:
    """Return characters as AWS chooses them; none of these was ever a valid secret."""
    return "".join(random.Random(seed).choices(letters, k=count))  # noqa: S311 - reproducible


def random_base64(count: int) -> str:
    return base64.b64encode(random.Random(count).randbytes(count)).decode()  # noqa: S311 - reproducible


AKIA = "AKIA" + random_text(16, string.ascii_uppercase + "234567")
ASIA = "ASIA" + random_text(16, string.ascii_uppercase + "234567", seed=5)
SECRET = random_text(40)
TOKEN = "IQoJb3JpZ2luX2Vj" + random_text(400)
ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000"
USERNAME = "1767603900:" + base64.b64encode(f"v1:{ARN}".encode()).decode()
PASSWORD = random_base64(32)
SIGNATURE = random_text(64, "0123456789abcdef")
URL = (
    "wss://v-1a2b3c4d.kinesisvideo.us-east-1.amazonaws.com/?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    f"&X-Amz-Credential={AKIA}%2F20260105%2Fus-east-1%2Fkinesisvideo%2Faws4_request&X-Amz-Date=20260105T090000Z"
    f"&X-Amz-Expires=299&X-Amz-SignedHeaders=host&X-Amz-ChannelARN={ARN}&X-Amz-Signature={SIGNATURE}"
)
TURN = "turn:10-0-0-1.t-1a2b3c4d.kinesisvideo.us-east-1.amazonaws.com:443?transport=udp"


def code_cell(source: str = "", *outputs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """Return a cell as JupyterLab saves it: lines in lists."""
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": 1, "metadata": metadata, "outputs": outputs, "source": lines}


def result(**data: Any) -> dict[str, Any]:
    return {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}


def output_cell(media_type: str, value: Any) -> dict[str, Any]:
    return code_cell("look()", result(**{"text/plain": ["..."], media_type: value}))


def notebook(*cells: Any, **metadata: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def saved_widgets(**models: Any) -> dict[str, Any]:
    return {"widgets": {WIDGET_STATE: {"version_major": 2, "version_minor": 0, "state": models}}}


def widget_model(name: str, **state: Any) -> dict[str, Any]:
    return {"model_module": "@jupyter-widgets/controls", "model_name": name, "state": state}


def locate_secrets(content: Any, folder: Path) -> list[tuple[str, str]]:
    """Return the location and kind of each finding in a notebook, after a check that no finding contains a secret."""
    path = folder / "a.ipynb"
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    findings = find_secrets(path)
    for secret in (AKIA, ASIA, SECRET, TOKEN, USERNAME, PASSWORD, SIGNATURE, "hunter2!"):
        assert secret not in "".join(map(str, findings)) + summarize([ScannedFile(path, findings)])
    return [
        (finding.location if finding.cell is None else f"cell {finding.cell}, {finding.location}", finding.kind)
        for finding in findings
    ]


def write_notebook(path: Path, content: Any = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content or notebook(code_cell(f"url = '{URL}'"))))
    return path


VIEW = result(**{"application/vnd.jupyter.widget-view+json": {"model_id": "box", "version_major": 2}})
