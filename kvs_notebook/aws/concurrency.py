"""Run one function for many items on threads, with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

THREADS = 8
"""Enough to fill one account and region: boto3 tops out near 500 calls a second in a process, the largest quota is 300."""


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
    """Do one piece of work for each item on 8 threads and give the results in the items' order.

    A progress bar appears when it takes over a second, unless it is to be ``quiet``. The first error ends it: what has not
    begun is dropped.
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
            # Whoever interrupts does not wait for the calls that are under way.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    pool.shutdown()
    return results
