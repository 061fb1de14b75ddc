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
from jupyter_client.manager import start_new_kernel

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

    wait_until(lambda: accepts_connections(port) or process.poll() is not None, seconds=70)
    names = {entry["name"] for entry in json.loads(get("/api/contents"))["content"]}
    assert names >= {notebook.name for notebook in lab_command.notebooks_folder().glob("*.ipynb")}
    assert lab_command.FIRST_NOTEBOOK in names
    assert (folder / "TEACHING.md").is_file()
    assert (folder / "pictures" / "console.png").is_file()
    assert "jupyter-config-data" in get(f"/lab/tree/{lab_command.FIRST_NOTEBOOK}")
    news = json.loads(get("/lab/api/settings/@jupyterlab/apputils-extension:notification"))["schema"]["properties"]
    assert (news["fetchNews"]["default"], news["checkForUpdates"]["default"]) == ("false", False)
    trusted = json.loads(get("/api/contents/01-channel-lifecycle.ipynb"))["content"]["cells"]
    assert all(cell["metadata"]["trusted"] for cell in trusted if cell["cell_type"] == "code")
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


def test_copy_has_the_metadata_that_its_kernel_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JupyterLab compares them when the kernel starts; a difference counts as an edit that it asks to save."""
    for kind in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{kind}_DIR", str(tmp_path / kind))
    lab_command._copy_notebooks(tmp_path / "course")
    manager, client = start_new_kernel()
    try:
        reported = client.kernel_info(reply=True)["content"]["language_info"]
        name = manager.kernel_spec_manager.get_kernel_spec("python3").display_name  # type: ignore[union-attr]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    copies = sorted((tmp_path / "course").glob("*.ipynb"))
    assert len(copies) == 8
    for copy in copies:
        metadata = json.loads(copy.read_text())["metadata"]
        assert metadata["language_info"] == reported
        assert metadata["kernelspec"] == {"display_name": name, "language": "python", "name": "python3"}


def test_untouched_copies_are_not_called_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    for _ in range(2):
        lab_command._copy_notebooks(tmp_path / "course")
    assert capsys.readouterr().err == ""


def test_default_folder_is_ignored_by_git(project_root: Path) -> None:
    (folder,) = [each.default for each in lab_command.lab.params if each.name == "folder"]
    assert f"/{folder}/" in (project_root / ".gitignore").read_text().splitlines()


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
