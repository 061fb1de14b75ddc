"""The threads on which a console and its forms do their work."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MAX_THREADS = 100
"""Threads start on demand. A console keeps at most ten busy: one for each form, and those that list, filter, save and ask for the
identity. The others are for calls that the user stopped waiting for, which may hang until their timeouts: they must not delay
what the user does next."""


class ContextExecutor(ThreadPoolExecutor):
    """Run functions on threads, each in a copy of its caller's context.

    Without the caller's context, a widget that changes on the thread does not find its kernel. The futures are those of
    concurrent.futures because cells and callbacks do not share an event loop in every version of ipykernel; in a cell,
    ``await asyncio.wrap_future(form.future)``.
    """

    def __init__(self) -> None:
        super().__init__(MAX_THREADS, thread_name_prefix="kvs-form")

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function in a copy of the current context."""
        return super().submit(contextvars.copy_context().run, partial(fn, *args, **kwargs))
