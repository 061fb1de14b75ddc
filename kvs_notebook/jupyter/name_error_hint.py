"""Lesson: what a notebook says where its cells are run out of order, and what a learner does when the sandbox has gone."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

NOT_YET = "Where a cell above makes it: run the first code cell of this notebook, then those down to this one."


def explain_names() -> None:
    """Let each NameError of this notebook say what to run; outside a notebook, or where one's own handler is set, do nothing."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and not shell.custom_exceptions:
        shell.set_custom_exc((NameError,), _show)


def _show(
    shell: Any, kind: type[BaseException], error: BaseException, trace: TracebackType, tb_offset: int | None = None
) -> None:
    """Show a traceback as ever, with the sentence behind the message."""
    if kind is NameError and not str(error).endswith(NOT_YET):
        error.args = (f"{error}. {NOT_YET}",)
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
