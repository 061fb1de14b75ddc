"""Run another program in the foreground, and handle the signals of the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from kvs_notebook.cli.exit_codes import NOT_EXECUTABLE, NOT_FOUND, SIGNAL_BASE
from kvs_notebook.cli.terminal import print_error


def handle_signals(handler: Callable[[int, FrameType | None], None], *names: str) -> None:
    """Install a handler for the signals that the system has, except those that nohup or a shell has disabled."""
    for name in names:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def run_process(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> int:
    """Run a command until it ends and return its exit code, 128 + N if signal N ended it, as a shell does."""
    try:
        process = subprocess.Popen(command, env=dict(environment), cwd=folder)  # noqa: S603 - the user's own command
    except OSError as error:
        print_error(f"Can't run {command[0]}: {error.strerror}. Check its name and the PATH.")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE

    def forward(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGINT or not _is_foreground_group():
            process.send_signal(number)

    try:
        handle_signals(forward, "SIGINT", "SIGTERM", "SIGHUP")
        code = process.wait()
    except BaseException:  # a signal that arrived before its handler was installed
        process.terminate()
        process.wait()
        raise
    return code if code >= 0 else SIGNAL_BASE - code


def _is_foreground_group() -> bool:
    """Return whether the terminal itself sends Ctrl-C to the command, as it does to its whole foreground group."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
