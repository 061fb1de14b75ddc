"""Display of uncaught errors of this package: the user's own lines and the message, with the rest one call away.

A call goes through twenty frames of this package and botocore, none of which the user can change.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from kvs_notebook.formatting import printable_lines

PACKAGE = str(Path(__file__).parent) + os.sep
FULL_TRACEBACK_CALL = "kvs.errors.print_traceback()"
FULL_TRACEBACK_VARIABLE = "KVS_NOTEBOOK_FULL_TRACEBACK"


def render_in_notebook(error: BaseException) -> list[str]:
    """Return the traceback that IPython shows for an error: the user's frames, the message, and how to see the rest."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return [printable_lines(text) for text in traceback.format_exception(error)]
    shown = shell.InteractiveTB.structured_traceback(
        type(error), _without_cause(error), _user_frames(error.__traceback__), tb_offset=0
    )
    return [*shown, f"\nFor the full traceback, call {FULL_TRACEBACK_CALL}"]


def shorten_in_scripts(is_ours: Callable[[BaseException], bool]) -> None:
    """Install a hook that prints only the user's lines and the message of our errors, unless a hook is already installed."""
    if sys.excepthook is not sys.__excepthook__:
        return

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not is_ours(error):
            sys.__excepthook__(kind, error, trace)
            return
        if os.environ.get(FULL_TRACEBACK_VARIABLE):
            sys.stderr.write(_full_traceback(error))
            return
        shown = traceback.format_exception(kind, _without_cause(error), _user_frames(trace))
        sys.stderr.write("".join(shown) + f"For the full traceback, set {FULL_TRACEBACK_VARIABLE}=1.\n")

    sys.excepthook = hook


def print_last_traceback() -> None:
    """Print the last uncaught error with every frame and its causes."""
    error = getattr(sys, "last_value", None)
    if error is None:
        print("No error was raised in this session.")  # noqa: T201
        return
    sys.stdout.write(_full_traceback(error))


def _full_traceback(error: BaseException) -> str:
    """Return every frame of an error and of its causes: botocore's errors quote the service as it is."""
    return printable_lines("".join(traceback.format_exception(error)))


def _user_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return the frames down to the first of this package, without those of IPython that run a cell."""
    frames: list[TracebackType] = []
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith(PACKAGE):
        frames.append(trace)
        trace = trace.tb_next
    mine = [frame for frame in frames if not frame.tb_frame.f_globals.get("__name__", "").startswith("IPython.")]
    linked: TracebackType | None = None
    for frame in reversed(mine):
        linked = TracebackType(linked, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return linked


def _without_cause(error: BaseException) -> BaseException:
    """Return a copy of an error that has no cause; the error keeps its own."""
    copy = type(error).__new__(type(error), *error.args)
    copy.args = error.args  # OSError and its subclasses set them in __init__
    vars(copy).update(vars(error))
    return copy
