"""Add to a device list the outcome for the channel of each device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from kvs_notebook.arguments import check_text
from kvs_notebook.dataframes.schemas import PLAN_STEPS, TEXT
from kvs_notebook.plans.sheet_table import Sheet, SheetTable
from kvs_notebook.plans.step_records import ALREADY_DONE, CONFLICT, DONE, FAILED, NOT_STARTED, UNKNOWN
from kvs_notebook.plans.steps import REFUSED, UNCHANGED

WORST_FIRST = (FAILED, UNKNOWN, NOT_STARTED, CONFLICT, REFUSED, DONE, ALREADY_DONE, UNCHANGED)
PLACE = ("account_id", "region")
ADDED = ("channel_arn", "outcome", "message")


class ChannelOutcome(NamedTuple):
    """The outcome for a channel: that of its worst step."""

    channel_arn: str | None = None
    outcome: str | None = None
    message: str | None = None


def join_devices(devices: Sheet, steps: pd.DataFrame, result: pd.DataFrame, name_column: str) -> pd.DataFrame:
    """Return the rows of a device list with the ARN, the outcome and its reason of each channel, all as text."""
    table = SheetTable(devices, "devices", check_text("name_column", name_column, "channel_name"))
    places = [column for column in PLACE if column in table.columns]
    outcomes = _outcomes(steps, result, places)
    keys = zip(table.column(name_column), *(table.column(column) for column in places), strict=True)
    found = [outcomes.get(tuple(map(_to_text, key)), ChannelOutcome()) for key in keys]
    columns = {
        name: [_to_text(value) for value in values] for name, values in table.columns.items() if name not in ADDED
    }
    columns |= {name: [getattr(each, name) for each in found] for name in ADDED}
    return pd.DataFrame(columns, dtype=TEXT)


def _outcomes(
    steps: pd.DataFrame, result: pd.DataFrame, places: Iterable[str]
) -> Mapping[tuple[str | None, ...], ChannelOutcome]:
    """Return the worst outcome of each channel, by its name and by the given columns of its place."""
    others = steps[~steps["step"].isin(result["step"])]  # refused or unchanged
    others = others[[*PLAN_STEPS]].assign(outcome=others["status"], message=others["reason"])
    every = pd.concat([result[[*PLAN_STEPS, "outcome", "message"]], others], ignore_index=True)
    every = every.assign(rank=every["outcome"].map(WORST_FIRST.index)).sort_values("rank", kind="stable")
    every = every.astype(object).where(every.notna(), None)
    found: dict[tuple[str | None, ...], ChannelOutcome] = {}
    for row in every.to_dict("records"):
        key = (row["channel_name"], *(row[column] for column in places))
        worst = found.setdefault(key, ChannelOutcome(row["channel_arn"], row["outcome"], row["message"]))
        if worst.channel_arn is None:
            found[key] = worst._replace(channel_arn=row["channel_arn"])
    return found


def _to_text(value: Any) -> str | None:
    return None if value is None or value is pd.NA or value != value else str(value)  # noqa: PLR0124 - NaN differs from itself
