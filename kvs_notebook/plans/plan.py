"""A plan: changes to channels that were decided and checked, before anything is sent."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from kvs_notebook.dataframes.csv_text import parse_cell, read_records
from kvs_notebook.dataframes.files import to_csv
from kvs_notebook.dataframes.schemas import PLAN_STEPS
from kvs_notebook.errors import DamagedFile
from kvs_notebook.keyword_hints import with_method_hints
from kvs_notebook.plans.plan_display import PlanDisplay
from kvs_notebook.plans.plan_folder import PLAN_AGAIN, PlanFolder
from kvs_notebook.plans.step_records import OUTCOMES
from kvs_notebook.plans.steps import CREATE, DELETE, READY, REFUSED, TAG, UNTAG, UPDATE, Step, steps_frame, values_of

VERBS = {CREATE: "create", UPDATE: "change", TAG: "change", UNTAG: "change", DELETE: "delete"}
"""The verb of each action in the confirmation phrase."""


@with_method_hints
class Plan:
    """Changes to channels, and the rows that were refused.

    The channels may be of several accounts and regions.

    Attributes
    ----------
    steps
        One row per step, in the order of account, region and name: step
        (Int64); account_id, region, channel_name, channel_arn, action (create,
        update, tag, untag, delete), column (``message_ttl_seconds``,
        ``tag:KEY``), before, after, version, status (ready, refused,
        unchanged), reason, source (str).
    source
        What the plan was made from, such as the name of a file.
    notes
        Further information as sentences, such as how many channels
        stay unchanged.
    account_names
        The names of accounts by account id, as far as they are known.
    folder
        The folder that the plan was saved to or read from; None if it was
        neither.
    """

    def __init__(
        self,
        steps: Iterable[Step] | pd.DataFrame,
        *,
        source: str,
        notes: Sequence[str] = (),
        account_names: Mapping[str, str] | None = None,
    ) -> None:
        self.steps = steps if isinstance(steps, pd.DataFrame) else steps_frame(steps)
        self.source = source
        self.notes = tuple(notes)
        self.account_names = dict(account_names or {})
        self.folder: Path | None = None

    def __len__(self) -> int:
        return len(self.ready)

    def __repr__(self) -> str:
        """Return what changes in each account and region, the refused rows with their reasons, and the next step."""
        return self._display().to_text()

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        return self._display().to_html()

    def to_text(self, *, width: int = 80, apply_line: str | None = None) -> str:
        """Return what a terminal shows of the plan.

        Lines have at most ``width`` characters; ``apply_line`` is how to apply it.
        """
        return self._display(apply_line).to_text(width)

    def _display(self, apply_line: str | None = None) -> PlanDisplay:
        title = self.source if self.folder is None else str(self.folder)
        label, line = ("To apply", apply_line) if apply_line is not None else self._next_step()
        return PlanDisplay(self.steps, title, self.source, self.notes, self.account_names, label, line)

    def _next_step(self) -> tuple[str, str]:
        """Return what the user can do with the plan, and the call or file for it; a plan is applied only once."""
        if self.folder is not None:
            files = PlanFolder(self.folder)
            if files.result.exists():
                found = files.outcomes()
                counts = ", ".join(f"{found[outcome]:,} {outcome}" for outcome in OUTCOMES if outcome in found)
                applied = f"Applied: {counts}" if counts else "Applied in full or in part"
                return f"{applied}. The outcome of each step", str(files.result)
            if files.is_begun:
                return "A run has begun. To continue", f"kvs.resume_plan({str(self.folder)!r})"
        folder = "FOLDER" if self.folder is None else str(self.folder)
        deletes = int((self.ready["action"] == DELETE).sum())
        allowing = f", max_delete={deletes}" if deletes else ""
        return (
            "To apply",
            f"kvs.apply_plan(plan, {folder!r}, confirm={self.confirmation!r}, allow_changes=True{allowing})",
        )

    @property
    def ready(self) -> pd.DataFrame:
        """The steps that apply_plan() sends."""
        return self._steps_with(READY)

    @property
    def refused(self) -> pd.DataFrame:
        """The rows of which nothing is sent; the column reason says why."""
        return self._steps_with(REFUSED)

    def _steps_with(self, status: str) -> pd.DataFrame:
        return self.steps[self.steps["status"] == status].reset_index(drop=True)

    @property
    def confirmation(self) -> str:
        """The phrase that apply_plan() requires as ``confirm=``.

        An example is ``change 500 in plant-1 eu-west-1``.
        """
        rows = values_of(self.steps, ["status", "action", "account_id", "region", "channel_name", "channel_arn"])
        changes = {(VERBS.get(action), *channel) for status, action, *channel in rows if status == READY}
        counts = Counter(verb for verb, *_ in changes)
        verbs = [f"{verb} {counts[verb]}" for verb in dict.fromkeys(VERBS.values()) if verb in counts]
        places = {(account_id, region) for _, account_id, region, *_ in changes}
        if len(places) == 1:
            [(account_id, region)] = places
            return f"{' '.join(verbs)} in {self.account_names.get(account_id, account_id)} {region}"
        return f"{' '.join(verbs)} in {len(places)} account-regions" if verbs else "change nothing"

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the plan to a folder.

        apply_plan() and the command ``kvs-notebook apply`` take the folder.

        Parameters
        ----------
        folder
            A folder, which is created if it does not exist. A plan that is
            there already is replaced, unless it has been applied.

        Raises
        ------
        InvalidInput
            If the folder has a plan that was already applied or partly
            applied.
        ExportFailed
            If the folder cannot be written.
        """
        about = {"source": self.source, "notes": self.notes, "account_names": self.account_names}
        PlanFolder(folder).save(to_csv_text(self.steps), about)
        self.folder = Path(folder)


def to_csv_text(frame: pd.DataFrame) -> str:
    """Return what to_csv() writes of a frame."""
    stream = io.StringIO(newline="")
    to_csv(frame, stream)
    return stream.getvalue()


def read(folder: str | os.PathLike[str]) -> Plan:
    """Read a plan that was saved.

    Parameters
    ----------
    folder
        The folder that Plan.save() or ``kvs-notebook plan -o`` wrote.

    Returns
    -------
    Plan
        The plan as it was saved.

    Raises
    ------
    InvalidInput
        If the folder does not exist or holds no plan.
    DamagedFile
        If plan.csv or meta.json was changed since the plan was saved.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> from kvs_notebook import plans
    >>> try:
    ...     plans.read("changes/annex")
    ... except kvs.errors.InvalidInput as error:
    ...     print(error)
    changes/annex holds no plan: meta.json does not exist. Save one with plan.save('changes/annex').
    """
    text, about = PlanFolder(folder).read()
    records = read_records(io.StringIO(text, newline=""), "plan.csv", lambda cells: cells == [*PLAN_STEPS])
    header, *rows = [[parse_cell(cell) for cell in record] for record in records.values()] or [[]]
    if header != [*PLAN_STEPS] or any(len(row) != len(header) for row in rows):
        raise DamagedFile(f"{PlanFolder(folder).plan} does not have the columns of a plan. {PLAN_AGAIN}")
    steps = (Step._make(row[1:]) for row in rows)
    plan = Plan(steps, source=about["source"], notes=about["notes"], account_names=about["account_names"])
    plan.folder = Path(folder)
    return plan
