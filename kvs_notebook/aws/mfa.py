"""Ask the user for an MFA code, if a user can enter one."""

from __future__ import annotations

import sys
import threading


class CodeCannotBeEnteredError(Exception):
    """An MFA code cannot be entered: there is no terminal and no cell, or this is not the main thread."""


def ask_for_code(prompt: str) -> str:
    """Return the MFA code that the user enters at a terminal or in a notebook's cell.

    Raises
    ------
    CodeCannotBeEnteredError
        If the program runs unattended: a prompt would wait for input that never comes.
    """
    import getpass

    if threading.current_thread() is not threading.main_thread() or not (_is_kernel() or _is_terminal()):
        raise CodeCannotBeEnteredError("no terminal or cell in which a code can be entered")
    return getpass.getpass(prompt)


def _is_kernel() -> bool:
    """Return whether this is an IPython kernel, whose getpass raises an error if the frontend has no input."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def _is_terminal() -> bool:
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
