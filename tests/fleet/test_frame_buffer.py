"""The pile: what units answered goes on, one whole frame comes off."""

from __future__ import annotations

import random
from typing import Any

import pandas as pd
import pytest

from kvs_notebook.dataframes.builders import channels_frame, empty
from kvs_notebook.dataframes.schemas import CHANNELS
from kvs_notebook.fleet import frame_buffer as room
from kvs_notebook.fleet.frame_buffer import Pile

MOST = 10


@pytest.fixture(autouse=True)
def small_piles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", MOST)


def infos(count: int) -> list[dict[str, Any]]:
    arns = [f"arn:aws:kinesisvideo:eu-west-1:{number % 7:012}:channel/c{number}/1" for number in range(count)]
    return [{"ChannelARN": arn, "ChannelName": arn.split("/")[1], "CreationTime": 1.5} for arn in arns]


@pytest.mark.parametrize("count", [0, 1, MOST - 1, MOST, MOST + 1, 5 * MOST + 3])
@pytest.mark.parametrize("at_once", [1, 3, 4 * MOST])
def test_what_comes_off_is_what_was_put_on_in_the_order_of_the_package(count: int, at_once: int) -> None:
    items = infos(count)
    random.shuffle(items)
    pile = Pile(channels_frame, CHANNELS)
    for start in range(0, count, at_once):
        pile.put(items[start : start + at_once])
    pd.testing.assert_frame_equal(pile.whole(), channels_frame(infos(count)))


def test_it_keeps_few_items_as_they_came_however_many_are_put_on() -> None:
    pile = Pile(channels_frame, CHANNELS)
    for item in infos(20 * MOST):
        pile.put([item])
        assert len(pile._items) < MOST
    assert len(pile.whole()) == 20 * MOST


def test_of_nothing_comes_the_empty_frame() -> None:
    pile: Pile[dict[str, Any]] = Pile(channels_frame, CHANNELS)
    pile.put([])
    pd.testing.assert_frame_equal(pile.whole(), empty(CHANNELS))
