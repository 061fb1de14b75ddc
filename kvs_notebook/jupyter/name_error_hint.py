"""Add a hint to the NameErrors of a notebook: which cells to run."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

HINT = "If a cell above defines it, run the first code cell of this notebook, then those down to this one."


def enable_name_error_hint() -> None:
    """Add a hint to each NameError of this kernel; outside IPython, or if a handler is set already, do nothing."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and not shell.custom_exceptions:
        shell.set_custom_exc((NameError,), _show)


def _show(
    shell: Any, kind: type[BaseException], error: BaseException, trace: TracebackType, tb_offset: int | None = None
) -> None:
    """Show the traceback as IPython does, with the hint after the message."""
    if kind is NameError and not str(error).endswith(HINT):
        error.args = (f"{error}. {HINT}",)
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
