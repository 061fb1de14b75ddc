"""Plans from a sheet that a person edited, beside the file that it was made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.dataframes.schemas import CHANNELS, TAG_PREFIX
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_count, format_value
from kvs_notebook.plans.changes import Change, Refusal, plan_change, refuse
from kvs_notebook.plans.known_channels import MANAGED_BY, ChannelsToPlan, KnownChannel, KnownChannels
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.sheet_cells import Edit, edit_of_cell, is_delete
from kvs_notebook.plans.sheet_table import File, Sheet, SheetTable, read_channels
from kvs_notebook.plans.spreadsheet_damage import is_conversion
from kvs_notebook.plans.steps import DELETE, REFUSED, TTL_COLUMN, Step

ARN = "channel_arn"
ACTION = "action"
IDENTITY = ("account_id", "region", "channel_name")
"""Columns whose value the ARN has too."""

UNCHANGEABLE = ("channel_type", "account_name", "date")
OF_EXPORT = ("version", "channel_status", "tags_source")
"""Columns that tell whether the sheet was made of this export."""

KNOWN_COLUMNS = {*CHANNELS, *IDENTITY, *UNCHANGEABLE, *OF_EXPORT, ACTION, MANAGED_BY}


def from_sheet(
    edited: Sheet,
    *,
    original: File | ChannelsToPlan,
    current: File | ChannelsToPlan | None = None,
    allow_managed: bool = False,
) -> Plan:
    """Plan what was edited in a sheet.

    The ARN tells the channel of a row. Message TTLs and tags (``tag:KEY``) may be edited: an empty cell leaves the value alone,
    ``'`` alone is the empty value, ``(remove)`` removes a tag. A channel is deleted only if its cell in a column ``action`` is
    ``delete``; a row that is missing changes nothing.

    Parameters
    ----------
    edited
        The edited CSV file, with commas, semicolons or tabs, or the workbook (``.xlsx``, with the extra ``excel``); or a frame.
    original
        What the sheet was made of: the CSV, Excel or Parquet file, the frame, or the Inventory, with tags.
    current
        The channels as they are now, if they may have changed since: a value that differs from the original and from the sheet is
        refused as a conflict.
    allow_managed
        Also plan channels that CloudFormation or Terraform manages, by their tags or a column ``managed_by``.

    Returns
    -------
    Plan
        The steps, each with its row as ``source``. If one value of a row is refused, nothing of that row is sent. A value that
        changed only as a spreadsheet changes numbers and dates (``0042`` into ``42``) is refused; ``'42`` insists on it.

    Raises
    ------
    InvalidInput
        If a file cannot be read, or has no column ``channel_arn``.
    DamagedFile
        If a file is not CSV in UTF-8, or the original was changed by another program.

    Notes
    -----
    Spends no API call. apply_plan() looks at each channel just before it changes it.

    Examples
    --------
    >>> from pathlib import Path
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door", tags={"Site": "hq"})
    >>> kvs.to_csv(kvs.list_channels(tags=True), "fleet.csv")
    >>> _ = Path("edited.csv").write_text(Path("fleet.csv").read_text().replace("hq", "annex"))
    >>> plan = kvs.plans.from_sheet("edited.csv", original="fleet.csv")
    >>> plan.steps[["channel_name", "action", "column", "before", "after", "source"]]
      channel_name action    column before  after            source
    0   front-door    tag  tag:Site     hq  annex  edited.csv row 2
    """
    sheet = SheetTable(edited, "edited", ARN)
    known = KnownChannels(*read_channels(original, "original"))
    now = None if current is None else KnownChannels(*read_channels(current, "current"))
    steps = list(_SheetPlanner(sheet, known, now, allow_managed=allow_managed).steps())
    return Plan(steps, source=sheet.label, notes=list(_notes(sheet, known)), account_names=known.account_names)


class _SheetPlanner:
    """Compares a sheet with its original, column by column, and plans the rows that differ."""

    def __init__(
        self, sheet: SheetTable, known: KnownChannels, now: KnownChannels | None, *, allow_managed: bool
    ) -> None:
        self._sheet = sheet
        self._known = known
        self._now = now
        self._allow_managed = allow_managed
        self._arns = [arn.strip() if isinstance(arn, str) else arn for arn in sheet.column(ARN)]
        self._positions = [known.positions.get(arn) for arn in self._arns]
        self._edited = self._find_edits()
        self._contradictions = self._find_contradictions()

    def steps(self) -> Iterator[Step]:
        """Yield the steps of all rows."""
        conflicting = self._rows_in_conflict()
        seen: set[int] = set()
        for row, position in enumerate(self._positions):
            if row in self._sheet.uneven:
                cells = f"{self._sheet.uneven[row]} cells, more than the header"
                yield self._refuse_unknown(row, f"The row has {cells}. Put quotes around text with a comma.")
            elif position is None:
                yield self._refuse_unknown(row, self._why_unknown(row))
            elif row in conflicting:
                others = ", ".join(self._sheet.rows[other] for other in conflicting[row] if other != row)
                reason = f"The channel has other values in {others}. Keep one of the rows."
                yield from refuse(self._known.at(position), [Refusal(reason)], self._sheet.rows[row])
            elif position not in seen and (row in self._edited or row in self._contradictions):
                yield from self._plan_row(row, position)
            if position is not None:
                seen.add(position)

    # --- what was edited

    def _find_edits(self) -> dict[int, dict[str, Any]]:
        """Return the cells by row and column that are neither empty nor as in the original."""
        found: dict[int, dict[str, Any]] = defaultdict(dict)
        for name, values in self._sheet.columns.items():
            if name == ACTION:
                edits = [(row, value) for row, value in enumerate(values) if value is not None and str(value).strip()]
            elif name == TTL_COLUMN or name.startswith(TAG_PREFIX):
                old = self._original(name)
                edits = [
                    (row, value)
                    for row, (value, position) in enumerate(zip(values, self._positions, strict=True))
                    if value is not None and position is not None and _text(value) != old[position]
                ]
            else:
                continue
            for row, value in edits:
                found[row][name] = value
        return found

    def _original(self, name: str) -> list[str | None]:
        if name.startswith(TAG_PREFIX):
            return self._known.tag_values(name.removeprefix(TAG_PREFIX))
        return [None if value is None else str(value) for value in self._known.column(name)]

    def _find_contradictions(self) -> dict[int, list[str]]:
        """Return why a row is refused because of cells that cannot be edited, by row."""
        found: dict[int, list[str]] = defaultdict(list)
        for name in (*IDENTITY, *UNCHANGEABLE, *OF_EXPORT):
            is_in_original = name in IDENTITY or name in self._known.frame
            if name not in self._sheet.columns or not is_in_original:
                continue
            truth = self._known.column(name)
            for row, (value, position) in enumerate(zip(self._sheet.columns[name], self._positions, strict=True)):
                if value is None or position is None or value == truth[position]:
                    continue
                expected = self._true_value(name, position)
                if _text(value) != expected and not is_conversion(expected, _text(value)):
                    found[row] += self._contradiction(row, name, value, expected)
        return found

    def _true_value(self, name: str, position: int) -> str:
        if name in IDENTITY:
            return str(getattr(self._known.at(position).arn, name))
        value = self._known.column(name)[position]
        return "" if value is None else _text(value)

    def _contradiction(self, row: int, name: str, value: Any, expected: str) -> list[str]:
        shown, label = format_value(value), self._known.label
        if name in IDENTITY:
            return [f"{name} {shown} contradicts the ARN, which has {expected!r}. Restore it: it can't be changed."]
        if name in UNCHANGEABLE:
            return [f"{name} {shown} is {expected!r} in {label}. Restore it: it can't be changed."]
        if row not in self._edited:
            return []
        return [f"{name} {shown} is {expected!r} in {label}. Pass the export that the sheet was made of as original=."]

    def _rows_in_conflict(self) -> dict[int, list[int]]:
        """Return the rows of channels that have several rows with different edits."""
        if len(set(self._positions)) == len(self._positions):
            return {}
        rows: dict[int, list[int]] = defaultdict(list)
        for row, position in enumerate(self._positions):
            if position is not None:
                rows[position].append(row)
        groups = [group for group in rows.values() if len(group) > 1]
        return {
            row: group
            for group in groups
            if any(self._edited.get(row) != self._edited.get(group[0]) for row in group)
            for row in group
        }

    # --- one row

    def _plan_row(self, row: int, position: int) -> list[Step]:
        original = self._known.at(position)
        known = original if self._now is None else self._now.find(original.channel_arn)
        source = self._sheet.rows[row]
        refusals = [Refusal(reason) for reason in self._contradictions.get(row, ())]
        edits: list[Edit] = []
        for name, value in self._edited.get(row, {}).items():
            if name == ACTION:
                continue
            try:
                edits += edit_of_cell(self._sheet, row, name, value, original)
            except InvalidInput as error:
                refusals.append(Edit(name, None).refusal(original, str(error), _text(value)))
        try:
            deletes = is_delete(self._edited.get(row, {}).get(ACTION))
        except InvalidInput as error:
            deletes, refusals = False, [*refusals, Refusal(str(error))]
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
        arn, label = self._arns[row], self._known.label
        if arn is None:
            return "channel_arn is empty. To create a channel, plan it with plans.ensure()."
        try:
            parsed = ChannelArn.parse(arn)
        except InvalidInput as error:
            return str(error)
        accounts = {each.split(":")[4] for each in self._known.positions if each.count(":") > 4}  # noqa: PLR2004
        if parsed.account_id not in accounts:
            return f"Account {parsed.account_id} is not in {label}. Pass the export that the sheet was made of as original=."
        return f"channel_arn is not in {label}. Was a digit lost?"

    def _refuse_unknown(self, row: int, reason: str) -> Step:
        cells = (self._sheet.column(name)[row] for name in (*IDENTITY, ARN))
        account_id, region, name, arn = (None if cell is None else _text(cell) for cell in cells)
        return Step(account_id, region, name, arn, None, status=REFUSED, reason=reason, source=self._sheet.rows[row])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _change(edits: Sequence[Edit], source: str, *, deletes: bool) -> Change:
    ttl = next((int(edit.after) for edit in edits if edit.column == TTL_COLUMN and edit.after is not None), None)
    tags = {edit.key: edit.after for edit in edits if edit.key is not None}
    return Change(source, ttl, tags, deletes)


def _notes(sheet: SheetTable, known: KnownChannels) -> Iterator[str]:
    arns = {arn.strip() for arn in sheet.column(ARN) if isinstance(arn, str)}
    missing = len(known.positions.keys() - arns)
    if missing:
        yield (
            f"{format_count(missing, 'channel')} of {known.label} {'is' if missing == 1 else 'are'} not in {sheet.label} and "
            f"{'stays as it is' if missing == 1 else 'stay as they are'}. To delete one, write delete into the column action."
        )
    unknown = [name for name in sheet.columns if name not in KNOWN_COLUMNS and not name.startswith(TAG_PREFIX)]
    if unknown:
        yield (
            f"Not planned, because they are not columns of channels: {', '.join(unknown)}. "
            f"The column of a tag is named {TAG_PREFIX}KEY."
        )
