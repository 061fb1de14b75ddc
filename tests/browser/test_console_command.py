"""``kvs-notebook console``: the browser opens on a live console that ran without a click."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.browser.lab import OPENING_MS
from tests.cli.conftest import accepts_connections, wait_until


@pytest.fixture
def console(tmp_path):
    """Start the command with a sandbox, yield the address of its notebook, and stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port, token = free.getsockname()[1], secrets.token_hex(8)
    (tmp_path / "rfc3987_syntax.py").write_text("raise ImportError")  # see tests/iri_check.py
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    folders = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    process = subprocess.Popen(
        [sys.executable, "-m", "kvs_notebook", "console", "--sandbox", "--no-browser"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "JUPYTER"))}
        | folders
        | {"PYTHONPATH": os.pathsep.join(paths), "JUPYTER_TOKEN": token, "JUPYTER_PORT": str(port)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: accepts_connections(port) or process.poll() is not None, seconds=70)
    yield f"http://127.0.0.1:{port}/lab/tree/console.ipynb?token={token}"
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_console_is_shown_without_running_a_cell(browser, console, tmp_path):
    notebook = tmp_path / "kvs-console" / "console.ipynb"
    wait_until(lambda: '"output_type"' in notebook.read_text("utf-8"), seconds=70)  # the browser opens after this
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(console, timeout=OPENING_MS)
    page.get_by_text(re.compile("rows 1.11 of 11")).wait_for(timeout=OPENING_MS)
    expect(page.locator(".kvs-header").first).to_contain_text("SANDBOX")
    page.get_by_role("button", name="Create channel").first.click()
    page.get_by_label("Channel name").wait_for()
    page.get_by_text("This form is not connected to a kernel.").wait_for(state="hidden")
    page.close()
    assert (notebook.parent / ".gitignore").read_text() == "*\n"
