"""The cheat sheet of the first walkthrough: each call and each command in it is valid."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from operator import attrgetter
from typing import Any

import click
import pytest

import kvs_notebook as kvs
from kvs_notebook.cli.main import cli
from tests.notebooks.kernel import NOTEBOOKS, cells_of

HEADINGS = ["Task", "Python", "Form: `kvs.forms`", "Command: `kvs-notebook`"]


def rows() -> list[list[str]]:
    """Return the cells of each row of the table."""
    lines = [line for line in cells_of(NOTEBOOKS[0])["cheat-sheet"].source.splitlines() if line.startswith("|")]
    headings, _, *rows = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]
    assert headings == HEADINGS
    return rows


def snippets(heading: str) -> list[str]:
    """Return the code in a column."""
    return [code for row in rows() for code in re.findall(r"`([^`]+)`", row[HEADINGS.index(heading)])]


def check_call(code: str) -> None:
    """Raise if the called function does not exist or does not accept these arguments."""
    statement: Any = ast.parse(code).body[0]
    call = statement.value
    function = attrgetter(ast.unparse(call.func).removeprefix("kvs."))(kvs)
    inspect.signature(function).bind(*call.args, **{keyword.arg: keyword.value for keyword in call.keywords})


def check_command(line: str) -> None:
    """Raise if the subcommand does not exist or does not accept these options."""
    name, *arguments = shlex.split(line)
    command = cli.get_command(click.Context(cli), name)
    assert command, name
    with command.make_context(name, arguments):
        pass


def test_every_row_has_a_task_and_python() -> None:
    assert [row for row in rows() if len(row) != len(HEADINGS) or not row[0] or "kvs." not in row[1]] == []


def test_calls_have_valid_arguments() -> None:
    for code in snippets("Python"):
        check_call(code)


def test_commands_have_valid_options() -> None:
    for line in snippets("Command: `kvs-notebook`"):
        check_command(line)


def test_forms_exist() -> None:
    assert set(snippets("Form: `kvs.forms`")) <= set(kvs.forms.__all__)


@pytest.mark.parametrize(
    "code", ["kvs.list_channel()", "kvs.update_channel('front-door', ttl=30)", "kvs.get_endpoints()"]
)
def test_wrong_call_is_reported(code: str) -> None:
    with pytest.raises((AttributeError, TypeError)):
        check_call(code)


def test_wrong_option_is_reported() -> None:
    with pytest.raises(click.ClickException):
        check_command("inventory --regions us-east-1")
