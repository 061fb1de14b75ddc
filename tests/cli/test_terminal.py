"""Texts on the terminal: errors in one line, the columns that characters take, and one module that prints."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook.cli
from kvs_notebook.cli import terminal
from kvs_notebook.cli.terminal import cut_middle, display_width, fit, print_error, print_text
from kvs_notebook.formatting import printable
from tests.hostile_texts import is_shown_only

PRINTING_MODULES = {"standard_streams.py", "terminal.py"}
DATA_STREAM = {"reconfigure", "flush", "isatty"}
"""What inventory_output may do with standard output, to which CSV and JSON are written."""


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("front-door", 10),
        ("カメラ", 6),
        ("e\N{COMBINING ACUTE ACCENT}dit", 4),
        ("a\N{VARIATION SELECTOR-16}", 1),
        ("", 0),
    ],
)
def test_display_width_counts_terminal_columns(text: str, columns: int) -> None:
    assert display_width(text) == columns


@given(st.text(), st.integers(2, 90))
def test_any_text_fits_its_column(text: str, width: int) -> None:
    fitted = fit(printable(text), width)
    assert display_width(fitted) == width
    assert is_shown_only(fitted)


@given(st.text(), st.integers(3, 90))
def test_any_text_keeps_both_ends_if_its_middle_is_cut(text: str, width: int) -> None:
    shown = printable(text)
    cut = cut_middle(shown, width)
    assert display_width(cut) <= width
    assert (cut != shown) == (display_width(shown) > width)
    ellipses = [position for position, letter in enumerate(cut) if letter == terminal.ELLIPSIS]
    ends = [(cut[:position], cut[position + 1 :]) for position in ellipses] if cut != shown else [(cut, "")]
    assert any(shown.startswith(head) and shown.endswith(tail) for head, tail in ends)


def test_error_is_one_line_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("Can't read \x1b[2Ja.ipynb:\nno such file.")
    assert capsys.readouterr() == ("", "kvs-notebook: Can't read \N{REPLACEMENT CHARACTER}[2Ja.ipynb: no such file.\n")


@given(text=st.text(st.characters()), is_error=st.booleans())
def test_printed_text_has_only_printable_characters_newlines_and_tabs(text: str, *, is_error: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        streams = {name: io.StringIO() for name in ("stdout", "stderr")}
        for name, stream in streams.items():
            patch.setattr(terminal.sys, name, stream)
        print_text(text, to_standard_error=is_error)
    shown = streams["stderr" if is_error else "stdout"].getvalue()
    assert is_shown_only(shown)
    assert len(shown) == len(text) + 1
    assert [a for a in text if is_shown_only(a)] == [a for a in shown[:-1] if a != "\ufffd" or a in text]


def test_only_two_modules_of_the_command_print() -> None:
    """A text that goes another way to the terminal would not be checked."""
    found = []
    for path in Path(kvs_notebook.cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            is_print = called in {"print", "click.echo", "click.secho"}
            is_stream = called.startswith(("sys.std", "sys.__std")) and called.split(".")[-1] not in DATA_STREAM
            if path.name not in PRINTING_MODULES and (is_print or is_stream):
                found.append(f"{path.name}: {called}")
    assert found == []
