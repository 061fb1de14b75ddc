"""Values and counts as messages show them."""

from __future__ import annotations

LONGEST_SHOWN = 90
"""Characters of a value that an error message shows whole."""


def format_value(value: object) -> str:
    """Give a value as an error message may show it: quoted, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:70]}...{text[-15:]} ({len(text) - 2} long)"


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun in singular or plural, such as ``"1 channel"`` or ``"1,200 channels"``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
