"""Interruption: Ctrl-C as something to be asked for between two steps, so that it tears none of them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_back() -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C sets; a second one interrupts at once, as ever.

    Where Ctrl-C is somebody else's (another thread's, or a handler's of their own), it stays theirs.
    """
    pressed = threading.Event()
    on_main_thread = threading.current_thread() is threading.main_thread()
    if not on_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield pressed
        return

    def take_note(_number: int, _frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, take_note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
