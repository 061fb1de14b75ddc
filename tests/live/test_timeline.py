"""The timeline of a session: its phases, their times, and its frame."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.dataframes.schemas import PHASES
from kvs_notebook.live.stages import FINAL, STAGES
from kvs_notebook.live.timeline import CAPACITY, Timeline

BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Clock:
    """Seconds that a test moves, as both clocks of a timeline."""

    def __init__(self) -> None:
        self.ms = 0

    def timeline(self) -> Timeline:
        return Timeline(lambda: self.ms / 1000, lambda: BEGIN + timedelta(milliseconds=self.ms))


def test_empty_timeline_has_exact_columns():
    assert Timeline().to_frame().dtypes.astype(str).to_dict() == PHASES


@given(st.lists(st.tuples(st.sampled_from(STAGES), st.integers(0, 5_000)), min_size=1))
def test_each_phase_lasts_until_the_next_one_begins(steps):
    clock = Clock()
    timeline = clock.timeline()
    entered = []
    for stage, lasts_ms in steps:
        if timeline.enter(stage):
            entered.append((stage, clock.ms))
        clock.ms += lasts_ms
    frame = timeline.to_frame()
    assert frame.dtypes.astype(str).to_dict() == PHASES
    assert [*frame["phase"]] == [stage for stage, _ in entered]
    assert [*frame["began"]] == [pd.Timestamp(BEGIN) + pd.Timedelta(milliseconds=at) for _, at in entered]
    ends = [*(at for _, at in entered), clock.ms][1:] if entered else []
    for (stage, at), end, seconds in zip(entered, ends, frame["seconds"], strict=True):
        assert pd.isna(seconds) if stage in FINAL else round(1000 * seconds) == end - at
    running = [stage for stage, _ in entered if stage not in FINAL]
    assert timeline.reached == (running[-1] if running else "stopped")


def test_timeline_keeps_the_newest_phases_and_forgets_all_when_cleared():
    timeline = Clock().timeline()
    for _ in range(CAPACITY):
        timeline.enter("playing")
        timeline.enter("stalled")
    assert len(timeline.to_frame()) == CAPACITY
    timeline.clear()
    assert (len(timeline.to_frame()), timeline.stage, timeline.reached) == (0, "stopped", "stopped")
