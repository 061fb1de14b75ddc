"""Values and counts in messages."""

from __future__ import annotations

import pytest

from kvs_notebook.formatting import format_count, format_value, printable


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 channels"), (1, "1 channel"), (2, "2 channels"), (1_200, "1,200 channels")]
)
def test_format_count_uses_plural_unless_one(number, text):
    assert format_count(number, "channel") == text


def test_spaces_of_any_width_are_printable_unlike_line_breaks():
    spaces = "a\u00a0b\u2009c\u3000d"
    assert printable(spaces) == spaces
    assert printable("a\u2028b\x85c\x1fd\n") == "a\ufffdb\ufffdc\ufffdd\ufffd"


def test_short_value_is_shown_quoted():
    assert format_value("front-door") == "'front-door'"
    assert format_value(7) == "7"


def test_long_value_is_cut_with_its_length():
    text = format_value("x" * 5_000)
    assert len(text) < 120
    assert text.endswith("xxx' (5,000 characters)")
