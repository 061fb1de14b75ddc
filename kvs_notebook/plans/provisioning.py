"""Plans that bring channels to what a device list wants: create those that are missing, update and tag the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.validation import MAX_TAGS, check_channel_name
from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.plans.changes import Change, plan_change
from kvs_notebook.plans.known_channels import MANAGED_BY, ChannelsToPlan, KnownChannels
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.sheet_cells import REMOVE, check_tag, parse_ttl
from kvs_notebook.plans.sheet_table import File, Sheet, SheetTable, read_channels
from kvs_notebook.plans.steps import CREATE, REFUSED, TTL_COLUMN, UNCHANGED, Step
from kvs_notebook.plans.target_account_regions import TargetAccountRegions

NAME = "channel_name"
DEFAULT_TTL = 60
"""The message TTL of a channel that create_channel() creates, if none is given."""

CREATED_TYPE = "SINGLE_MASTER"

PLANNED_COLUMNS = (TTL_COLUMN, "account_id", "region", "channel_type", MANAGED_BY)
"""Columns of a device list that are read, beside those of the name and the tags."""

Identity: TypeAlias = tuple[str, str, str]
"""An account id, a region and a channel's name."""


def ensure(
    desired: Sheet,
    current: File | ChannelsToPlan,
    *,
    name_column: str = NAME,
    allow_managed: bool = False,
) -> Plan:
    """Plan to create the missing channels of a device list.

    Channels that exist are updated and tagged; nothing is deleted.

    Planning and applying the same list again changes nothing.

    Parameters
    ----------
    desired
        A CSV file or a frame with a row per channel: its name; optionally
        ``message_ttl_seconds``, ``tag:KEY`` columns, and ``account_id`` and
        ``region``. An empty cell leaves the value unchanged, ``(remove)``
        removes a tag. Other columns are ignored.
    current
        The channels that exist, with tags: a frame of
        list_channels(tags=True), an Inventory, or the CSV or Parquet file of
        one. If they are of one account, ``desired`` needs no column
        ``account_id``; of one region, no ``region``.
    name_column
        The column of ``desired`` that has the channel's name.
    allow_managed
        Also plan channels that CloudFormation or Terraform manages, by their
        tags or a column ``managed_by``.

    Returns
    -------
    Plan
        The steps. If one value of a row is refused, nothing of that row is
        sent. A new channel has a message TTL of 60 s if none is given.

    Raises
    ------
    InvalidInput
        If a file cannot be read, ``desired`` has no column with names, a
        column's name has other capitals or spaces, or account and region are
        not known.
    DamagedFile
        If a file is not CSV in UTF-8, or ``current`` was changed by another
        program.

    Notes
    -----
    Spends no API call. apply_plan() creates channels concurrently and waits
    once for all of them.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> import pandas as pd
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("cam-1", tags={"Site": "hq"})
    >>> devices = pd.DataFrame({"channel_name": ["cam-1", "cam-2"], "serial": ["X1", "X2"], "tag:Site": ["hq", "hq"]})
    >>> plan = kvs.plans.ensure(devices, kvs.list_channels(tags=True))
    >>> plan.steps[["channel_name", "action", "column", "after", "status"]]
      channel_name  action               column after     status
    0        cam-1     tag             tag:Site    hq  unchanged
    1        cam-2  create  message_ttl_seconds    60      ready
    2        cam-2  create             tag:Site    hq      ready
    """
    if not isinstance(name_column, str):
        raise InvalidInput(
            f"name_column={format_value(name_column)} is not a column's name. Pass a string, such as {NAME!r}."
        )
    table = SheetTable(desired, "desired", name_column)
    channels, label = read_channels(current, "current")
    known = KnownChannels(channels, label)
    table.check_spelling({*PLANNED_COLUMNS, *(TAG_PREFIX + key for key in known.tag_keys)})
    positions = _positions(known)
    targets = TargetAccountRegions(channels, {identity[:2] for identity in positions}, table, label)
    planner = _Provisioning(table, known, positions, targets, name_column, allow_managed=allow_managed)
    steps = list(planner.steps())
    return Plan(steps, source=table.label, notes=list(_notes(table, name_column)), account_names=known.account_names)


def _positions(known: KnownChannels) -> dict[Identity, int]:
    """Return the position of each channel by account, region and name."""
    positions = {}
    for arn, position in known.positions.items():
        try:
            parsed = ChannelArn.parse(arn)
        except InvalidInput as error:
            raise InvalidInput(f"{known.label}: {error}") from error
        positions[parsed.account_id, parsed.region, parsed.channel_name] = position
    return positions


class _Wanted(NamedTuple):
    """What a row wants of its channel."""

    row: int
    message_ttl_seconds: int | None
    tags: dict[str, str | None]


