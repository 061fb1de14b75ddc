"""FrameBuffer: items appended in any order become one frame in the package's order."""

from __future__ import annotations

import random
from typing import Any

import pandas as pd
import pytest

from kvs_notebook.dataframes.builders import channels_frame, empty
from kvs_notebook.dataframes.schemas import CHANNELS
from kvs_notebook.fleet import frame_buffer
from kvs_notebook.fleet.frame_buffer import FrameBuffer

MAX_ITEMS = 10
KEY = ("111122223333", "eu-west-1")


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_buffer, "MAX_ITEMS", MAX_ITEMS)


def infos(count: int) -> list[dict[str, Any]]:
    arns = [f"arn:aws:kinesisvideo:eu-west-1:{number % 7:012}:channel/c{number}/1" for number in range(count)]
    return [{"ChannelARN": arn, "ChannelName": arn.split("/")[1], "CreationTime": 1.5} for arn in arns]


@pytest.mark.parametrize("count", [0, 1, MAX_ITEMS - 1, MAX_ITEMS, MAX_ITEMS + 1, 5 * MAX_ITEMS + 3])
@pytest.mark.parametrize("at_once", [1, 3, 4 * MAX_ITEMS])
def test_buffer_returns_appended_items_in_row_order(count: int, at_once: int) -> None:
    items = infos(count)
    random.shuffle(items)
    buffer = FrameBuffer(channels_frame, CHANNELS)
    for start in range(0, count, at_once):
        buffer.append(KEY, items[start : start + at_once])
    pd.testing.assert_frame_equal(buffer.to_frame(), channels_frame(infos(count)))


def test_buffer_keeps_few_python_objects() -> None:
    buffer = FrameBuffer(channels_frame, CHANNELS)
    for item in infos(20 * MAX_ITEMS):
        buffer.append(KEY, [item])
        assert sum(map(len, buffer._items.values())) < MAX_ITEMS
    assert len(buffer.to_frame()) == 20 * MAX_ITEMS


def test_buffer_of_nothing_returns_empty_frame() -> None:
    buffer: FrameBuffer[dict[str, Any]] = FrameBuffer(channels_frame, CHANNELS)
    buffer.append(KEY, [])
    pd.testing.assert_frame_equal(buffer.to_frame(), empty(CHANNELS))


@pytest.mark.parametrize("bad", [{"CreationTime": "yesterday"}, {"ChannelName": 7}, {"ChannelName": "\ud800"}])
def test_buffer_leaves_out_only_items_without_valid_frame(bad: dict[str, Any]) -> None:
    buffer = FrameBuffer(channels_frame, CHANNELS)
    good = infos(6)
    for number, info in enumerate(good):
        buffer.append((f"{number:012}", "eu-west-1"), [info])
    buffer.append(KEY, [info | bad for info in infos(2)])
    pd.testing.assert_frame_equal(buffer.to_frame(), channels_frame(good))
    assert set(buffer.failures) == {KEY}
