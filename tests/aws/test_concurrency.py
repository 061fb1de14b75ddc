"""Concurrent calls: results in order, and an end at the first error."""

from __future__ import annotations

import threading

import pytest

from kvs_notebook import errors
from kvs_notebook.aws.concurrency import THREADS, map_concurrent


def test_results_are_in_order_of_items():
    late = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            late.wait(10)
        if item == 5:
            late.set()
        return item * 2

    assert map_concurrent(work, range(20), description="Doubling") == [item * 2 for item in range(20)]


def test_one_item_runs_in_calling_thread():
    assert map_concurrent(lambda _: threading.current_thread(), [1], description="x") == [threading.current_thread()]
    assert map_concurrent(lambda item: item, [], description="x") == []


def test_first_error_cancels_items_not_begun():
    begun, resume = [], threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise errors.AccessDenied("No.")
        resume.wait(10)

    with pytest.raises(errors.AccessDenied):
        map_concurrent(work, range(1000), description="x")
    resume.set()
    assert len(begun) <= THREADS + 1
