"""kvs-notebook scan: findings, the summary and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run, single_line

SIGNED = f"wss://v-1a2b3c4d.kinesisvideo.us-east-1.amazonaws.com/?X-Amz-Signature={'0123456789abcdef' * 4}"


def save_notebook(path: Path, text: str) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": [text]}
    cell = {"cell_type": "code", "source": ["print(url)"], "metadata": {}, "execution_count": 1, "outputs": [output]}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


def test_secret_is_reported_without_showing_it(run: Run, tmp_path: Path) -> None:
    save_notebook(tmp_path / "a.ipynb", SIGNED)
    save_notebook(tmp_path / "b.ipynb", "nothing")
    done = run("scan", ".")
    assert done.returncode == 1
    assert single_line(done.stdout) == (
        "a.ipynb: cell 1, output 1 (stdout): signed URL: "
        "wss://v-1a2b3c4d.kinesisvideo.us-east-1.amazonaws.com/?X-Amz-Signature=<...>\n"
    )
    assert single_line(done.stderr) == (
        "kvs-notebook: 1 secret in 1 of 2 notebooks. Clear the outputs (jupyter nbconvert --clear-output --inplace FILE); "
        "if others have seen the file, let signed URLs and TURN passwords expire.\n"
    )


def test_notebooks_without_secrets_exit_0(run: Run, tmp_path: Path) -> None:
    save_notebook(tmp_path / "one" / "a.ipynb", "nothing")
    save_notebook(tmp_path / "b.ipynb", "nothing")
    done = run("scan", "one", "b.ipynb")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No secrets in 2 notebooks.\n", "")
    (tmp_path / "empty").mkdir()
    done = run("scan", "empty")
    assert (done.returncode, done.stdout) == (0, "No notebooks found.\n")


def test_damaged_notebook_exits_1_and_the_rest_is_scanned(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("{")
    save_notebook(tmp_path / "b.ipynb", SIGNED)
    done = run("scan", ".")
    assert done.returncode == 1
    assert done.stdout.startswith("b.ipynb: cell 1")
    damaged, summary = done.stderr.splitlines()
    assert damaged.startswith("kvs-notebook: a.ipynb is damaged or not a notebook: ")
    assert summary.startswith(
        "kvs-notebook: 1 secret in 1 of 1 notebook; 1 file could not be scanned. Clear the outputs"
    )
    done = run("scan", "a.ipynb")
    assert done.returncode == 1
    assert done.stderr.endswith("No secrets in 0 notebooks; 1 file could not be scanned.\n")
