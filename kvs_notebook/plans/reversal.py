"""Undo a run: the plan of the opposite of each step that was sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_count
from kvs_notebook.plans import plan as plan_module
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.plan_folder import PlanFolder
from kvs_notebook.plans.step_records import DONE, UNKNOWN, StepRecord, read_journal
from kvs_notebook.plans.steps import CREATE, DELETE, REFUSED, TAG, TTL_COLUMN, UNTAG, UPDATE, Step, rows_of


def undo(folder: str | os.PathLike[str]) -> Plan:
    """Plan to undo the changes of a run of apply_plan().

    Parameters
    ----------
    folder
        The folder that was given to apply_plan().

    Returns
    -------
    Plan
        A plan like any other, to be saved to another folder and applied. It
        has no step for what was already done before the run, or not done. A
        value that was changed since is a conflict when the plan is applied.

    Raises
    ------
    InvalidInput
        If the folder holds no plan, or the plan was not applied.
    DamagedFile
        If a file of the folder was changed by another program.

    Notes
    -----
    A deleted channel is created again with its name, message TTL and tags,
    under another ARN. Spends no API call.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> try:
    ...     kvs.plans.undo("changes/annex")
    ... except kvs.errors.InvalidInput as error:
    ...     print(error)
    changes/annex holds no plan: meta.json does not exist. Save one with plan.save('changes/annex').
    """
    plan = plan_module.read(folder)
    files = PlanFolder(folder)
    if not files.is_begun:
        raise InvalidInput(f"{files.path} holds a plan that was not applied, so there is nothing to undo.")
    _, records = read_journal(files.journal)
    return opposite_of(plan, lambda number: records.get(number, StepRecord()), str(files.path))


def opposite_of(plan: Plan, record_of: Callable[[int], StepRecord], folder: str) -> Plan:
    """Return the plan that undoes what a run has changed."""
    steps: list[Step] = []
    recreated: set[tuple[Any, ...]] = set()
    for row in rows_of(plan.ready):
        record = record_of(row["step"])
        if record.started is None or record.outcome not in (None, DONE, UNKNOWN):
            continue
        steps += _opposite_steps(row, record)
        if row["action"] == DELETE:
            recreated.add((row["account_id"], row["region"], row["channel_name"]))
    notes = []
    if recreated:
        deleted = format_count(len(recreated), "deleted channel")
        notes.append(
            f"{deleted} will be created again under another ARN: devices that use the name find them, others do not."
        )
    return Plan(_once(steps), source=f"undo of {folder}", notes=notes, account_names=plan.account_names)


def _once(steps: list[Step]) -> list[Step]:
    """Return the steps, with one delete for each channel that was created by several steps."""
    return list(dict.fromkeys(steps))


def _opposite_steps(row: Mapping[str, Any], record: StepRecord) -> Iterator[Step]:
    place = (row["account_id"], row["region"], row["channel_name"])
    arn, column, before, after = row["channel_arn"], row["column"], row["before"], row["after"]
    source = f"step {row['step']}"
    if row["action"] == CREATE:
        if record.channel_arn is not None:
            yield Step(*place, record.channel_arn, DELETE)
        else:
            why = "It is not known whether the channel was created. Call kvs.resume_plan() first."
            yield Step(*place, None, DELETE, status=REFUSED, reason=why, source=source)
    elif row["action"] == DELETE:
        seen = record.seen or {}
        yield Step(*place, None, CREATE, TTL_COLUMN, None, str(seen.get("message_ttl_seconds") or 60), source=source)
        for key, value in (seen.get("tags") or {}).items():
            yield Step(*place, None, CREATE, TAG_PREFIX + key, None, value, source=source)
    elif row["action"] == UPDATE:
        yield Step(*place, arn, UPDATE, column, after, before, source=source)
    else:
        yield Step(*place, arn, UNTAG if before is None else TAG, column, after, before, source=source)
