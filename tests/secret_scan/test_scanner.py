"""Folders and files are scanned, and the summary says what to do."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

import kvs_notebook as kvs
from kvs_notebook.dataframes.schemas import SECRET_FINDINGS
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.secret_scan.patterns import KEY_ID, SIGNED_URL
from kvs_notebook.secret_scan.scanner import find_secrets, scan_files, summarize
from tests.secret_scan.notebooks import (
    AKIA,
    ARN,
    SECRET,
    SIGNATURE,
    TOKEN,
    URL,
    code_cell,
    notebook,
    output_cell,
    random_base64,
    random_text,
    saved_widgets,
    widget_model,
    write_notebook,
)


def test_folders_are_walked_and_each_notebook_scanned_once(tmp_path: Path) -> None:
    wanted = [write_notebook(tmp_path / name) for name in ("a.ipynb", "b/a.ipynb", "b/c/ä b.ipynb", ".hidden/a.ipynb")]
    for name in (".ipynb_checkpoints/a.ipynb", "b/.venv/a.ipynb", "node_modules/a.ipynb", ".git/a.ipynb", "a.json"):
        write_notebook(tmp_path / name)
    write_notebook(tmp_path / "my-env" / "share" / "a.ipynb")
    (tmp_path / "my-env" / "pyvenv.cfg").touch()
    (tmp_path / "same.ipynb").symlink_to(wanted[0])
    (tmp_path / "round").symlink_to(tmp_path)
    scanned = list(scan_files([tmp_path, tmp_path / "b", wanted[0]]))
    assert sorted(file.path for file in scanned) == sorted(wanted)
    assert all(file.findings for file in scanned)


def test_explicit_file_is_scanned_whatever_its_name(tmp_path: Path) -> None:
    named = [write_notebook(tmp_path / ".ipynb_checkpoints" / "a.ipynb"), write_notebook(tmp_path / "notebook.json")]
    assert [bool(file.findings) for file in scan_files(named)] == [True, True]


DAMAGED = {
    "empty": (b"", "is damaged or not a notebook: Expecting value: line 1 column 1 (char 0)."),
    "truncated": (b'{"cells": [', "is damaged or not a notebook: Expecting value: line 1 column 12 (char 11)."),
    "merge conflict": (b'{\n<<<<<<< HEAD\n"cells": []}', "is damaged or not a notebook: "),
    "not UTF-8": (b'{"cells": ["\xff"]}', "is damaged or not a notebook: 'utf-8' codec can't decode byte 0xff"),
    "nested too deeply": (b"[" * 100_000, "is damaged: it is nested too deeply."),
    "a list": (b"[]", "is not a notebook: it has no cells."),
    "other JSON": (b'{"name": "x"}', "is not a notebook: it has no cells."),
    "cells is an object": (b'{"cells": {}}', "is not a notebook: it has no cells."),
    "a picture": (b"\x89PNG\r\n", "is damaged or not a notebook: "),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_damaged_file_is_reported_and_the_rest_scanned(how: str, tmp_path: Path) -> None:
    content, why = DAMAGED[how]
    (tmp_path / "a.ipynb").write_bytes(content)
    write_notebook(tmp_path / "b.ipynb")
    bad, good = scan_files([tmp_path])
    assert bad.problem is not None
    assert bad.problem.startswith(f"{bad.path} {why}")
    assert "\n" not in bad.problem
    assert len(good.findings) == 1
    with pytest.raises(InvalidInput if "not a notebook: it" in why else DamagedFile):
        find_secrets(bad.path)


def test_notebook_with_byte_order_mark_is_scanned(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook(code_cell(URL))), encoding="utf-8-sig")
    assert len(find_secrets(path)) == 1


def test_pipe_and_broken_link_are_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.ipynb")
    (tmp_path / "b.ipynb").symlink_to(tmp_path / "nowhere")
    pipe, lost = scan_files([tmp_path])
    assert pipe.problem == f"{pipe.path} is not a file. Pass a notebook, a script or a folder."
    assert lost.problem == (
        f"Can't read {lost.path}: No such file or directory. It was not scanned: repair it and scan it again."
    )


def test_unreadable_folder_is_reported(tmp_path: Path) -> None:
    write_notebook(tmp_path / "a.ipynb")
    write_notebook(tmp_path / "b" / "a.ipynb")
    walk = scan_files([tmp_path])
    assert next(walk).problem is None
    shutil.rmtree(tmp_path / "b")
    (lost,) = walk
    assert lost.problem is not None
    assert lost.problem.startswith(f"Can't list {tmp_path / 'b'}: No such file or directory. It was not scanned")


@pytest.mark.timeout(30)
def test_scan_time_does_not_grow_with_square_of_size(tmp_path: Path) -> None:
    rows = [{"name": f"camera-{n}", "arn": ARN, "x": random_text(40, seed=n)} for n in range(3_000)]
    cells = [
        output_cell("application/json", rows),
        output_cell("text/html", f"<div {'https://a.example/' * 30_000}>{random_base64(500_000)}"),
        code_cell(f"x-amz- {'secret ' * 25_000} {'session_token = ' * 10_000}{' ' * 50_000}"),
        code_cell(f"url = '{URL}'"),
    ]
    path = write_notebook(tmp_path / "large.ipynb", notebook(*cells))
    assert SIGNED_URL in {finding.kind for finding in find_secrets(path)}


# --- DataFrame


def test_scan_notebooks_returns_a_row_per_kind_and_location(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "a.ipynb", notebook(code_cell(f"a = '{AKIA}'\nb = '{AKIA}'"), url=URL))
    found = kvs.scan_notebooks(path)
    assert found.dtypes.astype(str).to_dict() == dict(SECRET_FINDINGS)
    assert found.drop(columns=["excerpt", "problem"]).to_numpy(dtype=object, na_value=None).tolist() == [
        [str(path), 1, "source", KEY_ID, 2],
        [str(path), None, "metadata of the notebook", SIGNED_URL, 1],
    ]
    assert found["problem"].isna().all()
    assert not re.search(f"{AKIA}|{SIGNATURE}", found.to_csv())


def test_scan_notebooks_is_empty_if_nothing_is_found(tmp_path: Path) -> None:
    write_notebook(tmp_path / "a.ipynb", notebook(code_cell("1 + 1")))
    found = kvs.scan_notebooks([tmp_path])
    assert found.empty
    assert found.dtypes.astype(str).to_dict() == dict(SECRET_FINDINGS)


def test_scan_notebooks_reports_an_unreadable_file_as_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text("{")
    found = kvs.scan_notebooks(str(tmp_path))
    assert found.drop(columns="problem").to_numpy(dtype=object, na_value=None).tolist() == [
        [str(path), None, None, None, None, None]
    ]
    assert "is damaged or not a notebook" in found["problem"].item()


def test_scan_notebooks_names_files_whose_names_are_not_utf8(tmp_path: Path) -> None:
    for name, content in ((b"\xff.ipynb", b"x"), (b"\xfe.py", f"key = '{AKIA}'".encode())):
        (tmp_path / os.fsdecode(name)).write_bytes(content)
    found = kvs.scan_notebooks(tmp_path)
    assert found["path"].map(lambda path: Path(path).name).tolist() == [r"\xfe.py", r"\xff.ipynb"]
    assert found["problem"].notna().tolist() == [False, True]


def test_scan_notebooks_rejects_a_missing_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"Can't find .*nowhere"):
        kvs.scan_notebooks([tmp_path, tmp_path / "nowhere"])


# --- summary


def test_summary_names_the_next_steps(tmp_path: Path) -> None:
    in_source = write_notebook(
        tmp_path / "a.ipynb", notebook(code_cell(f"boto3.Session('{AKIA}', '{SECRET}', '{TOKEN}')"))
    )
    in_output = write_notebook(tmp_path / "b.ipynb", notebook(output_cell("text/plain", URL)))
    in_widget = write_notebook(
        tmp_path / "w.ipynb", notebook(**saved_widgets(box=widget_model("PasswordModel", value="hunter2!")))
    )
    clean = write_notebook(tmp_path / "c.ipynb", notebook(code_cell()))
    (tmp_path / "d.ipynb").touch()
    assert summarize(list(scan_files([in_source, clean]))) == (
        "3 secrets in 1 of 2 notebooks. Remove them from the source; if others have seen the file, deactivate "
        "the key in IAM and revoke the role's sessions in IAM."
    )
    assert summarize(list(scan_files([in_output]))) == (
        "1 secret in 1 of 1 notebook. Clear the outputs (jupyter nbconvert --clear-output --inplace FILE); if others have "
        "seen the file, let signed URLs and TURN passwords expire."
    )
    assert (
        "Clear the outputs (jupyter nbconvert --clear-output --inplace --ClearMetadataPreprocessor.enabled=True FILE); "
        in (summarize(list(scan_files([in_widget]))))
    )
    assert "FILE) and remove the rest from the source; if" in summarize(list(scan_files([in_source, in_output])))
    assert summarize(list(scan_files([clean]))) == "No secrets in 1 notebook."
    assert (
        summarize(list(scan_files([clean, tmp_path / "d.ipynb"])))
        == "No secrets in 1 notebook; 1 file could not be scanned."
    )
    assert summarize([]) == "No notebooks found."
