"""Run one function for many items on threads, with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

THREADS = 8
"""Enough to use the quotas of one account and region: the largest is 300 calls a second, a process reaches about 500."""

PROGRESS_AFTER_SECONDS = 1.0

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

    If it takes more than a second, a progress bar appears, unless ``quiet``. The first error is raised; items that were not
    begun are dropped.
    """
    if len(items) <= 1:
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    from tqdm.auto import tqdm

    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="kvs-notebook")
    futures = [pool.submit(work, item) for item in items]
    with tqdm(
        total=len(items), desc=description, unit=unit, delay=PROGRESS_AFTER_SECONDS, leave=False, disable=quiet
    ) as bar:
        try:
            results = []
            for future in futures:
                results.append(future.result())
                bar.update()
        except BaseException:
            # An interrupt must not wait for the calls that are under way.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    pool.shutdown()
    return results
