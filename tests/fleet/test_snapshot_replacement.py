"""A day is replaced as a whole: for readers meanwhile, and after a kill at any step."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

import kvs_notebook as kvs
from kvs_notebook.dataframes.builders import channels_frame, tags_frame
from kvs_notebook.fleet.coverage import coverage_frame, unread_row
from kvs_notebook.fleet.inventory import Inventory
from tests.fleet.scripted_service import BASE, channel_info

DAY = "2026-01-05"
PLACES = ("eu-west-1", "us-east-1")
STEPS = ("os.rename", "os.mkdir", "os.remove", "os.rmdir")
"""Audit events of steps that change a folder; os.replace() is an os.rename."""


def fleet_of(*names: str) -> Inventory:
    """Return an inventory with channels of these names in each region."""
    infos = [channel_info(BASE, region, name) for region in PLACES for name in names]
    rows = [unread_row(BASE, region, None) | {"status": "ok", "tags_source": "bulk"} for region in PLACES]
    coverage = coverage_frame([row | {"channels": len(names)} for row in rows])
    return Inventory(channels_frame(infos), tags_frame({}), coverage)


OLD, NEW = ("a",), ("a", "b", "c")


def names_in(history: Path) -> tuple[str, ...]:
    """Return the names of channels, which are the same in each region; fail if anything was damaged or left out."""
    with warnings.catch_warnings(action="error"):
        found = kvs.read_snapshots(history)
    of_regions = {tuple(rows["channel_name"]) for _, rows in found.groupby("region")}
    assert found["region"].nunique() == len(PLACES)
    (names,) = of_regions
    return names


_on_step: list[Callable[[str, tuple[object, ...]], None]] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    """Call the hook of a test; it is not called while it runs itself."""
    if _on_step and (event in STEPS or event == "open"):
        hook = _on_step.pop()
        try:
            hook(event, arguments)
        finally:
            _on_step.append(hook)


sys.addaudithook(_audit)  # one for the process, since none can be removed


@contextmanager
def before_each_step(hook: Callable[[str, tuple[object, ...]], None]) -> Iterator[None]:
    _on_step.append(hook)
    try:
        yield
    finally:
        _on_step.clear()


def test_reader_sees_one_whole_state_at_each_step_of_replacement(tmp_path):
    kvs.save_snapshot(fleet_of(*OLD), tmp_path, date=DAY)
    seen = []

    def read(event: str, _: tuple[object, ...]) -> None:
        if event in STEPS:
            seen.append(names_in(tmp_path))

    with before_each_step(read):
        kvs.save_snapshot(fleet_of(*NEW), tmp_path, date=DAY)
    assert names_in(tmp_path) == NEW
    assert len(seen) > 8
    assert seen == sorted(seen, key=len), "the old state, then the new one"
    assert set(seen) == {OLD, NEW}


@pytest.fixture
def old(tmp_path):
    """A folder with the old state of the day, to copy from."""
    kvs.save_snapshot(fleet_of(*OLD), tmp_path / "old", date=DAY)
    return tmp_path / "old"


def test_reader_sees_one_day_if_replaced_before_any_file(old, tmp_path):
    opened = last = 0
    new = fleet_of(*NEW)

    def replace(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal opened
        if event == "open" and "date=" in str(arguments[0]):
            opened += 1
            if opened == last:
                kvs.save_snapshot(new, tmp_path / "history", date=DAY)

    for last in count(1):
        shutil.copytree(old, tmp_path / "history")
        opened = 0
        with before_each_step(replace):
            assert names_in(tmp_path / "history") in (OLD, NEW)
        shutil.rmtree(tmp_path / "history")
        if opened < last:
            break
    assert last > 3


def test_comparison_sees_one_day_if_replaced_before_any_file(old, tmp_path):
    opened = last = 0
    new = fleet_of(*NEW)

    def replace(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal opened
        if event == "open" and "date=" in str(arguments[0]):
            opened += 1
            if opened == last:
                kvs.save_snapshot(new, tmp_path / "history", date=DAY)

    for last in count(1):
        shutil.copytree(old, tmp_path / "history")
        opened = 0
        with before_each_step(replace):
            changes = kvs.compare_snapshots(tmp_path / "history", before=DAY, after=new)["change"].tolist()
        assert changes in ([], ["added"] * 4)
        shutil.rmtree(tmp_path / "history")
        if opened < last:
            break
    assert last > 3


@pytest.mark.draw(1)
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_interrupted_replacement_leaves_old_or_new_state(old, tmp_path, error):
    steps = last = 0
    new = fleet_of(*NEW)

    def interrupt(event: str, _: tuple[object, ...]) -> None:
        nonlocal steps
        steps += event in STEPS
        if event in STEPS and steps == last:
            raise error("at a step")

    for last in count(1):
        shutil.copytree(old, tmp_path / "history")
        steps = 0
        with suppress(KeyboardInterrupt, OSError), before_each_step(interrupt):
            kvs.save_snapshot(new, tmp_path / "history", date=DAY)
        assert names_in(tmp_path / "history") in (OLD, NEW)
        shutil.rmtree(tmp_path / "history")
        if steps < last:
            break
    assert last > 8


KILL_AT_STEPS = """
import pathlib
from kvs_notebook.fleet import snapshot_files
from tests.fleet.test_snapshot_replacement import *
history, new = pathlib.Path(sys.argv[1], "history"), fleet_of(*NEW)
for last in count(int(sys.argv[2]), 2):
    shutil.copytree(pathlib.Path(sys.argv[1], "old"), history)
    child = os.fork()
    if not child:
        left = [None] * last
        def kill(event, _):
            if event in STEPS:
                if not left:
                    os.kill(os.getpid(), 9)
                left.pop()
        with before_each_step(kill):
            kvs.save_snapshot(new, history, date=DAY)
        os._exit(0)
    survived = os.waitpid(child, 0)[1] == 0
    assert names_in(history) in (OLD, NEW), last
    kvs.save_snapshot(new, history, date=DAY)
    assert os.listdir(history) == ["date=" + DAY], last
    shutil.rmtree(history)
    if survived:
        break
shutil.copytree(pathlib.Path(sys.argv[1], "old"), history)
child = os.fork()
if not child:
    write, left = snapshot_files._write_table, [1]
    def kill_at_the_second(table, path):
        if not left:
            os.kill(os.getpid(), 9)
        left.pop()
        return write(table, path)
    snapshot_files._write_table = kill_at_the_second
    kvs.save_snapshot(new, history, date="2026-01-06")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 9
assert names_in(history) == OLD, "a part of a new day"
print(last)
"""


def test_kill_at_a_step_leaves_whole_days(old, tmp_path, project_root):
    parity = random.randrange(2)  # noqa: S311 - each second step, others in another run
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILL_AT_STEPS, str(tmp_path), str(parity)],
        env={**os.environ, "PYTHONPATH": str(project_root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 8


def test_folder_that_is_being_written_is_left_alone(tmp_path):
    inside = []

    def save_another_day(event: str, _: tuple[object, ...]) -> None:
        if event == "os.rename" and not inside:
            inside.append(kvs.save_snapshot(fleet_of(*OLD), tmp_path, date="2026-01-06"))

    with before_each_step(save_another_day):
        kvs.save_snapshot(fleet_of(*NEW), tmp_path, date=DAY)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"date={DAY}", "date=2026-01-06"]
