"""Standard input, output and error of the command: closed ones are replaced, and terminals get no control characters."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import IO, TextIO

from kvs_notebook.cli.terminal import WRITE_ELSEWHERE
from kvs_notebook.errors import ExportFailed
from kvs_notebook.formatting import printable_lines


class OutputStream(io.TextIOWrapper):
    """Standard output or standard error.

    On a terminal, control characters are replaced in all output: warnings, logs and tracebacks quote the service too.
    A character that the encoding lacks becomes a question mark. A failed write raises ExportFailed, or BrokenPipeError if the
    pipe is closed.

    Parameters
    ----------
    binary
        The binary stream to write to.
    encoding
        The encoding of the terminal or pipe.
    name
        The stream's name in error messages. None for standard error, whose failures cannot be reported and whose lines are
        written at once.
    """

    def __init__(self, binary: IO[bytes], encoding: str, name: str | None) -> None:
        super().__init__(binary, encoding=encoding, errors="replace", line_buffering=binary.isatty() or name is None)
        self._name = name
        self._is_terminal = binary.isatty()
        self._has_failed = False

    def write(self, text: str, /) -> int:
        """Write a text; return its number of characters."""
        if self._has_failed:
            return len(text)
        if self._is_terminal:
            begins_bar = text.startswith("\r")  # a progress bar is drawn over the one before
            text_to_show = "\r" * begins_bar + printable_lines(text[begins_bar:])
        else:
            text_to_show = text
        try:
            super().write(text_to_show)
        except OSError as error:
            self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        if self._has_failed:
            return
        try:
            super().flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """Raise the error, but only once: Python flushes the stream again at exit."""
        self._has_failed = True
        if self._name is None:
            return  # there is no place to report it
        if isinstance(error, BrokenPipeError):
            raise error
        raise ExportFailed(f"Can't write to {self._name}: {error.strerror}. {WRITE_ELSEWHERE}") from error


class ClosedStream(io.TextIOWrapper):
    """The null device, in place of a standard stream that was closed when the command was started."""


def open_standard_streams() -> None:
    """Replace closed standard streams by the null device, the others by streams without control characters on a terminal.

    A scheduler may close one of them before it starts the command (``>&-``). Python then sets it to None, and the next file
    that is opened gets its file descriptor, so that a child process would print into that file.
    """
    for number in range(3):
        _occupy(number)
    sys.stdin = sys.stdin or _closed_stream("r")
    sys.stdout = _output_stream(sys.stdout, "standard output")
    sys.stderr = _output_stream(sys.stderr, None)


def is_closed(stream: object) -> bool:
    """Return whether the command was started without this standard stream."""
    return isinstance(stream, ClosedStream)


def _occupy(number: int) -> None:
    """Open the null device as a file descriptor that is closed."""
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        os.set_inheritable(null, True)


def _output_stream(stream: TextIO | None, name: str | None) -> io.TextIOWrapper:
    if stream is None:
        return _closed_stream("w")
    return OutputStream(stream.buffer, stream.encoding, name)


def _closed_stream(mode: str) -> ClosedStream:
    return ClosedStream(Path(os.devnull).open(f"{mode}b"), encoding="utf-8", errors="replace")
