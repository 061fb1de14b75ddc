"""What a spreadsheet makes of text that looks like a number, a date, a time or a boolean, without being asked to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from kvs_notebook.dataframes.csv_text import BOOLEANS, MONTHS, is_convertible

_ERROR_VALUES = re.compile(r"#(name\?|value!|ref!|n/a|div/0!|num!|null!|#+)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII)
_TIME = re.compile(r"(\d{1,2})(?::(\d\d))?(?::(\d\d)(?:[.,]\d+)?)?\s*(am|pm|a|p|z)?\b", re.ASCII)
_PARTS = re.compile(r"\d+|[^\W\d_]+")

_ROUNDED_FROM = 6
"""Significant digits from which a number may be one that a spreadsheet has rounded."""

_FIRST_DAY = date(1899, 12, 30)
_LAST_SERIAL = 2_958_465
"""Day 0 of a spreadsheet, and the number of its last day, 31 December 9999."""


@lru_cache(maxsize=10_000)
def is_conversion(text: str, cell: str) -> bool:
    """Return whether a spreadsheet may have turned a text into what a cell has: ``0042`` into ``42``, ``3-4`` into ``4-Mar``."""
    old, new = _normalize(text), _normalize(cell)
    if _ERROR_VALUES.fullmatch(new):
        return True
    if not is_convertible(text):
        return False
    if old == new or BOOLEANS.get(old, old) == BOOLEANS.get(new, new):
        return True
    if _NUMBER.fullmatch(old) and _NUMBER.fullmatch(new) and _is_same_number(old, new):
        return True
    return any(_is_same_moment(*pair) for pair in product(_moments(old), (*_moments(new), *_moments_of_serial(new))))


def _normalize(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _is_same_number(old: str, new: str) -> bool:
    before, after = Decimal(old), Decimal(new)
    if before == after:
        return True
    shown = (after if {"e", "."} & set(new) else after.normalize()).as_tuple()
    is_rounded = "e" in new or len(shown.digits) >= _ROUNDED_FROM
    return is_rounded and abs(before - after) < Decimal((0, (1,), int(shown.exponent)))


# --- dates and times


class _Moment(NamedTuple):
    """A date, a time of the day, or both; what is not known is None."""

    order: str
    """The order of day and month in the locale, which is the same for a text and for the cell that it became."""
    year: str | None = None
    month: int | None = None
    day: int | None = None
    minutes: float | None = None


def _moments(text: str) -> tuple[_Moment, ...]:
    """Return all ways to read a text as a date, a time or both."""
    at = next((each for each in _TIME.finditer(text) if each[2] or each[4] in {"am", "pm", "a", "p"}), None)
    minutes = None if at is None else _minutes(at)
    rest = text if at is None else text[: at.start()] + " " + text[at.end() :]
    words = [word for word in _PARTS.findall(rest) if word not in {"t", "z"}]
    numbers = [word for word in words if word.isdecimal()]
    months = [_month_of(word) for word in words if not word.isdecimal()]
    if not words and minutes is not None:
        return (_Moment("dm", minutes=minutes), _Moment("md", minutes=minutes))
    if len(months) > 1 or None in months or not 1 <= len(numbers) <= 3 - len(months):
        return ()
    return tuple(
        _Moment(order, year, month, day, minutes)
        for order in ("dm", "md")
        for year, month, day in _dates(numbers, months[0] if months else None, order)
    )


def _minutes(match: re.Match[str]) -> float:
    hours = int(match[1])
    if match[4] not in {None, "z"}:
        hours = hours % 12 + (12 if match[4].startswith("p") else 0)
    return hours * 60 + int(match[2] or 0) + int(match[3] or 0) / 60


def _month_of(word: str) -> int | None:
    names = sorted((name for name in MONTHS if word.startswith(name)), key=len)
    return MONTHS[names[-1]] if names else None


def _dates(numbers: list[str], month: int | None, order: str) -> Iterator[tuple[str | None, int, int | None]]:
    """Yield year, month and day of each way to read numbers, of which one may be a month's name."""
    if month is not None:
        if len(numbers) == 1:
            yield None, month, int(numbers[0])
            yield numbers[0], month, None
        else:
            yield numbers[1], month, int(numbers[0])
            yield numbers[0], month, int(numbers[1])
    elif len(numbers) == 2:  # noqa: PLR2004
        first, second = map(int, numbers)
        yield (None, second, first) if order == "dm" else (None, first, second)
        if len(numbers[1]) > 1:
            yield numbers[1], first, None
        if len(numbers[0]) > 2:  # noqa: PLR2004 - 2026-01, but not 26-01
            yield numbers[0], second, None
    elif len(numbers) == 3:  # noqa: PLR2004
        first, second, third = map(int, numbers)
        yield numbers[0], second, third
        yield (numbers[2], second, first) if order == "dm" else (numbers[2], first, second)


def _moments_of_serial(text: str) -> tuple[_Moment, ...]:
    """Return the moment that a workbook stores as a number: the days since the end of 1899."""
    if not _NUMBER.fullmatch(text) or not 0 <= (serial := float(text)) <= _LAST_SERIAL:
        return ()
    minutes = serial % 1 * 1440
    if serial < 1:
        return (_Moment("dm", minutes=minutes),)
    day = _FIRST_DAY + timedelta(days=int(serial))
    return tuple(_Moment(order, str(day.year), day.month, day.day, minutes or None) for order in ("dm", "md"))


def _is_same_moment(one: _Moment, other: _Moment) -> bool:
    if one.order != other.order or one.month != other.month:
        return False
    days = _agree(one.day, other.day)
    years = _agree_in_years(one.year, other.year)
    if days is False or years is False or (one.month is not None and not (days or years)):
        return False
    if one.month is None or (one.minutes is not None and other.minutes is not None):
        return abs((one.minutes or 0) - (other.minutes or 0)) < 1
    return True


def _agree(one: int | None, other: int | None) -> bool | None:
    return None if one is None or other is None else one == other


def _agree_in_years(one: str | None, other: str | None) -> bool | None:
    """Return whether years are the same, by their last two digits if one of both has no more; None if one is not known."""
    if one is None or other is None:
        return None
    return int(one) == int(other) or (min(len(one), len(other)) <= 2 and int(one) % 100 == int(other) % 100)  # noqa: PLR2004
