"""kvs-notebook lab: JupyterLab on a copy of the walkthroughs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from kvs_notebook.cli import lab_command
from kvs_notebook.jupyter import ipython_startup
from tests.cli.conftest import Run, Start, accepts_connections, single_line, wait_until


def first_on_path(folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": path}


def test_lab_opens_notebooks_and_keeps_existing_copies(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / lab_command.FIRST_NOTEBOOK).write_text("my own")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "rfc3987_syntax.py").write_text("raise ImportError")  # see tests/iri_check.py
    folders = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    process = start(
        "lab",
        "course",
        "--no-browser",
        env={**environment, **folders, **first_on_path(tmp_path), "JUPYTER_TOKEN": "t0ken", "JUPYTER_PORT": str(port)},
    )

    def get(path: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": "token t0ken"})
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - loopback
            return str(reply.read().decode())

    wait_until(lambda: accepts_connections(port) or process.poll() is not None)
    names = {entry["name"] for entry in json.loads(get("/api/contents"))["content"]}
    assert names >= {notebook.name for notebook in lab_command.notebooks_folder().glob("*.ipynb")}
    assert lab_command.FIRST_NOTEBOOK in names
    assert (folder / "TEACHING.md").is_file()
    assert (folder / "pictures" / "console.png").is_file()
    assert "jupyter-config-data" in get(f"/lab/tree/{lab_command.FIRST_NOTEBOOK}")
    (server,) = psutil.Process(process.pid).children()
    assert server.environ()["PYTHONSTARTUP"] == ipython_startup.__file__
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/contents", timeout=10)
    process.send_signal(signal.SIGINT)
    _, problem = process.communicate(timeout=30)
    assert process.returncode == 0, problem
    assert (folder / lab_command.FIRST_NOTEBOOK).read_text() == "my own"
    assert "Kept your copy of course/00-start-here.ipynb" in problem
    assert not accepts_connections(port)


def test_lab_without_jupyterlab_names_the_extra(environment: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['jupyterlab'] = None; sys.argv = ['kvs-notebook', 'lab']\n"
        "from kvs_notebook.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install 'kvs-notebook[lab]'" in single_line(done.stderr)
    assert not (tmp_path / "kvs-notebook").exists()


def test_lab_in_an_unwritable_folder_fails(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("lab", "file/course", "--no-browser")
    assert done.returncode == 1
    assert "Can't copy the notebooks to file/course: Not a directory" in single_line(done.stderr)
