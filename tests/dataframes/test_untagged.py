"""A file tells channels without a tag from channels whose tags were not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import kvs_notebook as kvs
from tests.plans.fleets import Seen, fleet

FILES: dict[str, tuple[Callable[..., None], Callable[..., pd.DataFrame]]] = {
    "a.csv": (kvs.to_csv, kvs.read_csv),
    "a.xlsx": (kvs.to_excel, kvs.read_excel),
    "a.parquet": (kvs.to_parquet, pd.read_parquet),
}


def refused(channels: pd.DataFrame) -> int:
    return len(kvs.plans.tag(channels, {"Env": "prod"}).refused)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("tags", [{}, {"Site": "hq"}])
def test_tags_that_were_read_are_known_in_a_file(tmp_path, name: str, tags: dict[str, str]) -> None:
    write, read = FILES[name]
    channels = fleet([Seen("gate", tags), Seen("roof")])
    write(channels, tmp_path / name)
    again = read(tmp_path / name)
    pd.testing.assert_frame_equal(again, channels)
    assert refused(again) == refused(channels) == 0


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", [{"tags_source": "failed"}, {"tags_source": "none"}, {}])
def test_unread_tags_stay_unknown_in_a_file(tmp_path, name: str, change: dict[str, Any]) -> None:
    write, read = FILES[name]
    channels = fleet([Seen("gate"), Seen("roof")]).assign(**change)
    channels.attrs.clear()  # as list_channels() returns them
    write(channels, tmp_path / name)
    again = read(tmp_path / name)
    assert list(again.columns) == list(channels.columns)
    assert refused(again) == refused(channels) == 2


def test_empty_and_other_frames_are_written_as_they_are(tmp_path) -> None:
    for frame in (fleet([]), kvs.plans.mark_managed(fleet([]))):
        kvs.to_csv(frame, tmp_path / "a.csv")
        assert list(kvs.read_csv(tmp_path / "a.csv").columns) == list(frame.columns)
