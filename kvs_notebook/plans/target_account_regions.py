"""The account and region that each row of a device list is meant for, and whether they were read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from kvs_notebook.aws.arns import check_account_id
from kvs_notebook.aws.regions import check_region_code, check_region_spelling
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.plans.known_channels import ChannelsToPlan
from kvs_notebook.plans.sheet_table import SheetTable

Place: TypeAlias = tuple[str, str]
"""An account id and a region."""

_COLUMNS = ("account_id", "region")


class TargetAccountRegions:
    """The account and region of each row.

    Parameters
    ----------
    channels
        The channels that exist.
    places
        Their accounts and regions.
    table
        The device list.
    label
        How messages name the channels.

    Raises
    ------
    InvalidInput
        If the list has no column for the account or the region, and the channels are of several.
    """

    def __init__(self, channels: ChannelsToPlan, places: Iterable[Place], table: SheetTable, label: str) -> None:
        self._read = set(places)
        self._prefix = ""
        self._statuses: dict[Place, str] | None = None
        if isinstance(channels, Inventory):
            coverage = channels.coverage
            found = zip(coverage["account_id"], coverage["region"], strict=True)
            self._statuses = dict(zip(found, coverage["status"], strict=True))
            self._read |= {place for place, status in self._statuses.items() if status == "ok"}
            self._prefix = channels.prefix or ""
        self._defaults = [self._only(position, table, label) for position in range(len(_COLUMNS))]

    def _only(self, position: int, table: SheetTable, label: str) -> str | None:
        """Return the account or region that all channels have, if the list needs it."""
        name, values = _COLUMNS[position], {place[position] for place in self._read}
        if len(values) == 1:
            return next(iter(values))
        if name not in table.columns:
            noun = name.removesuffix("_id")
            found = f"channels of {len(values)} {noun}s ({', '.join(sorted(values)[:5])})" if values else "no channels"
            raise InvalidInput(
                f"{table.label} has no column {name}, and {label} has {found}. "
                f"Add the column, or pass the channels of one {noun}."
            )
        return None

    def of_row(self, table: SheetTable, row: int, name: str) -> Place:
        """Return the account and region of a row.

        Raises
        ------
        InvalidInput
            If they are missing or not valid, or it was not read whether they have a channel of this name.
        """
        account_id, region = (
            table.column(column)[row] or default for column, default in zip(_COLUMNS, self._defaults, strict=True)
        )
        try:
            place = check_account_id(account_id), check_region_spelling(check_region_code(region))
        except InvalidInput as error:
            hint = " A spreadsheet may have removed leading zeros." if "12 digits" in str(error) else ""
            raise InvalidInput(f"{error}{hint}") from error
        status = "ok" if self._statuses is None else self._statuses.get(place, "not asked for")
        if status != "ok":
            raise InvalidInput(
                f"Account {place[0]} was not read in {place[1]} ({status}): the channel may exist. Read it first."
            )
        if not name.startswith(self._prefix):
            raise InvalidInput(
                f"Only channels that begin with {self._prefix!r} were read: the channel may exist. Read all."
            )
        return place
