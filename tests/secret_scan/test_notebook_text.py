"""Secrets are found in every part of a notebook and reported with their location."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kvs_notebook.secret_scan.notebook_text import TYPED_PASSWORD
from kvs_notebook.secret_scan.patterns import (
    SIGNED_URL,
)
from kvs_notebook.secret_scan.scanner import find_secrets
from tests.secret_scan.notebooks import (
    AKIA,
    ASIA,
    SECRET,
    TOKEN,
    URL,
    VIEW,
    code_cell,
    locate_secrets,
    notebook,
    output_cell,
    result,
    saved_widgets,
    widget_model,
    write_notebook,
)

URL_IN_HTML = f'<a href="{URL}">connect</a>'.replace("&", "&amp;")
LOCATIONS = {
    "source": (notebook(code_cell(f"url = '{URL}'")), "cell 1, source"),
    "markdown": (
        notebook(code_cell(), {"cell_type": "markdown", "metadata": {}, "source": f"[connect]({URL})"}),
        "cell 2, source",
    ),
    "text/plain": (notebook(output_cell("text/plain", [f"'{URL}'"])), "cell 1, output 1 (text/plain)"),
    "text/html": (notebook(output_cell("text/html", [URL_IN_HTML])), "cell 1, output 1 (text/html)"),
    "text/markdown": (notebook(output_cell("text/markdown", URL)), "cell 1, output 1 (text/markdown)"),
    "image/svg+xml": (
        notebook(output_cell("image/svg+xml", f"<text>{URL}</text>")),
        "cell 1, output 1 (image/svg+xml)",
    ),
    "application/json": (
        notebook(output_cell("application/json", {"servers": [{"url": URL}]})),
        "cell 1, output 1 (application/json)",
    ),
    "a key of JSON": (
        notebook(output_cell("application/json", {URL: {"seen": 1}})),
        "cell 1, output 1 (application/json)",
    ),
    "stream": (
        notebook(code_cell("", {"output_type": "stream", "name": "stderr", "text": ["line\n", f"GET {URL}\n"]})),
        "cell 1, output 1 (stderr)",
    ),
    "second output": (
        notebook(code_cell("", result(), {"output_type": "stream", "name": "stdout", "text": URL})),
        "cell 1, output 2 (stdout)",
    ),
    "traceback": (
        notebook(
            code_cell(
                "", {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["\x1b[31mE\x1b[0m", f"x {URL}"]}
            )
        ),
        "cell 1, output 1 (traceback)",
    ),
    "metadata of a cell": (notebook(code_cell(papermill={"parameters": {"url": URL}})), "cell 1, metadata"),
    "metadata": (notebook(code_cell(), papermill={"parameters": {"url": URL}}), "metadata of the notebook"),
    "widget": (notebook(**saved_widgets(a=widget_model("TextModel", value=URL))), "widget state (TextModel)"),
    "widget that a cell shows": (
        notebook(code_cell(), code_cell("form", VIEW), **saved_widgets(box=widget_model("TextModel", value=URL))),
        "cell 2, widget state (TextModel)",
    ),
    "widget in a widget that a cell shows": (
        notebook(
            code_cell("form", VIEW),
            **saved_widgets(
                html=widget_model("HTMLModel", value=URL_IN_HTML),
                box=widget_model("VBoxModel", children=["IPY_MODEL_html"]),
            ),
        ),
        "cell 1, widget state (HTMLModel)",
    ),
    "widget state without a media type": (
        notebook(widgets={"state": {"a": widget_model("TextModel", value=URL)}}),
        "widget state (TextModel)",
    ),
    "nbformat 3": (
        {
            "nbformat": 3,
            "metadata": {},
            "worksheets": [{"cells": [{"cell_type": "code", "input": [""], "outputs": [{"text": [URL]}]}]}],
        },
        "cell 1, output 1 (text)",
    ),
    "nbformat 3 beside cells": (
        {"cells": [], "worksheets": [{"cells": {"cell_type": "code", "input": URL}}]},
        "cell 1, source",
    ),
    "nbformat 3 beside its cells": ({"worksheets": [7, {"cells": 7, "name": URL}]}, "metadata of the notebook"),
    "no nbformat at all": ({"cells": [URL, 1, None, {"outputs": 1, "source": {"x": 2}}]}, "cell 1, source"),
}


@pytest.mark.parametrize("part", LOCATIONS)
def test_secret_is_found_in_every_part_of_a_notebook(part: str, tmp_path: Path) -> None:
    content, location = LOCATIONS[part]
    assert locate_secrets(content, tmp_path) == [(location, SIGNED_URL)]


def test_typed_password_in_widget_state_is_found(tmp_path: Path) -> None:
    typed, empty = (
        widget_model("PasswordModel", value="hunter2!"),
        widget_model("PasswordModel", value="", description="Password"),
    )
    content = notebook(code_cell("form", VIEW), **saved_widgets(box=typed, other=empty))
    assert locate_secrets(content, tmp_path) == [("cell 1, widget state (PasswordModel)", TYPED_PASSWORD)]


def test_secrets_of_one_kind_and_location_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook(code_cell(f"a = '{AKIA}'\nb = '{ASIA}'"))))
    (finding,) = find_secrets(path)
    assert str(finding) == f"{path}: cell 1, source: access key id: AKIA...{AKIA[-4:]} (2 times)"


def test_location_never_contains_a_secret(tmp_path: Path) -> None:
    content = notebook(
        code_cell(**{AKIA: {}}) | {ASIA: TOKEN},
        output_cell(AKIA, {}),
        code_cell("", {"output_type": "stream", "name": f"{SECRET}\n", "text": AKIA}),
        **saved_widgets(a=widget_model(f"{AKIA}", value=URL)),
    )
    assert {location for location, _ in locate_secrets(content, tmp_path)} == {
        "cell 1, metadata", "cell 1, other", "cell 2, output 1 (other)", "cell 3, output 1 (other)", "widget state"
    }  # fmt: skip


def test_file_name_with_control_characters_is_escaped(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "a\n\x1b[2J.ipynb")
    (finding,) = find_secrets(path)
    assert str(finding).isprintable()
