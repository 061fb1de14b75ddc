"""Which accounts an inventory reads, and how it connects to each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from kvs_notebook.arguments import check_path, check_texts
from kvs_notebook.aws.arns import RoleArn, check_account_id
from kvs_notebook.aws.assume_role import DEFAULT_ROLE_SESSION, RoleSession
from kvs_notebook.aws.regions import PUBLIC_PARTITION, check_region_code, check_region_spelling
from kvs_notebook.caller_warning import warn_caller
from kvs_notebook.dataframes.csv_text import read_records
from kvs_notebook.dataframes.workbook import SUFFIX as WORKBOOK_SUFFIX
from kvs_notebook.dataframes.workbook import read_cells
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

COLUMNS = ("account_id", "role_arn", "profile", "account_name", "external_id", "regions", "change_role_arn")
ALIASES = {
    "id": "account_id",
    "accountid": "account_id",
    "name": "account_name",
    "region": "regions",
    "rolearn": "role_arn",
    "changerolearn": "change_role_arn",
}
"""Other spellings of columns, such as those of AWS Organizations' export and of list-accounts."""

INACTIVE = frozenset({"SUSPENDED", "PENDING", "PENDING_ACTIVATION", "PENDING_CLOSURE", "CLOSED"})
"""The values of Status and State in AWS Organizations' export of accounts that cannot be connected to."""

ALL_REGIONS = "all"
OWN_ACCOUNT = "to read the connection's own account"
"""What omitting profiles or roles does, as messages say."""
NEAREST_NAMED = 5

AccountsFile: TypeAlias = "str | os.PathLike[str] | pd.DataFrame"
"""A CSV file, a workbook or a frame: account_id, role_arn or profile, account_name, external_id, regions, change_role_arn."""


@dataclass(frozen=True, slots=True)
class Account:
    """How to connect to one account: by a profile, by a role, or, if neither is given, with the base connection.

    It holds no credentials.

    Attributes
    ----------
    profile, role_arn, external_id
        The AWS profile, or the role to assume and the external id that it requires.
    account_id
        The account's id if the caller stated it, else None.
    account_name
        The caller's name for the account.
    regions
        The regions to read in it, ``("all",)`` for all; None takes those of the inventory.
    role_session
        How roles are assumed.
    change_role_arn
        The role to assume for changes; None uses the role or profile that reads.
    """

    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    account_id: str | None = None
    account_name: str | None = None
    regions: tuple[str, ...] | None = None
    role_session: RoleSession = DEFAULT_ROLE_SESSION
    change_role_arn: str | None = None

    @property
    def label(self) -> str:
        """The account as messages name it."""
        return self.account_name or self.role_arn or self.profile or self.account_id or "this account"


class _NamedRole(NamedTuple):
    """A role that has the same name in each account."""

    role_name: str
    external_id: str | None
    partition: str

    @classmethod
    def parse(cls, role_name: object, external_id: str | None, partition: str) -> _NamedRole:
        """Return the role; raise InvalidInput if it is not the name of an IAM role."""
        role = cls(str(role_name), external_id, partition)
        try:
            RoleArn.parse(role.arn_in("000000000000", None) if isinstance(role_name, str) else role_name)
        except InvalidInput as error:
            raise InvalidInput(
                f"role_name={format_value(role_name)} is not valid. Expected a role's name, such as "
                "'OrganizationAccountAccessRole'."
            ) from error
        return role

    def arn_in(self, account_id: str, arn: str | None) -> str:
        """Return the role's ARN in an account, in the partition of the account's own ARN if that is known."""
        partition = arn.split(":")[1] if arn and arn.startswith("arn:aws") else self.partition
        return f"arn:{partition}:iam::{account_id}:role/{self.role_name}"


