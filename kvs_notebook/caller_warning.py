"""Warnings that point at the user's line, however many functions of this package are between."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from kvs_notebook.formatting import one_line

_PACKAGE = str(Path(__file__).parent)


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning in one line, which may quote a file, whose location is the first caller outside of this package."""
    frame, level = sys._getframe(), 1  # noqa: SLF001 - what warnings.warn() uses too; skip_file_prefixes came with Python 3.12
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(one_line(message), category, stacklevel=level)
