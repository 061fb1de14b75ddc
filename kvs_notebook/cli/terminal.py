"""What the terminal gives and takes: its width, the columns that a text takes in it, and errors on standard error."""

from __future__ import annotations

import shutil
import unicodedata
from itertools import accumulate

import click

STANDARD_OUTPUT = "-"
"""The path that stands for standard output."""

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
MINIMUM_TABLE_WIDTH = 80
DEFAULT_TABLE_WIDTH = 120


def print_error(message: str) -> None:
    """Print a message on standard error, in one line without control characters."""
    click.echo(f"kvs-notebook: {printable(' '.join(message.split()))}", err=True)


def table_width() -> int:
    """Return the number of columns that a table may take."""
    return max(shutil.get_terminal_size((DEFAULT_TABLE_WIDTH, 24)).columns, MINIMUM_TABLE_WIDTH)


def printable(text: str) -> str:
    """Return a text that the terminal only shows: control and formatting characters are replaced by U+FFFD."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def display_width(text: str) -> int:
    """Return the number of columns that a printable text takes: East Asian wide characters take two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def fit(text: str, width: int) -> str:
    """Return a printable text, padded or cut to ``width`` columns."""
    if display_width(text) > width:
        ends = accumulate(map(_character_width, text))
        text = text[: sum(end < width for end in ends)] + ELLIPSIS
    return text + " " * (width - display_width(text))


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
