"""Texts on the terminal: errors in one line, and the columns that characters take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.cli.terminal import display_width, fit, print_error, printable


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
    assert fitted.isprintable()


def test_error_is_one_line_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("Can't read \x1b[2Ja.ipynb:\nno such file.")
    assert capsys.readouterr() == ("", "kvs-notebook: Can't read \N{REPLACEMENT CHARACTER}[2Ja.ipynb: no such file.\n")
