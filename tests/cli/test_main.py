"""The kvs-notebook command: help, version and usage errors."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kvs_notebook.cli.example_command import CommandGroup, ExampleCommand
from kvs_notebook.cli.main import cli
from kvs_notebook.version import __version__
from tests.cli.conftest import Run

PRINT_ALL_HELP = """
import sys
from click.testing import CliRunner
from kvs_notebook.cli.main import cli

for arguments in [["--version"], ["--help"], *([name, "--help"] for name in cli.commands)]:
    assert CliRunner().invoke(cli, arguments).exit_code == 0, arguments
print(*sys.modules)
"""


def test_help_imports_nothing_heavy(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINT_ALL_HELP], env=environment, capture_output=True, text=True, check=True
    )
    imported = {name.split(".")[0] for name in done.stdout.split()}
    assert "click" in imported
    assert not imported & {"asyncio", "pandas", "numpy", "boto3", "botocore", "pyarrow", "uvicorn"}


def test_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").stdout == f"kvs-notebook, version {__version__}\n"


def test_usage_error_ends_the_process_with_2(run: Run) -> None:
    done = run("inventory", "--no-such")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: kvs-notebook inventory" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["inventory", "--no-such"],
        ["nothing"],
        ["sandbox", "--port", "99999"],
        ["inventory", "--sandbox", "--profile", "fleet"],
        ["inventory", "--profile", "a", "--profile", "b", "--role-arn", "Reader"],
        ["inventory", "--profile", "a", "--profile", "b", "--accounts", "accounts.csv"],
        ["pictures", "--profile", "a", "--profile", "b", "-o", "pictures"],
        ["picture", "front-door", "--profile", "a", "--profile", "b", "-o", "a.jpg"],
        ["sign", "front-door", "--client-id", "a", "--profile", "a", "--profile", "b"],
        ["apply", ".", "--profile", "a", "--profile", "b"],
        ["console", "--profile", "a", "--profile", "b"],
        ["inventory", "--sandbox", "--csv", "-", "--json", "-"],
        ["inventory", "--region", "eu-west-1", "--all-regions"],
        ["inventory", "--sandbox", "--prefix", "front", "--snapshot", "history"],
        ["inventory", "--sandbox", "--prefix", "front", "--compare", "history"],
        ["inventory", "--sandbox", "--no-tags", "--require", "Owner"],
        ["inventory", "--sandbox", "--role-name", "Reader"],
        ["inventory", "--sandbox", "--require", "Env", "--require", "Env=prod"],
        ["inventory", "--sandbox", "--require", "E*v"],
        ["inventory", "--sandbox", "--changes", "changes.csv"],
        ["inventory", "--sandbox", "--compare", "history", "--changes", "-", "--csv", "-"],
        ["inventory", "--sandbox", "--compare", "history", "--changes", "changes.xlsx"],
        ["inventory", "--sandbox", "--compare", "history", "--changes", "a.csv", "--csv", "a.csv"],
        ["inventory", "--sandbox", "--compare", "history", "--changes", "a-coverage.csv", "--csv", "./a.csv"],
        ["inventory", "--sandbox", "--quiet", "--table"],
        ["inventory", "--sandbox", "--report", "report.pdf"],
        ["inventory", "--sandbox", "--report", "-"],
        ["policy", "--account", "12345"],
        ["policy", "--region", "eu-wst-1"],
        ["policy", "--prefix", "a*"],
        ["policy", "--role-arn", "Reader"],
        ["policy", "everything"],
        ["policy", "--trust", "12345"],
        ["policy", "--trust", "111122223333", "--auditor"],
        ["policy", "--external-id", "fleet-1"],
        ["policy", "--role-name", "Reader"],
        ["policy", "--accounts", "nowhere.csv"],
        ["inventory", "--sandbox", "--role-duration", "60"],
        ["scan"],
        ["sign"],
        ["sign", "front-door"],
        ["sign", "front-door", "--client-id", "tablet"],
        ["sign", "front-door", "--client-id", "tablet", "-o", "a.url", "--expires", "0"],
        ["scan", "nowhere.ipynb"],
    ],
)
def test_usage_error_is_rejected_before_anything_is_read(arguments: list[str]) -> None:
    done = CliRunner().invoke(cli, arguments, prog_name="kvs-notebook")
    assert done.exit_code == 2, done.exception
    assert "Usage: kvs-notebook" in done.stderr
    assert done.stdout == ""


def commands_of(group: click.Group, path: str = "kvs-notebook") -> dict[str, click.Command]:
    """Return the commands that are not groups, by what a user types."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        typed = f"{path} {name}"
        found |= commands_of(command, typed) if isinstance(command, click.Group) else {typed: command}
    return found


@pytest.mark.parametrize(("typed", "command"), commands_of(cli).items())
def test_example_of_each_command_can_be_parsed(
    typed: str, command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    assert isinstance(command, ExampleCommand)
    assert command.example.startswith(f"{typed} ")
    command.make_context(typed, shlex.split(command.example.removeprefix(typed)))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["plan", "ttl", "300"], "Missing argument 'SECONDS'."),
        (["plan", "ttl", "90", "fleet.csv"], "Invalid value for 'SECONDS'"),
        (["undo", "changes"], "Missing option '-o' / '--output'."),
        (["sign", "front-door"], "Missing option '--client-id'."),
        (["inventory", "eu-west-1"], "Got unexpected extra argument (eu-west-1)"),
    ],
)
def test_error_about_arguments_ends_with_the_example(arguments: list[str], error: str) -> None:
    result = CliRunner().invoke(cli, arguments)
    command = next(
        command
        for typed, command in commands_of(cli).items()
        if f"kvs-notebook {shlex.join(arguments)} ".startswith(f"{typed} ")
    )
    assert isinstance(command, ExampleCommand)
    assert result.exit_code == 2
    assert f"Error: {error}" in result.stderr
    assert result.stderr.endswith(f"Example: {command.example}\n")


GROUPS = {(): cli, ("plan",): cli.commands["plan"]}


@pytest.mark.parametrize("path", GROUPS, ids=str)
def test_word_of_the_field_suggests_an_existing_command(path: tuple[str, ...], run: Run) -> None:
    group = GROUPS[path]
    assert isinstance(group, CommandGroup)
    assert not group.meant.keys() & group.commands.keys()
    for word, meant in group.meant.items():
        done = CliRunner().invoke(cli, [*path, word])
        assert done.exit_code == 2
        assert f"No such command '{word}'. Use kvs-notebook {meant}." in done.output
        for line in f"kvs-notebook {meant}".split("kvs-notebook ")[1:]:
            words = line.replace(",", "").split()
            command: click.Command = cli
            while isinstance(command, click.Group):
                command = command.commands[words.pop(0)]
            options = {option for parameter in command.params for option in parameter.opts}
            assert {each for each in words if each.startswith("-")} <= options
