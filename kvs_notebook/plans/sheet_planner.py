"""The steps of an edited sheet, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import pandas as pd

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.plans.changes import Change, Refusal, plan_change, refuse
from kvs_notebook.plans.known_channels import MANAGED_BY, KnownChannel, KnownChannels
from kvs_notebook.plans.sheet_cells import Edit, edit_of_cell, is_delete
from kvs_notebook.plans.sheet_differences import ACTION, ARN, IDENTITY, SheetDifferences, cell_text
from kvs_notebook.plans.sheet_table import SheetTable
from kvs_notebook.plans.steps import DELETE, REFUSED, TTL_COLUMN, Step, steps_frame
from kvs_notebook.plans.tag_replacements import TagReplacements


class SheetPlanner:
    """Plans the rows of a sheet that differ from its original.

    Parameters
    ----------
    sheet
        The edited sheet.
    known
        The original.
    now
        The current channels; None if they are not given.
    allow_managed
        Whether channels that another tool manages are planned too.
    """

    def __init__(
        self, sheet: SheetTable, known: KnownChannels, now: KnownChannels | None, *, allow_managed: bool
    ) -> None:
        self._sheet = sheet
        self._known = known
        self._now = now
        self._allow_managed = allow_managed
        self._differences = SheetDifferences(sheet, known)

    def steps(self) -> pd.DataFrame:
        """Return the steps frame of all rows."""
        replacements = TagReplacements(self._sheet, self._known)
        steps = list(self._refused_rows())
        for row, position in self._edited_rows():
            is_usual = self._now is None and row not in self._differences.contradictions
            if not (is_usual and replacements.add(row, position, self._differences.edited[row])):
                steps += self._look_closely(row, position)
        return steps_frame(steps, replacements.frame())

    @cached_property
    def _conflicting(self) -> dict[int, list[int]]:
        return self._differences.rows_in_conflict()

    def _edited_rows(self) -> Iterator[tuple[int, int]]:
        """Yield row and position of the rows to plan; of several rows that ask for the same, the first."""
        seen: set[int] = set()
        for row in sorted(self._differences.edited.keys() | self._differences.contradictions.keys()):
            position = self._differences.positions[row]
            if position is None or position in seen or row in self._sheet.uneven or row in self._conflicting:
                continue
            seen.add(position)
            yield row, position

    def _refused_rows(self) -> Iterator[Step]:
        """Yield the steps of rows that cannot be planned by themselves."""
        for row, count in self._sheet.uneven.items():
            reason = f"The row has {count} cells, more than the header. Put quotes around text with a comma."
            yield self._refuse_unknown(row, reason)
        for row, position in enumerate(self._differences.positions):
            if position is None and row not in self._sheet.uneven:
                yield self._refuse_unknown(row, self._why_unknown(row))
        for row, rows in self._conflicting.items():
            position = self._differences.positions[row]
            if position is not None and row not in self._sheet.uneven:
                others = ", ".join(self._sheet.rows[other] for other in rows if other != row)
                reason = f"The channel has other values in {others}. Keep one of the rows."
                yield from refuse(self._known.at(position), [Refusal(reason)], self._sheet.rows[row])

    # --- one row

    def _look_closely(self, row: int, position: int) -> list[Step]:
        """Return the steps of a row that may have any edit, or why it is refused."""
        original = self._known.at(position)
        known = original if self._now is None else self._now.find(original.channel_arn)
        source = self._sheet.rows[row]
        edits, deletes, refusals = self._read_edits(row, original)
        if known is None:
            refusals.append(
                Refusal(
                    f"It is not in {self._now_label}: it was deleted, or could not be read. Plan again from a new export."
                )
            )
        elif known is not original:
            refusals += self._conflicts(original, known, edits, deletes=deletes)
        if refusals or known is None:
            return refuse(original, refusals, source)
        if not edits and not deletes:
            return []
        managed_by = self._sheet.column(MANAGED_BY)[row] or original.managed_by
        if managed_by:
            known = known.with_manager(str(managed_by))
        return plan_change(known, _change(edits, source, deletes=deletes), allow_managed=self._allow_managed)

    def _read_edits(self, row: int, original: KnownChannel) -> tuple[list[Edit], bool, list[Refusal]]:
        """Return the edits of a row, whether it asks to delete the channel, and what of it is refused."""
        refusals = [Refusal(reason) for reason in self._differences.contradictions.get(row, ())]
        edits: list[Edit] = []
        for name, value in self._differences.edited.get(row, {}).items():
            if name == ACTION:
                continue
            try:
                edits += edit_of_cell(self._sheet, row, name, value, original)
            except InvalidInput as error:
                refusals.append(Edit(name, None).refusal(original, str(error), cell_text(value)))
        try:
            deletes = is_delete(self._differences.edited.get(row, {}).get(ACTION))
        except InvalidInput as error:
            deletes, refusals = False, [*refusals, Refusal(str(error))]
        return edits, deletes, refusals

    @property
    def _now_label(self) -> str:
        return self._now.label if self._now is not None else ""

    def _conflicts(
        self, original: KnownChannel, known: KnownChannel, edits: Sequence[Edit], *, deletes: bool
    ) -> Iterator[Refusal]:
        """Yield the values that have changed since the original was written, and are not as wanted."""
        for edit in edits:
            before, present = edit.value_of(original), edit.value_of(known)
            if present not in {before, edit.after} and edit.is_known_of(known):
                reason = (
                    f"{edit.column} is {format_value(present)} now, and was {format_value(before)} in {self._known.label}. "
                    "Plan again from a new export."
                )
                yield edit.refusal(known, reason, edit.after)
        if deletes and (known.version, known.tags) != (original.version, original.tags):
            yield Refusal(
                f"It has changed since {self._known.label} was written. Plan again from a new export.", DELETE
            )

    # --- rows of no channel

    def _why_unknown(self, row: int) -> str:
        arn, label = self._differences.arns[row], self._known.label
        if not arn:
            return "channel_arn is empty. To create a channel, plan it with plans.ensure()."
        try:
            parsed = ChannelArn.parse(arn)
        except InvalidInput as error:
            return str(error)
        if parsed.account_id not in self._known_accounts:
            return f"Account {parsed.account_id} is not in {label}. Pass the export that the sheet was made from as original=."
        return f"channel_arn is not in {label}. Was a digit lost?"

    @cached_property
    def _known_accounts(self) -> set[str]:
        return {arn.split(":")[4] for arn in self._known.positions if arn.count(":") > 4}  # noqa: PLR2004

    def _refuse_unknown(self, row: int, reason: str) -> Step:
        cells = (self._sheet.column(name)[row] for name in (*IDENTITY, ARN))
        account_id, region, name, arn = (None if cell is None else cell_text(cell) for cell in cells)
        return Step(account_id, region, name, arn, None, status=REFUSED, reason=reason, source=self._sheet.rows[row])


def _change(edits: Sequence[Edit], source: str, *, deletes: bool) -> Change:
    ttl = next((int(edit.after) for edit in edits if edit.column == TTL_COLUMN and edit.after is not None), None)
    tags = {edit.key: edit.after for edit in edits if edit.key is not None}
    return Change(source, ttl, tags, deletes)
