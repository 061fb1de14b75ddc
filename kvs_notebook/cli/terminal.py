"""Print for all subcommands, and measure the terminal's width and the columns that a text takes.

A subcommand prints with the functions of this module only, so that no text of the service reaches the terminal unchecked.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate

from kvs_notebook.cli.error_words import in_options
from kvs_notebook.errors import ExportFailed
from kvs_notebook.formatting import printable, printable_lines

STANDARD_OUTPUT = "-"
"""The path that stands for standard output."""

WRITE_ELSEWHERE = "Free space, or redirect it elsewhere."

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
MINIMUM_TABLE_WIDTH = 80
DEFAULT_TABLE_WIDTH = 120


def print_error(message: str) -> None:
    """Print a message on standard error, in one line without control characters, with options in place of Python's functions."""
    print_text(f"kvs-notebook: {printable(' '.join(in_options(message).split()))}", to_standard_error=True)


@contextmanager
def printed_warnings(*, hidden: str) -> Iterator[None]:
    """Print the warnings for the user that a block issues, except those that end with ``hidden``."""
    with warnings.catch_warnings(record=True, action="always", category=UserWarning) as warned:
        try:
            yield
        finally:
            for message in dict.fromkeys(str(warning.message) for warning in warned):
                if not message.endswith(hidden):
                    print_error(message)


def print_text(text: str, *, to_standard_error: bool = False) -> None:
    """Print lines without control characters on standard output, or on standard error."""
    print_exactly(printable_lines(text), to_standard_error=to_standard_error)


def print_exactly(text: str, *, to_standard_error: bool = False) -> None:
    """Print lines whose values stay as they are for the program that reads them; on a terminal they are still replaced."""
    stream = sys.stderr if to_standard_error else sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def print_bytes(data: bytes) -> None:
    """Write binary data to standard output; raise ExportFailed if that fails, BrokenPipeError if its reader has ended."""
    try:
        # A buffer of its own: what could not be written must not be left in Python's, which is flushed at exit.
        with open(sys.stdout.fileno(), "wb", closefd=False) as stream:
            stream.write(data)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ExportFailed(f"Can't write to standard output: {error.strerror}. {WRITE_ELSEWHERE}") from error


def table_width() -> int:
    """Return the number of columns that a table may take."""
    return max(shutil.get_terminal_size((DEFAULT_TABLE_WIDTH, 24)).columns, MINIMUM_TABLE_WIDTH)


def display_width(text: str) -> int:
    """Return the number of columns that a printable text takes: East Asian wide characters take two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def fit(text: str, width: int) -> str:
    """Return a printable text, padded or cut to ``width`` columns."""
    if display_width(text) > width:
        ends = accumulate(map(_character_width, text))
        text = text[: sum(end < width for end in ends)] + ELLIPSIS
    return text + " " * (width - display_width(text))


def cut_middle(text: str, width: int) -> str:
    """Return a printable text, with an ellipsis in place of its middle if it takes more than ``width`` columns."""
    if display_width(text) <= width:
        return text
    end = width // 2
    kept = sum(taken <= end for taken in accumulate(map(_character_width, reversed(text))))
    tail = text[len(text) - kept :]
    while tail and _character_width(tail[0]) == 0:  # it would combine with the ellipsis
        tail = tail[1:]
    return fit(text, width - display_width(tail)).rstrip() + tail


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