def accounts_to_read(
    profiles: Iterable[str] | None,
    role_arns: Iterable[str] | None,
    external_id: str | None,
    accounts: AccountsFile | None,
    *,
    role_name: str | None = None,
    role_session: RoleSession | None = None,
    partition: str = PUBLIC_PARTITION,
) -> list[Account]:
    """Return the accounts of an inventory's arguments, once each; the connection's own account if there is no argument.

    Raises
    ------
    InvalidInput
        If a profile is not a string, a role is not an IAM role's ARN or name, or the accounts file is not valid; nothing was
        sent.
    """
    if role_name is not None and accounts is None:
        raise InvalidInput(
            "role_name= needs accounts=: a file or a frame of the accounts that have a role of this name."
        )
    role = None if role_name is None else _NamedRole.parse(role_name, external_id, partition)
    found = [Account(profile=profile) for profile in check_names("profiles", profiles, "['fleet']", OWN_ACCOUNT)]
    role_arns = check_names("role_arns", role_arns, "['arn:aws:iam::111122223333:role/NAME']", OWN_ACCOUNT)
    found += [_account_of_role(role_arn, external_id) for role_arn in role_arns]
    if accounts is not None:
        found += _read_accounts(accounts, role)
    if role_session is not None:
        found = [replace(each, role_session=role_session) if each.role_arn else each for each in found]
    return list(dict.fromkeys(found)) or [Account()]


def check_names(argument: str, values: object, example: str, omitted: str) -> list[str]:
    """Return the strings of a list, a Series or an array; none if it is None.

    ``omitted`` is what the caller gets by omitting the argument, for the message about an empty list.

    Raises
    ------
    InvalidInput
        If it is a string instead of a list, is empty, or contains a value that is not a string.
    """
    if values is None:
        return []
    names = check_texts(argument, values, example)
    if not names:
        raise InvalidInput(f"{argument} is an empty list. Omit it {omitted}.")
    return names


def _account_of_role(role_arn: str, external_id: str | None, **details: Any) -> Account:
    account_id = RoleArn.parse(role_arn).account_id
    return Account(role_arn=role_arn, external_id=external_id, account_id=account_id, **details)


# --- the accounts file


def _read_accounts(accounts: AccountsFile, role: _NamedRole | None) -> list[Account]:
    if isinstance(accounts, pd.DataFrame):
        source, header, rows = "The accounts frame", [str(name) for name in accounts], _rows_of_frame(accounts)
    else:
        if not isinstance(accounts, (str, os.PathLike)):
            raise InvalidInput(
                f"accounts {format_value(accounts)} is not a file or a DataFrame. Pass one with the columns account_id and "
                "role_arn or profile, or pass profiles=[...] or role_arns=[...]."
            )
        source = str(accounts)
        header, rows = _rows_of_file(accounts, source)
    columns = _columns_of(header)
    if "account_id" not in columns or not (role or {"role_arn", "profile"} & set(columns)):
        missing = "account_id" if "account_id" not in columns else "role_arn or profile"
        raise InvalidInput(
            f"{source} has no column {missing}{_nearest(header, missing)}. Expected account_id, "
            "and role_arn or profile; to assume a role of one name in each account, pass role_name=."
        )
    filled = {number: dict(zip(columns, row, strict=True)) for number, row in rows.items() if any(row)}
    if not filled:
        raise InvalidInput(f"{source} has no row. Add one for each account.")
    active = {number: row for number, row in filled.items() if not _is_inactive(row)}
    if len(active) < len(filled):
        skipped = [row["account_id"] for number, row in filled.items() if number not in active]
        warn_caller(f"{source}: accounts that are not active are not read: {', '.join(skipped)}.")
    return [_parse_row(row, f"{source}, row {number}", role) for number, row in active.items()]


def _rows_of_file(path: str | os.PathLike[str], source: str) -> tuple[list[str], dict[int, list[str]]]:
    """Return the header and the rows by number, as a spreadsheet counts them; every cell is text, with its zeros."""
    if check_path("accounts", path).suffix.lower() == WORKBOOK_SUFFIX:
        cells = read_cells(path).fillna("")
        rows = zip(cells.index.tolist(), cells.to_numpy().tolist(), strict=True)
        return list(cells.columns), {number: [cell.strip() for cell in row] for number, row in rows}
    records = read_records(path, source, lambda cells: "account_id" in _columns_of(cells))
    if not records:
        raise InvalidInput(f"{source} is empty. Expected a CSV file with the columns {', '.join(COLUMNS)}.")
    header = list(records.pop(min(records)))
    uneven = [number for number, row in records.items() if len(row) > len(header)]
    if uneven:
        raise InvalidInput(
            f"{source}, row {uneven[0]} has more cells than the header. Put quotes around text with a comma."
        )
    padded = {number: row + ("",) * (len(header) - len(row)) for number, row in records.items()}
    return header, {number: [cell.strip() for cell in row] for number, row in padded.items()}


