"""Return memory that is free to the operating system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def return_free_memory() -> None:
    """Return what the C library keeps for later, in 2 ms.

    Each picture is decoded on a thread of its own, and glibc keeps what the heap of a thread once needed: 200 pictures left 90 MB
    behind. Nothing is done if the C library has no malloc_trim(), as on macOS and Windows.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # Windows has no library of the name None
        return None
