"""Which accounts an inventory reads, and how it connects to each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from kvs_notebook.aws.arns import RoleArn, check_account_id
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

COLUMNS = ("account_id", "role_arn", "profile", "account_name", "external_id")
MISSING_TEXTS = ("nan", "None", "<NA>")
"""What a missing value of a frame becomes as text."""

AccountsFile: TypeAlias = "str | os.PathLike[str] | pd.DataFrame"
"""A CSV file or a frame with the columns account_id, role_arn or profile, account_name, external_id."""


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
    """

    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    account_id: str | None = None
    account_name: str | None = None

    @property
    def label(self) -> str:
        """The account as messages name it."""
        return self.account_name or self.role_arn or self.profile or self.account_id or "this account"


def accounts_to_read(
    profiles: Iterable[str] | None,
    role_arns: Iterable[str] | None,
    external_id: str | None,
    accounts: AccountsFile | None,
) -> list[Account]:
    """Return the accounts of an inventory's arguments, once each; the connection's own account if there is no argument.

    Raises
    ------
    InvalidInput
        If a profile is not a string, a role is not an IAM role's ARN, or the accounts file is not valid; nothing was sent.
    """
    omitted = "to read the connection's own account"
    found = [Account(profile=profile) for profile in check_names("profiles", profiles, omitted)]
    found += [_account_of_role(role_arn, external_id) for role_arn in check_names("role_arns", role_arns, omitted)]
    if accounts is not None:
        found += _read_accounts(accounts)
    return list(dict.fromkeys(found)) or [Account()]


def check_names(argument: str, values: Iterable[object] | None, omitted: str) -> list[str]:
    """Return the strings of a list, a Series or an array; none if it is None.

    ``omitted`` is what the caller gets by omitting the argument, for the message about an empty list.

    Raises
    ------
    InvalidInput
        If it is a string instead of a list, is empty, or contains a value that is not a string.
    """
    if values is None:
        return []
    if isinstance(values, str):
        raise InvalidInput(f"{argument} is not a list: {format_value(values)}. Pass a list, such as [{values!r}].")
    names = list(values)
    if not names:
        raise InvalidInput(f"{argument} is an empty list. Omit it {omitted}.")
    wrong = [name for name in names if not isinstance(name, str) or not name]
    if wrong:
        raise InvalidInput(f"{argument} contains {format_value(wrong[0])}. Expected strings that are not empty.")
    return [str(name) for name in names]


def _account_of_role(role_arn: str, external_id: str | None, account_name: str | None = None) -> Account:
    account_id = RoleArn.parse(role_arn).account_id
    return Account(role_arn=role_arn, external_id=external_id, account_id=account_id, account_name=account_name)


def _read_accounts(accounts: AccountsFile) -> list[Account]:
    source = "The accounts frame" if isinstance(accounts, pd.DataFrame) else str(accounts)
    table = accounts if isinstance(accounts, pd.DataFrame) else _read_accounts_csv(Path(accounts))
    if "account_id" not in table or not {"role_arn", "profile"} & set(table):
        raise InvalidInput(
            f"{source} has the columns {', '.join(map(str, table))}. Expected account_id, and role_arn or profile."
        )
    if table.empty:
        raise InvalidInput(f"{source} has no row. Add one for each account.")
    rows = table[[column for column in COLUMNS if column in table]].astype("str").to_dict("records")
    return [
        _parse_row({str(column): str(value) for column, value in row.items()}, f"{source}, row {number}")
        for number, row in enumerate(rows, 2)  # as a spreadsheet counts: the header is row 1
    ]


def _read_accounts_csv(path: Path) -> pd.DataFrame:
    """Read every cell as text, so that account 000000000000 keeps its zeros."""
    try:
        return pd.read_csv(path, dtype="str", keep_default_na=False, index_col=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InvalidInput(
            f"Can't read the accounts in {path}: {error}. Expected a CSV file with the columns {', '.join(COLUMNS)}."
        ) from error


def _parse_row(row: Mapping[str, str], source: str) -> Account:
    cells = {column: text.strip() for column, text in row.items() if text.strip() and text not in MISSING_TEXTS}
    try:
        account_id = check_account_id(cells.get("account_id", ""))
    except InvalidInput as error:
        raise InvalidInput(f"{source}: {error} A spreadsheet may have removed leading zeros.") from error
    if ("role_arn" in cells) == ("profile" in cells):
        raise InvalidInput(f"{source}: account {account_id} needs either role_arn or profile.")
    name = cells.get("account_name")
    if "profile" in cells:
        return Account(profile=cells["profile"], account_id=account_id, account_name=name)
    account = _account_of_role(cells["role_arn"], cells.get("external_id"), name)
    if account.account_id != account_id:
        raise InvalidInput(f"{source}: {account.role_arn} is not a role of account {account_id}.")
    return account
