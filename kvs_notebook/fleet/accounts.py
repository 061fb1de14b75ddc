"""Accounts: which ones an inventory reads, by which way, and in which regions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from kvs_notebook.aws.arns import ACCOUNT_ID, RoleArn
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.pagination import read_pages
from kvs_notebook.aws.regions import regions_in_partition_of
from kvs_notebook.errors import InvalidInput, KVSError
from kvs_notebook.formatting import format_value

COLUMNS = ("account_id", "role_arn", "profile", "account_name", "external_id")
ENABLED = ("ENABLED", "ENABLED_BY_DEFAULT")
EVERY_REGION = "all"

AccountsFile: TypeAlias = "str | os.PathLike[str] | pd.DataFrame"
"""A CSV file, or a frame, with the columns account_id, role_arn or profile, account_name, external_id."""


@dataclass(frozen=True, slots=True)
class Account:
    """One way into one account: a profile, a role, or neither: the session's own. It holds no credentials.

    Attributes
    ----------
    account_id
        The account that it is expected to lead to, None where that is not known before.
    account_name
        What people call it.
    """

    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    account_id: str | None = None
    account_name: str | None = None

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return self.account_name or self.role_arn or self.profile or self.account_id or "this account"


def accounts_of(
    profiles: Iterable[str] | None,
    role_arns: Iterable[str] | None,
    external_id: str | None,
    accounts: AccountsFile | None,
) -> list[Account]:
    """Give the accounts that an inventory was asked for: the session's own where nothing was named.

    Raises
    ------
    InvalidInput
        For what is no profile's name, role's ARN or accounts file; nothing was sent.
    """
    left_out = "leave it out where the connection's own account is meant"
    named = [Account(profile=profile) for profile in texts_of("profiles", profiles, left_out)]
    named += [_by_role(role_arn, external_id) for role_arn in texts_of("role_arns", role_arns, left_out)]
    if accounts is not None:
        named += _listed(accounts)
    return list(dict.fromkeys(named)) or [Account()]


def texts_of(name: str, given: Iterable[object] | None, left_out: str) -> list[str]:
    """Give what an argument lists, also as a Series or an array; ``left_out`` says what to do instead of naming nothing.

    Raises
    ------
    InvalidInput
        For one text in place of a list, a list of nothing, and what is no text.
    """
    if given is None:
        return []
    if isinstance(given, str):
        raise InvalidInput(f"{name}={format_value(given)}: give a list, such as [{given!r}].")
    texts = list(given)
    if not texts:
        raise InvalidInput(f"{name} names none: {left_out}.")
    wrong = [text for text in texts if not isinstance(text, str) or not text]
    if wrong:
        raise InvalidInput(f"{name} has {format_value(wrong[0])} in it: give each as text.")
    return [str(text) for text in texts]


def _by_role(role_arn: str, external_id: str | None, account_name: str | None = None) -> Account:
    account_id = RoleArn.parse(role_arn).account_id
    return Account(role_arn=role_arn, external_id=external_id, account_id=account_id, account_name=account_name)


def _listed(accounts: AccountsFile) -> list[Account]:
    """Read an accounts file, all of it text, so that account 000000000000 stays one."""
    where = "The accounts frame" if isinstance(accounts, pd.DataFrame) else str(accounts)
    if isinstance(accounts, pd.DataFrame):
        table = accounts
    else:
        try:
            table = pd.read_csv(
                Path(accounts), dtype="str", keep_default_na=False, index_col=False, encoding="utf-8-sig"
            )
        except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise InvalidInput(
                f"Can't read the accounts in {where}: {error}. Give a CSV with {', '.join(COLUMNS)}."
            ) from error
    if "account_id" not in table or not {"role_arn", "profile"} & set(table):
        raise InvalidInput(
            f"{where} has the columns {', '.join(map(str, table))}: it needs account_id, and role_arn or profile."
        )
    if table.empty:
        raise InvalidInput(f"{where} names no account: give a row for each.")
    rows = table[[column for column in COLUMNS if column in table]].astype("str").to_dict("records")
    return [
        _row({str(name): str(value) for name, value in row.items()}, number, where)
        for number, row in enumerate(rows, 2)
    ]


def _row(row: Mapping[str, str], number: int, where: str) -> Account:
    given = {
        name: value.strip() for name, value in row.items() if value.strip() and value not in ("nan", "None", "<NA>")
    }
    account_id = given.get("account_id", "")
    if not ACCOUNT_ID.fullmatch(account_id):
        raise InvalidInput(
            f"{where}, row {number}: account_id {format_value(account_id)} does not have 12 digits; "
            "a spreadsheet may have removed leading zeros."
        )
    if ("role_arn" in given) == ("profile" in given):
        raise InvalidInput(f"{where}, row {number}: give either role_arn or profile for account {account_id}.")
    if "role_arn" in given:
        account = _by_role(given["role_arn"], given.get("external_id"), given.get("account_name"))
        if account.account_id != account_id:
            raise InvalidInput(f"{where}, row {number}: {given['role_arn']} is not a role of account {account_id}.")
        return account
    return Account(profile=given["profile"], account_id=account_id, account_name=given.get("account_name"))


# --- regions


def regions_asked(regions: Iterable[str] | str | None) -> Sequence[str] | str | None:
    """Give the regions that were asked for, checked: a list, "all", or None for the connection's own."""
    if regions is None or (isinstance(regions, str) and regions == EVERY_REGION):
        return regions
    if isinstance(regions, str):
        raise InvalidInput(f"regions={format_value(regions)}: give a list, such as [{regions!r}], or 'all'.")
    named = texts_of("regions", regions, "leave it out where the connection's own is meant, or give 'all'")
    if EVERY_REGION in named:
        raise InvalidInput("regions names 'all' beside others: give regions='all' by itself.")
    return named


def regions_of(regions: Sequence[str] | str | None, connection: Connection) -> list[str]:
    """Give the regions to read for one account: those that were named, its enabled ones for "all", else its connection's."""
    if regions is None:
        return [connection.region]
    if regions != EVERY_REGION:
        return list(dict.fromkeys(regions))
    known = regions_in_partition_of(connection.region)
    try:
        enabled = _enabled_regions(connection)
    except KVSError:
        return known  # the account may not say: those that are not enabled refuse, and coverage says so
    return [region for region in known if region in enabled] or known  # read nothing, and coverage would be silent


def _enabled_regions(connection: Connection) -> set[str]:
    pages = read_pages(connection, "ListRegions", {}, items="Regions", client=connection.client("account"))
    regions = (region for page in pages for region in page.get("Regions") or [])
    return {region["RegionName"] for region in regions if region.get("RegionOptStatus") in ENABLED}
