"""The phases of a live video session and how long each took: the first thing to read when a start is slow."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd

from kvs_notebook.dataframes.builders import milliseconds, rows_frame
from kvs_notebook.dataframes.schemas import PHASES
from kvs_notebook.live.stages import FINAL, Stage

CAPACITY = 1_000
"""Phases that a timeline keeps: a camera that stops and goes on for hours adds two each time."""


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


class Timeline:
    """The phases of one session, oldest first; it begins in ``stopped`` without a row of its own.

    Parameters
    ----------
    monotonic
        Returns seconds; phases are measured with it.
    now
        Returns the time at which a phase began.

    Attributes
    ----------
    stage
        The current phase.
    reached
        The last phase before the session ended, or the current one if it goes on.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, now: Callable[[], datetime] = utc_now) -> None:
        self.stage: Stage = "stopped"
        self.reached: Stage = "stopped"
        self._monotonic = monotonic
        self._now = now
        self._phases: deque[tuple[Stage, datetime, float]] = deque(maxlen=CAPACITY)

    def enter(self, stage: Stage) -> bool:
        """Begin a phase; return False if it is the current one."""
        if stage == self.stage:
            return False
        self.stage = stage
        if stage not in FINAL:
            self.reached = stage
        self._phases.append((stage, self._now(), self._monotonic()))
        return True

    def clear(self) -> None:
        """Forget all phases: the session starts again."""
        self._phases.clear()
        self.stage = self.reached = "stopped"

    def seconds_in_stage(self) -> float:
        """Return how long the current phase has lasted, 0 before the first one."""
        return self._monotonic() - self._phases[-1][2] if self._phases else 0.0

    def to_frame(self) -> pd.DataFrame:
        """Return one row per phase, oldest first.

        Columns: phase (str), began (datetime64[ms, UTC]), seconds (float64: how long it lasted, or has lasted so far; missing for
        stopped, failed and taken_over, in which nothing happens).
        """
        phases = [*self._phases]  # a copy: the session's thread may add one
        ends = [*(started for _, _, started in phases[1:]), self._monotonic()]
        rows = [
            (stage, milliseconds(began), math.nan if stage in FINAL else round(end - started, 3))
            for (stage, began, started), end in zip(phases, ends[: len(phases)], strict=True)
        ]
        return rows_frame(rows, PHASES)
