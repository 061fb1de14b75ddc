"""A spreadsheet's own conversions are distinguished from edits."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kvs_notebook.plans.spreadsheet_damage import is_conversion
from tests.dataframes.test_spreadsheets import RISKY, as_libreoffice
from tests.plans.fleets import examples

days = st.dates(date(2001, 1, 1), date(2029, 12, 31))
AS_WRITTEN = {
    "dm": ["%d-%m-%Y", "%d.%m.%y", "%d/%m", "%d %b %Y", "%Y-%m-%d", "%d-%m"],
    "md": ["%m-%d-%Y", "%m/%d/%y", "%m/%d", "%b %d %Y", "%Y-%m-%d", "%m-%d"],
}
AS_SHOWN = {"dm": ["%d-%b", "%d.%m.%Y", "%d/%m/%Y", "%Y-%m-%d"], "md": ["%d-%b", "%m/%d/%Y", "%m/%d/%y", "%Y-%m-%d"]}


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("0042", "42"), ("3.10", "3.1"), ("3-4", "4-Mar"), ("3-4", "03.04.2026"), ("true", "TRUE"), ("TRUE", "WAHR"),
        ("1E5", "100000"), ("1E5", "1.00E+05"), ("12345678901234567", "1.23457E+16"), ("12345678901234567", "12345678901234500"),
        ("2026-01-05", "1/5/2026"), ("2026-01-05", "05.01.2026"), ("2026-01-05", "46027"), ("9:30", "09:30:00"),
        ("9:30", "0.395833333"), ("5 pm", "17:00"), ("MAR1", "1-Mar"), ("MAR1", "01. Mrz"), ("06-8108", "Jun-08"),
        ("3.10", "03. Okt"), ("5 March 2026", "5-Mar-26"), (" 7", "7"), ("\N{FULLWIDTH DIGIT SEVEN}", "7"), ("-foo", "#NAME?"),
        ("000123456789", "1.23457E+08"), ("1.23456789012", "1.23456789"), ("2026-01-05T09:30:00Z", "05.01.2026 09:30"),
    ],
)  # fmt: skip
def test_conversions_are_recognised(text: str, cell: str) -> None:
    assert is_conversion(text, cell)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("0042", "43"), ("3.10", "3.2"), ("hq", "HQ"), ("hq", "42"), ("3-4", "4-3"), ("1/2", "2/1"), ("10/12", "12/10"),
        ("60", "90"), ("60", "600"), ("2026-01-05", "2026-02-01"), ("2026-01-05", "2026-01-06"), ("2026-01-05", "46028"),
        ("9:30", "9:45"), ("true", "false"), ("true", "no"), ("Mar 1", "Apr 1"), ("3.14", "3.1"), ("front-door", "gate"),
        ("rack-7", "rack-07"), ("1", ""), ("5 pm", "5 am"), ("0042", "annex"),
    ],
)  # fmt: skip
def test_edits_are_not_taken_for_conversions(text: str, cell: str) -> None:
    assert not is_conversion(text, cell)


@examples
@given(days, st.sampled_from(["dm", "md"]), st.data())
def test_every_date_is_recognised_in_its_locale(day: date, order: str, data: st.DataObject) -> None:
    written = day.strftime(data.draw(st.sampled_from(AS_WRITTEN[order])))
    shown = day.strftime(data.draw(st.sampled_from(AS_SHOWN[order])))
    assert is_conversion(written, shown)


@examples
@given(days, days, st.sampled_from(["dm", "md"]), st.data())
def test_another_date_is_an_edit(day: date, other: date, order: str, data: st.DataObject) -> None:
    assume((day.day, day.month) != (other.day, other.month))
    form = data.draw(st.sampled_from(["%Y-%m-%d", "%d %B %Y"]))
    assert not is_conversion(day.strftime(form), other.strftime(form))


@examples
@given(st.times(), st.times())
def test_only_the_same_time_is_recognised(one: time, other: time) -> None:
    written = f"{one.hour}:{one.minute:02}"
    assert is_conversion(written, one.strftime("%H:%M:00"))
    if (one.hour, one.minute) != (other.hour, other.minute):
        assert not is_conversion(written, other.strftime("%H:%M:00"))


@examples
@given(
    st.sampled_from(RISKY)
    | st.from_regex(r"0\d{1,20}", fullmatch=True)
    | st.from_regex(r"\d{1,9}\.\d{1,9}", fullmatch=True)
)
def test_numbers_that_libreoffice_saves_are_recognised(text: str) -> None:
    cell = as_libreoffice(text)
    assert cell == text or is_conversion(text, cell)


@examples
@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_decided(text: str, cell: str) -> None:
    assert is_conversion(text, cell) in {True, False}
