"""Run one function for many items on threads, with a progress bar."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm.std import tqdm

THREADS = 8
"""Enough to use the quotas of one account and region: the largest is 300 calls a second, a process reaches about 500."""

MOST_SUBMITTED = 1_000
"""Items that wait for a thread: to submit 50,000 at once would keep Python, and with it a notebook's forms, busy for a second."""

PROGRESS_AFTER_SECONDS = 1.0

_is_progress_hidden = ContextVar("_is_progress_hidden", default=False)

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_concurrent(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    description: str,
    unit: str = "channel",
    quiet: bool = False,
) -> list[Result]:
    """Call ``work`` for each item on 8 threads, and return the results in the order of the items.

    If it takes more than a second, a progress bar appears in a notebook and on a terminal, unless ``quiet``. The first error
    is raised; items that were not started are dropped.
    """
    if len(items) <= 1:
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="kvs-notebook")
    rest = iter(items)
    submitted = deque(pool.submit(work, item) for item in islice(rest, MOST_SUBMITTED))
    with progress_bar(len(items), description, unit, quiet=quiet) as bar:
        try:
            results = []
            while submitted:
                results.append(submitted.popleft().result())
                submitted.extend(pool.submit(work, item) for item in islice(rest, 1))
                bar.update()
        except BaseException:
            # An interrupt must not wait for the calls that are under way.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    pool.shutdown()
    return results


@contextmanager
def hidden_progress() -> Iterator[None]:
    """Hide the progress bars of the calls in the block."""
    token = _is_progress_hidden.set(True)
    try:
        yield
    finally:
        _is_progress_hidden.reset(token)


class HiddenBar:
    """A progress bar that is not shown; without it, tqdm would be imported, a sixth of a first table's time."""

    def __init__(self) -> None:
        self.n: float = 0

    def update(self, n: float = 1) -> None:
        """Count, and show nothing."""
        self.n += n

    def set_postfix(self, *, refresh: bool, **figures: int) -> None:
        """Show nothing."""


def progress_bar(
    total: int, description: str, unit: str, *, quiet: bool = False
) -> AbstractContextManager[tqdm[Any] | HiddenBar]:
    """Return a progress bar that appears after a second, in a notebook and on a terminal, never in a pipe or a file."""
    # Not tqdm's disable=None: in a notebook, whose streams are not terminals, it would hide the bar too.
    is_notebook = _is_notebook()
    is_shown = is_notebook or (sys.stderr is not None and sys.stderr.isatty())
    if quiet or _is_progress_hidden.get() or not is_shown:
        return nullcontext(HiddenBar())
    tqdm_class: type[tqdm[Any]] = import_module(
        "tqdm.auto" if is_notebook else "tqdm.std"
    ).tqdm  # auto: a widget, if it can
    return tqdm_class(total=total, desc=description, unit=unit, delay=PROGRESS_AFTER_SECONDS, leave=False)


def _is_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")
