"""The outcome of each step of a plan that was applied."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kvs_notebook.dataframes.builders import rows_frame
from kvs_notebook.dataframes.schemas import PLAN_RESULTS
from kvs_notebook.errors import PlanIncomplete
from kvs_notebook.formatting import format_count, one_line, printable, printable_lines
from kvs_notebook.keyword_hints import with_method_hints
from kvs_notebook.plans.device_export import join_devices
from kvs_notebook.plans.journal import Journal
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.sheet_table import Sheet
from kvs_notebook.plans.step_records import ALREADY_DONE, DONE, FAILED, NOT_STARTED, OUTCOMES, UNKNOWN
from kvs_notebook.plans.steps import describe_step, rows_of

SHOWN = ["channel_name", "account_id", "region", "action", "column", "outcome", "message"]
MAX_SHOWN = 20
SENT_WITHOUT_REPLY = "It may have been sent; kvs.resume_plan() reads the channel to find out."


@with_method_hints
class Applied:
    """The outcome of each step of a plan that was applied.

    Attributes
    ----------
    result
        One row per step that was to be sent: the columns of the plan's steps, outcome (done, already_done, conflict, failed,
        unknown, not_started), error_code, message (str), started, finished (datetime64[ms, UTC]). A channel that was created
        has its channel_arn.
    folder
        The folder of the run; its result.csv has the rows of ``result``.
    notes
        Which accounts and regions were stopped, not reached or not verified, and why, as sentences.
    interrupted
        Whether Ctrl-C has ended the run early.
    """

    def __init__(
        self,
        plan: Plan,
        result: pd.DataFrame,
        folder: Path,
        notes: Sequence[str] = (),
        *,
        interrupted: bool = False,
    ) -> None:
        self._steps = plan.steps
        self.result = result
        self.folder = folder
        self.notes = tuple(notes)
        self.interrupted = interrupted

    @property
    def counts(self) -> dict[str, int]:
        """The number of steps of each outcome."""
        found = self.result["outcome"].value_counts()
        return {outcome: int(found.get(outcome, 0)) for outcome in OUTCOMES}

    @property
    def incomplete(self) -> pd.DataFrame:
        """The rows of the result that are not done."""
        return self.result[~self.result["outcome"].isin([DONE, ALREADY_DONE])].reset_index(drop=True)

    def raise_for_failures(self) -> None:
        """Raise PlanIncomplete if a step is not done."""
        rest = self.incomplete
        if rest.empty:
            return
        row = rest.iloc[0]
        raise PlanIncomplete(
            f"Not done: {len(rest):,} of {format_count(len(self.result), 'step')} ({self._summary(rest)}). The first one is "
            f"{describe_step(row['action'], row['column'])}, for {row['channel_name']}: {row['message']}",
            code=None if pd.isna(row["error_code"]) else row["error_code"],
        )

    def join(self, devices: Sheet, *, name_column: str = "channel_name") -> pd.DataFrame:
        """Return a device list with the outcome for the channel of each device, such as for the factory that provisions them.

        Parameters
        ----------
        devices
            The list that the plan was made from: a CSV file, a workbook or a frame. Its columns are kept, as text.
        name_column
            Its column with the names of channels.

        Returns
        -------
        pandas.DataFrame
            The columns of the list, then channel_arn, outcome (that of the channel's worst step; refused and unchanged, too) and
            message (str); they are missing for a device whose channel is not in the plan.
        """
        return join_devices(devices, self._steps, self.result, name_column)

    @property
    def _title(self) -> str:
        return f"{self.folder}: {self._summary(self.result) or 'no steps'}"

    @staticmethod
    def _summary(rows: pd.DataFrame) -> str:
        found = rows["outcome"].value_counts()
        return ", ".join(f"{found[outcome]:,} {outcome}" for outcome in OUTCOMES if outcome in found)

    def __len__(self) -> int:
        return len(self.result)

    def __repr__(self) -> str:
        """Return the counts, the steps that are not done with their reasons, and how to continue."""
        return self.summary(f"kvs.resume_plan({str(self.folder)!r})")

    def summary(self, resume: str) -> str:
        """Return the outcome of the plan in lines of text; ``resume`` is the call or command that continues it."""
        lines = [self._title]
        not_started = self.result["outcome"] == NOT_STARTED
        rest = self.incomplete
        tried = rest[rest["outcome"] != NOT_STARTED]
        for row in tried.head(MAX_SHOWN).itertuples():
            step = describe_step(row.action, row.column)
            lines.append(f"  {row.outcome}  {row.channel_name}  {step}: {one_line(row.message)}")
        if len(tried) > MAX_SHOWN:
            lines.append(f"  and {len(tried) - MAX_SHOWN:,} more; see {self.folder / 'result.csv'}")
        for reason, steps in self.result.loc[not_started, "message"].value_counts().items():
            lines.append(f"  {NOT_STARTED}  {format_count(int(steps), 'step')}: {one_line(reason)}")
        next_line = [f"To continue: {resume}"] if self.can_be_resumed else []
        return "\n".join([*map(printable, lines), *map(one_line, self.notes), *map(printable, next_line)])

    @property
    def can_be_resumed(self) -> bool:
        """Whether there are steps that resume_plan() sends or settles: those that failed, are unknown or not started."""
        counts = self.counts
        return bool(counts[FAILED] or counts[UNKNOWN] or counts[NOT_STARTED])

    def _repr_html_(self) -> str:
        rest = self.incomplete
        table = f"<p>Not done ({len(rest):,}):</p>{rest[SHOWN].head(MAX_SHOWN).to_html()}" if len(rest) else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return printable_lines(f"<p>{html.escape(self._title)}</p>{table}{notes}")


def result_frame(plan: Plan, journal: Journal, reasons: Mapping[int, str]) -> pd.DataFrame:
    """Return the result frame of a run; ``reasons`` say why steps were not started, by their number."""
    return rows_frame([_result_row(row, journal, reasons) for row in rows_of(plan.ready)], PLAN_RESULTS)


def _result_row(row: Mapping[str, Any], journal: Journal, reasons: Mapping[int, str]) -> tuple[Any, ...]:
    number = row["step"]
    record = journal.record(number)
    outcome, message = record.outcome, record.message
    if outcome is None and record.started is not None:
        outcome, message = UNKNOWN, SENT_WITHOUT_REPLY
    elif outcome is None:
        outcome, message = NOT_STARTED, reasons.get(number)
    values = {
        **row,
        "channel_arn": row["channel_arn"] or record.channel_arn,
        "outcome": outcome,
        "error_code": record.error_code,
        "message": message,
        "started": _naive(record.started),
        "finished": _naive(record.finished),
    }
    return tuple(values[column] for column in PLAN_RESULTS)


def _naive(time: Any) -> Any:
    return None if time is None else time.replace(tzinfo=None)
