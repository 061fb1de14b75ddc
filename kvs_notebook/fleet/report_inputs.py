"""Given: what a report was handed, checked: an inventory, or a frame of channels or of coverage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import pandas as pd

from kvs_notebook.dataframes.schemas import ROW_ORDER
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.formatting import format_value

Fleet: TypeAlias = Inventory | pd.DataFrame


def channels_of(fleet: Fleet) -> pd.DataFrame:
    """Give the channels, each of which has one row; InvalidInput where it has more, or for another frame."""
    if isinstance(fleet, Inventory):
        return fleet.channels
    channels = with_columns(fleet, [*ROW_ORDER, "creation_time"], "list_channels() or inventory()")
    twice = channels.loc[channels["channel_arn"].duplicated(), "channel_arn"].nunique()
    if twice:
        raise InvalidInput(
            f"Channels with more than one row: {twice}, as in a frame of several days. Give the rows of one day, "
            'such as frame[frame["date"] == "2026-01-05"].'
        )
    return channels


def with_columns(frame: pd.DataFrame, columns: Iterable[str], source: str) -> pd.DataFrame:
    """Give the frame if it has the columns; else say which function gives one that has."""
    lacking = [column for column in columns if column not in getattr(frame, "columns", ())]
    if lacking:
        raise InvalidInput(
            f"{format_value(type(frame).__name__)} without {', '.join(lacking)}: give what {source} gave."
        )
    return frame


def counted(coverage: pd.DataFrame) -> pd.DataFrame:
    """Give coverage of the regions that are enabled, the channels of a unit that was not read missing: not counted."""
    units = coverage[coverage["status"] != "region_disabled"]
    return units.assign(channels=units["channels"].where(units["status"] == "ok"))
