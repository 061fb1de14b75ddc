"""Check the arguments of reports: an inventory, or a frame of channels or of coverage."""

from __future__ import annotations

from typing import TypeAlias

import pandas as pd

from kvs_notebook.dataframes.frame_check import check_columns
from kvs_notebook.dataframes.schemas import ROW_ORDER
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.coverage import NOT_ENABLED
from kvs_notebook.fleet.inventory import Inventory

InventoryOrFrame: TypeAlias = Inventory | pd.DataFrame


def channels_of(fleet: InventoryOrFrame) -> pd.DataFrame:
    """Return the channels, one row each.

    Raises
    ------
    InvalidInput
        If a frame does not have the columns of channels, or has several rows of one channel.
    """
    if isinstance(fleet, Inventory):
        return fleet.channels
    channels = check_columns(fleet, [*ROW_ORDER, "version", "creation_time"], "list_channels() or inventory()")
    repeated = channels.loc[channels["channel_arn"].duplicated(), "channel_arn"].nunique()
    if repeated:
        raise InvalidInput(
            f"Channels with more than one row: {repeated}, as in a frame of several days. Pass the rows of one day, "
            'such as frame[frame["date"] == "2026-01-05"].'
        )
    return channels


def known_counts(coverage: pd.DataFrame) -> pd.DataFrame:
    """Return coverage of the enabled regions, with the number of channels missing if they were not read.

    In coverage of several days, a region that is not enabled counts as not read if it was read on another day.
    """
    keys = pd.MultiIndex.from_frame(coverage[["account_id", "region"]])
    was_read = keys.isin(keys[coverage["status"] == "ok"])
    enabled = coverage[(coverage["status"] != NOT_ENABLED) | was_read]
    return enabled.assign(channels=enabled["channels"].where(enabled["status"] == "ok"))
