"""The steps of a plan: one change to one channel each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from kvs_notebook.dataframes.builders import rows_frame
from kvs_notebook.dataframes.schemas import PLAN_STEPS

CREATE, UPDATE, TAG, UNTAG, DELETE = ACTIONS = ("create", "update", "tag", "untag", "delete")
READY, REFUSED, UNCHANGED = STATUSES = ("ready", "refused", "unchanged")

TTL_COLUMN = "message_ttl_seconds"

_PRECEDENCE: Mapping[str | None, str] = {action: str(position) for position, action in enumerate(ACTIONS)}


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


def steps_frame(steps: Iterable[Step]) -> pd.DataFrame:
    """Return the steps frame, in the order of account, region, channel, action and column, numbered from 1."""
    ordered = sorted(steps, key=_order)
    return rows_frame([(number, *step) for number, step in enumerate(ordered, 1)], PLAN_STEPS)


def rows_of(steps: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a steps frame as mappings, with None for a missing value."""
    columns = [steps[name].astype(object).where(steps[name].notna(), None).tolist() for name in PLAN_STEPS]
    return [dict(zip(PLAN_STEPS, row, strict=True)) for row in zip(*columns, strict=True)]


def _order(step: Step) -> tuple[str, ...]:
    account_id, region, name, arn, action, column, *_ = step
    return (account_id or "", region or "", name or "", arn or "", _PRECEDENCE.get(action, ""), column or "")
