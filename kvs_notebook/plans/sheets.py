"""Plans from a sheet that a person edited, and the file that it was made from."""

from __future__ import annotations

from collections.abc import Iterator

from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.formatting import format_count
from kvs_notebook.plans.known_channels import ChannelsToPlan, KnownChannels
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.sheet_differences import ARN, KNOWN_COLUMNS
from kvs_notebook.plans.sheet_planner import SheetPlanner
from kvs_notebook.plans.sheet_table import File, Sheet, SheetTable, read_channels


def from_sheet(
    edited: Sheet,
    *,
    original: File | ChannelsToPlan,
    current: File | ChannelsToPlan | None = None,
    allow_managed: bool = False,
) -> Plan:
    """Plan the changes that were made to a sheet in a spreadsheet.

    The ARN tells the channel of a row. Message TTLs and tags (``tag:KEY``) may
    be edited: an empty cell keeps the value, a cell with only ``'`` sets the
    empty value, ``(remove)`` removes a tag. A channel is deleted only if its
    cell in a column ``action`` is ``delete``; a row that is missing changes
    nothing.

    Parameters
    ----------
    edited
        The edited CSV file, with commas, semicolons or tabs, or the workbook
        (``.xlsx``, with the extra ``excel``); or a frame.
    original
        What the sheet was made from: the CSV, Excel or Parquet file, the
        frame, or the Inventory, with tags.
    current
        The current channels, if they may have changed since: a value that
        differs from the original and from the sheet is refused as a conflict.
    allow_managed
        Also plan channels that CloudFormation or Terraform manages, by their
        tags or a column ``managed_by``.

    Returns
    -------
    Plan
        The steps, each with its row as ``source``. If one value of a row is
        refused, no step of that row is sent. A value that changed only as a
        spreadsheet changes numbers and dates (``0042`` into ``42``) is
        refused. If the change is meant, write ``'42``, or use a text cell of a
        workbook.

    Raises
    ------
    InvalidInput
        If a file cannot be read, has no column ``channel_arn``, or has a
        column's name with other capitals or spaces.
    DamagedFile
        If a file is not CSV in UTF-8, or the original was changed by another
        program.

    Notes
    -----
    Spends no API call. apply_plan() looks at each channel just before it
    changes it.

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
    sheet.check_spelling(KNOWN_COLUMNS | {TAG_PREFIX + key for key in known.tag_keys})
    steps = SheetPlanner(sheet, known, now, allow_managed=allow_managed).steps()
    return Plan(steps, source=sheet.label, notes=list(_notes(sheet, known)), account_names=known.account_names)


def _notes(sheet: SheetTable, known: KnownChannels) -> Iterator[str]:
    arns = {arn.strip() for arn in sheet.column(ARN) if isinstance(arn, str)}
    missing = len(known.positions.keys() - arns)
    if missing:
        yield (
            f"{format_count(missing, 'channel')} of {known.label} {'is' if missing == 1 else 'are'} not in {sheet.label} and "
            f"{'stays' if missing == 1 else 'stay'} unchanged. To delete one, write delete into the column action."
        )
    unknown = [name for name in sheet.columns if name not in KNOWN_COLUMNS and not name.startswith(TAG_PREFIX)]
    if unknown:
        yield (
            f"Not planned, because they are not columns of channels: {', '.join(unknown)}. "
            f"The column of a tag is named {TAG_PREFIX}KEY."
        )
