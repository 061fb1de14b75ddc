"""The steps of a plan: one change to one channel each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kvs_notebook.dataframes.builders import rows_frame
from kvs_notebook.dataframes.schemas import PLAN_STEPS, TAG_PREFIX

CREATE, UPDATE, TAG, UNTAG, DELETE = ACTIONS = ("create", "update", "tag", "untag", "delete")
READY, REFUSED, UNCHANGED = STATUSES = ("ready", "refused", "unchanged")

TTL_COLUMN = "message_ttl_seconds"

_ORDER = ("account_id", "region", "channel_name", "channel_arn", "action", "column")


class Step(NamedTuple):
    """One change to one channel, or a row that was refused or changes nothing.

    Steps of one channel with the action ``create`` are one call: its message TTL and its tags.

    Attributes
    ----------
    channel_arn
        None for a channel that does not exist yet.
    action
        create, update, tag, untag or delete; None for a refused row whose action is not known.
    column
        ``message_ttl_seconds`` or ``tag:KEY``; None for a delete.
    before, after
        The value that was seen and the planned value, as text; None if the tag is absent.
    version
        The version that was seen; a change is sent with the version read just before it.
    status
        ready, refused or unchanged.
    reason
        Why the row was refused, else None.
    source
        The row that the step comes from, such as ``edited.csv row 33``, or a channel, such as ``cam-1 (111122223333 us-east-1)``.
    """

    account_id: str | None
    region: str | None
    channel_name: str | None
    channel_arn: str | None
    action: str | None
    column: str | None = None
    before: str | None = None
    after: str | None = None
    version: str | None = None
    status: str = READY
    reason: str | None = None
    source: str | None = None


def describe_step(action: Any, column: Any) -> str:
    """Return a step as a sentence names it: ``tag Site``, ``update message_ttl_seconds``, ``create with tag:Site``."""
    if not isinstance(column, str):  # missing in a frame
        return str(action)
    if action == CREATE:
        return f"create with {column}"
    return f"{action} {column.removeprefix(TAG_PREFIX)}"


def steps_frame(steps: Iterable[Step], *frames: pd.DataFrame) -> pd.DataFrame:
    """Return the steps frame of steps and of other frames: by account, region, channel, action and column, numbered from 1."""
    made = rows_frame([(None, *step) for step in steps], PLAN_STEPS)
    frame = pd.concat([made, *frames], ignore_index=True)
    ordered = frame.take(_order(frame)).reset_index(drop=True)
    return ordered.assign(step=(ordered.index + 1).astype(PLAN_STEPS["step"]))


def _order(steps: pd.DataFrame) -> Any:
    """Return the positions of steps in their order; a missing value comes first."""
    keys = {name: pc.fill_null(pa.array(steps[name]), "") for name in _ORDER}
    keys["action"] = pc.index_in(keys["action"], pa.array(["", *ACTIONS], keys["action"].type))
    return pc.sort_indices(pa.table(keys), [(name, "ascending") for name in _ORDER]).to_numpy()


def rows_of(steps: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a steps frame as mappings, with None for a missing value."""
    return [dict(zip(PLAN_STEPS, row, strict=True)) for row in values_of(steps, PLAN_STEPS)]


def values_of(steps: pd.DataFrame, columns: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    """Return the values of some columns, row by row, with None for a missing value."""
    return zip(*(pa.array(steps[name]).to_pylist() for name in columns), strict=True)
