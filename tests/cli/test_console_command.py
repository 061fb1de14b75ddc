"""kvs-notebook console: the notebook that it writes. tests/browser shows that it runs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from kvs_notebook.cli import console_command
from kvs_notebook.errors import ExportFailed
from tests.cli.conftest import Run, single_line


@pytest.mark.parametrize(
    ("profile", "region", "allow_changes", "connect"),
    [
        (None, None, False, []),
        ("ops", None, False, ["kvs.connect('ops')"]),
        ("o'ps", "eu-west-1", True, ["kvs.connect(\"o'ps\", region='eu-west-1', allow_changes=True)"]),
    ],
)
def test_cell_connects_as_the_options_say(profile, region, allow_changes, connect) -> None:
    code = console_command.console_cell(profile, region, allow_changes=allow_changes)
    assert code.splitlines() == ["import kvs_notebook as kvs", *connect, "kvs.forms.console()"]


def test_notebook_is_written_anew_in_a_folder_that_git_ignores(tmp_path: Path) -> None:
    folder = tmp_path / "consoles" / "ops"
    for code in ("1", "2"):
        console_command._write_notebook(folder, code)
    (cell,) = nbformat.read(folder / "console.ipynb", as_version=4).cells
    assert cell.source == "2"
    assert (folder / ".gitignore").read_text() == "*\n"
    console_command._write_notebook(tmp_path, "1")
    assert not (tmp_path / ".gitignore").exists(), "a folder of the user's own is not changed"


def test_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ExportFailed, match="Choose a folder that you may write to: kvs-notebook console FOLDER"):
        console_command._write_notebook(tmp_path / "taken" / "deeper", "1")


@pytest.mark.parametrize(
    "arguments", [("console",), ("lab",), ("pictures", "--sandbox", "-o")], ids=lambda each: each[0]
)
def test_folder_in_too_many_folders_is_one_line(run_here: Run, environment: dict[str, str], arguments: tuple[str, ...]):
    ended = run_here(*arguments, "a/" * 1_500, env=environment)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "is too deep: 1500 nested folders (maximum 200). Shorten the path." in single_line(ended.stderr)


def test_sandbox_and_profile_cannot_be_combined(run_here: Run, environment: dict[str, str]) -> None:
    ended = run_here("console", "--sandbox", "--profile", "ops", env=environment)
    assert ended.returncode == 2
    assert "--sandbox cannot be combined with --profile" in ended.stderr