class _Provisioning:
    """Compares the rows of a device list with the channels that exist."""

    def __init__(
        self,
        table: SheetTable,
        known: KnownChannels,
        positions: Mapping[Identity, int],
        targets: TargetAccountRegions,
        name_column: str,
        *,
        allow_managed: bool,
    ) -> None:
        self._table = table
        self._known = known
        self._targets = targets
        self._name_column = name_column
        self._allow_managed = allow_managed
        self._tag_columns = [name for name in table.columns if name.startswith(TAG_PREFIX)]
        self._positions = positions
        for name in (name_column, *PLANNED_COLUMNS, *self._tag_columns):
            table.column(name)  # a cell that is neither text nor a number is an error of the frame, not of its row

    def steps(self) -> Iterator[Step]:
        """Yield the steps of all rows, in the order of their channels."""
        wanted: dict[Identity, list[_Wanted]] = defaultdict(list)
        for row in range(len(self._table)):
            try:
                key, of_row = self._read_row(row)
            except InvalidInput as error:
                yield self._refuse(row, str(error))
            else:
                wanted[key].append(of_row)
        for key, of_rows in wanted.items():
            first = of_rows[0]
            if any(each[1:] != first[1:] for each in of_rows):
                rows = ", ".join(self._table.rows[each.row] for each in of_rows)
                for each in of_rows:
                    yield self._refuse(
                        each.row, f"The channel has other values in other rows ({rows}). Keep one of them."
                    )
            else:
                yield from self._plan(key, first)

    def _read_row(self, row: int) -> tuple[Identity, _Wanted]:
        if row in self._table.uneven:
            raise InvalidInput(
                f"The row has {self._table.uneven[row]} cells, more than the header. Put quotes around text with a comma."
            )
        name = self._table.column(self._name_column)[row]
        if name is None:
            raise InvalidInput(f"{self._name_column} is empty. Write the channel's name, or remove the row.")
        check_channel_name(name)
        channel_type = self._table.column("channel_type")[row]
        if channel_type not in {None, CREATED_TYPE}:
            raise InvalidInput(f"channel_type {format_value(channel_type)} is not supported. Expected {CREATED_TYPE}.")
        ttl = self._table.column(TTL_COLUMN)[row]
        tags = {column.removeprefix(TAG_PREFIX): self._table.column(column)[row] for column in self._tag_columns}
        for tag, value in tags.items():
            if value not in {None, REMOVE}:
                check_tag(tag, value)
        given = {tag: None if value == REMOVE else value for tag, value in tags.items() if value is not None}
        key = (*self._targets.of_row(self._table, row, name), name)
        return key, _Wanted(row, None if ttl is None else parse_ttl(ttl), given)

    def _plan(self, key: Identity, wanted: _Wanted) -> Iterator[Step]:
        position = self._positions.get(key)
        if position is None:
            yield from self._create(key, wanted)
            return
        source = self._table.rows[wanted.row]
        known = self._known.at(position)
        managed_by = self._table.column(MANAGED_BY)[wanted.row]
        if managed_by:
            known = known.with_manager(str(managed_by))
        if wanted.message_ttl_seconds is None and not wanted.tags:
            yield Step(*key, known.channel_arn, CREATE, version=known.version, status=UNCHANGED, source=source)
            return
        change = Change(source, wanted.message_ttl_seconds, wanted.tags)
        yield from plan_change(known, change, allow_managed=self._allow_managed)

    def _create(self, key: Identity, wanted: _Wanted) -> Iterator[Step]:
        """Yield the steps of one CreateSignalingChannel call: the message TTL, and each tag."""
        tags = {tag: value for tag, value in wanted.tags.items() if value is not None}
        managed_by = self._table.column(MANAGED_BY)[wanted.row]
        if managed_by and not self._allow_managed:
            yield self._refuse(
                wanted.row, f"It is managed by {managed_by}. Create it there, or pass allow_managed=True."
            )
            return
        if len(tags) > MAX_TAGS:
            yield self._refuse(wanted.row, f"It would have too many tags: {len(tags)} (maximum {MAX_TAGS}).")
            return
        ttl = DEFAULT_TTL if wanted.message_ttl_seconds is None else wanted.message_ttl_seconds
        values = {TTL_COLUMN: str(ttl), **{TAG_PREFIX + tag: value for tag, value in tags.items()}}
        for column, value in values.items():
            yield Step(*key, None, CREATE, column, after=value, source=self._table.rows[wanted.row])

    def _refuse(self, row: int, reason: str) -> Step:
        cells: list[Any] = [self._table.column(name)[row] for name in ("account_id", "region", self._name_column)]
        account_id, region, name = (None if cell is None else str(cell) for cell in cells)
        return Step(account_id, region, name, None, None, status=REFUSED, reason=reason, source=self._table.rows[row])


def _notes(table: SheetTable, name_column: str) -> Iterator[str]:
    planned = {name_column, *PLANNED_COLUMNS}
    others = [name for name in table.columns if name not in planned and not name.startswith(TAG_PREFIX)]
    if others:
        yield f"Not planned: {', '.join(others)}. To set a tag, name its column {TAG_PREFIX}KEY."
