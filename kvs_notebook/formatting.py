"""Values, counts and texts of the service as messages show them."""

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


def printable(text: str) -> str:
    """Return a text that a terminal only shows: control and formatting characters are replaced by U+FFFD."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def printable_lines(text: str) -> str:
    """Return a text of several lines that a terminal only shows; newlines and tabs are kept."""
    if text.isprintable():
        return text
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
