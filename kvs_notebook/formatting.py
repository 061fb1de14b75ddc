"""Values and counts as messages show them."""

from __future__ import annotations

MAX_LENGTH = 90
"""Characters of a value that a message shows uncut."""


def format_value(value: object) -> str:
    """Return a value for a message: its repr, cut if it is long."""
    text = repr(value)
    if len(text) <= MAX_LENGTH:
        return text
    return f"{text[:70]}...{text[-15:]} ({format_count(len(text) - 2, 'character')})"


def format_count(number: int, noun: str) -> str:
    """Return a number and its noun, in the plural unless the number is 1: ``1 channel``, ``1,200 channels``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