def _rows_of_frame(frame: pd.DataFrame) -> dict[int, list[str]]:
    """Return the rows of a frame by the number that they would have in its file."""
    columns = _columns_of([str(name) for name in frame])
    values = frame.itertuples(index=False, name=None)
    return {
        number: [_to_text(value, column) for value, column in zip(row, columns, strict=True)]
        for number, row in enumerate(values, 2)
    }


def _to_text(value: Any, column: str) -> str:
    """Return what a file has for a value: pandas reads account ids as numbers, which drops zeros at their beginning."""
    if isinstance(
        value, (list, tuple, set, frozenset, np.ndarray, pd.Series, pd.Index)
    ):  # an array in a column of Parquet
        return " ".join(map(str, value))
    if pd.isna(value):
        return ""
    if isinstance(value, (int, np.integer)) or (isinstance(value, (float, np.floating)) and float(value).is_integer()):
        return f"{int(value):012}" if column == "account_id" else str(int(value))
    return str(value).strip()


def _columns_of(header: Sequence[str]) -> list[str]:
    """Return our name for each column, in any spelling, and for the columns of AWS Organizations' export."""
    spelt = [re.sub(r"[\s_-]+", "_", name.strip().casefold()) for name in header]
    return [ALIASES[name] if name in ALIASES and ALIASES[name] not in spelt else name for name in spelt]


def _nearest(header: Iterable[str], column: str) -> str:
    """Return the names that are most similar to a column's, as a part of a message; "" if there are no names."""
    from difflib import SequenceMatcher

    def likeness(name: str) -> float:
        return max(SequenceMatcher(None, name.casefold(), each).ratio() for each in column.split(" or "))

    nearest = sorted(filter(str.strip, header), key=likeness, reverse=True)[:NEAREST_NAMED]
    return f"; the nearest of its columns are {', '.join(nearest)}" if nearest else ""


def _is_inactive(row: Mapping[str, str]) -> bool:
    return any(row.get(column, "").upper() in INACTIVE for column in ("status", "state"))


def _parse_row(row: Mapping[str, str], source: str, role: _NamedRole | None) -> Account:
    cells = {column: text for column, text in row.items() if text}
    try:
        account_id = check_account_id(cells.get("account_id", ""))
        regions = _parse_regions(cells.get("regions"))
    except InvalidInput as error:
        hint = " A spreadsheet may have removed leading zeros." if "digits" in str(error) else ""
        raise InvalidInput(f"{source}: {error}{hint}") from error
    change_role_arn = cells.get("change_role_arn")
    if change_role_arn is not None and RoleArn.parse(change_role_arn).account_id != account_id:
        raise InvalidInput(
            f"{source}: {change_role_arn} is not a role of account {account_id}. Correct one of the two."
        )
    details = {"account_name": cells.get("account_name"), "regions": regions, "change_role_arn": change_role_arn}
    if role is not None and not {"role_arn", "profile"} & cells.keys():
        return _account_of_role(
            role.arn_in(account_id, cells.get("arn")), cells.get("external_id", role.external_id), **details
        )
    if ("role_arn" in cells) == ("profile" in cells):
        given = "both" if "role_arn" in cells else f"neither{_nearest(row, 'role_arn or profile')}"
        raise InvalidInput(f"{source}: account {account_id} needs either role_arn or profile, and has {given}.")
    if "profile" in cells:
        external_id = cells.get("external_id") if change_role_arn else None  # a profile contains its own external id
        return Account(profile=cells["profile"], account_id=account_id, external_id=external_id, **details)  # type: ignore[arg-type]
    account = _account_of_role(cells["role_arn"], cells.get("external_id"), **details)
    if account.account_id != account_id:
        raise InvalidInput(
            f"{source}: {account.role_arn} is not a role of account {account_id}. Correct one of the two."
        )
    return account


def _parse_regions(text: str | None) -> tuple[str, ...] | None:
    """Return the regions of a cell, separated by spaces, commas or semicolons; None if it is empty."""
    codes = [code for code in re.split(r"[\s,;|]+", text or "") if code]
    if codes == [ALL_REGIONS]:
        return (ALL_REGIONS,)
    return tuple(dict.fromkeys(check_region_spelling(check_region_code(code)) for code in codes)) or None
