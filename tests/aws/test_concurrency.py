"""Concurrent calls: results in order, and an end at the first error."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path
from types import SimpleNamespace

import IPython
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws import concurrency
from kvs_notebook.aws.concurrency import THREADS, HiddenBar, map_concurrent, progress_bar


def test_results_are_in_order_of_items():
    late = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            late.wait(10)
        if item == 5:
            late.set()
        return item * 2

    assert map_concurrent(work, range(20), description="Doubling") == [item * 2 for item in range(20)]


def test_few_items_wait_for_a_thread(monkeypatch):
    monkeypatch.setattr(concurrency, "MOST_SUBMITTED", 20)
    taken, taken_while_first_runs, others_ended = [], [], threading.Event()

    class Items(list):
        def __iter__(self):
            for item in super().__iter__():
                taken.append(item)
                yield item

    def work(item: int) -> int:
        if item == 0:
            assert others_ended.wait(10)
            taken_while_first_runs.extend(taken)
        if item == 19:
            others_ended.set()
        return -item

    assert map_concurrent(work, Items(range(100)), description="x") == [-item for item in range(100)]
    assert taken_while_first_runs == [*range(20)]


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


class Stream(io.StringIO):
    """A standard error that is a terminal, or a pipe."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "quiet", "shown"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_progress_is_shown_on_a_terminal_only(monkeypatch, is_terminal, quiet, shown):
    stream = Stream(is_terminal=is_terminal)
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("kvs_notebook.aws.concurrency.PROGRESS_AFTER_SECONDS", 0.0)
    map_concurrent(str, range(3), description="Reading tags", quiet=quiet)
    assert ("Reading tags: " in stream.getvalue()) is shown
    assert shown or not stream.getvalue()


@pytest.mark.parametrize(
    ("shell", "hidden"),
    [(None, True), (SimpleNamespace(), True), (SimpleNamespace(kernel="a kernel"), False)],
    ids=["Python", "IPython in a pipe", "notebook"],
)
def test_progress_is_shown_in_a_notebook_which_has_no_terminal(monkeypatch, shell, hidden):
    monkeypatch.setattr("sys.stderr", Stream(is_terminal=False))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    with progress_bar(10, "Inventory", "account-region") as bar:
        assert isinstance(bar, HiddenBar) is hidden


def test_progress_is_hidden_without_a_standard_error(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    assert map_concurrent(str, range(3), description="Reading tags") == ["0", "1", "2"]


def test_one_module_decides_whether_progress_is_shown():
    sources = Path(kvs.__file__).parent.rglob("*.py")
    using = [
        path.name
        for path in sources
        if re.search(r"^\s*(from|import) tqdm", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert using == ["concurrency.py"]
