"""Terminal: what the command says there, another program run in its foreground, and the signals that come from it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

import click

from kvs_notebook.cli.exit_codes import BY_SIGNAL, NOT_FOUND, NOT_RUNNABLE

LEAST_WIDTH = 80


def complain(message: str) -> None:
    """Say on standard error, in one line, what went wrong."""
    click.echo(f"kvs-notebook: {' '.join(message.split())}", err=True)


def width() -> int:
    """Give the columns that a table may take."""
    return max(shutil.get_terminal_size((120, 24)).columns, LEAST_WIDTH)


def on_signals(handler: Callable[[int, FrameType | None], None], *names: str) -> None:
    """Handle these signals where the system has them, but not one that nohup or a shell has switched off."""
    for name in names:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> int:
    """Run a command to its end and give its exit code, 128 + N where signal N ended it, as a shell does."""
    try:
        process = subprocess.Popen(command, env=dict(environment), cwd=folder)  # noqa: S603 - it is the user's own
    except OSError as error:
        complain(f"Can't run {command[0]}: {error.strerror}. Check its name and the PATH.")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGINT or not _is_ours():
            process.send_signal(number)

    try:
        on_signals(pass_on, "SIGINT", "SIGTERM", "SIGHUP")
        code = process.wait()
    except BaseException:  # a signal that came just before it could be passed on
        process.terminate()
        process.wait()
        raise
    return code if code >= 0 else BY_SIGNAL - code


def _is_ours() -> bool:
    """Tell whether a Ctrl-C reaches the command by itself, as a terminal sends it to the whole foreground group."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
