"""Roster: which units an inventory reads, and which accounts let nobody in."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any

from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.errors import ExpiredCredentials, KVSError, WrongConnection
from kvs_notebook.fleet.account_region import Origin, Unit, unforeseen, unread
from kvs_notebook.fleet.accounts import Account, regions_of
from kvs_notebook.fleet.credential_failures import BASE, Expiry, warn_of_end


def units_of(
    accounts: Sequence[Account],
    expiry: Expiry,
    regions: Sequence[str] | str | None,
    prefix: str | None,
    tags: str,
    *,
    interrupted: Event,
) -> tuple[list[Unit], list[dict[str, Any]], dict[str, str]]:
    """Ask each account who it is; give the units, the rows of coverage of those that did not answer, and their names.

    Where the credentials that roles are assumed with have expired, no further role is asked for.
    """

    def opened(account: Account) -> tuple[str, list[str]] | KVSError:
        if interrupted.is_set():
            return KVSError("Interrupted before it was asked who it is.", code="Interrupted")
        known = expiry.of(account)
        if known is not None:
            return known
        answer = _opened(account, expiry.origin, regions)
        if isinstance(answer, ExpiredCredentials):
            expiry.note(account, answer)
        return answer

    found = map_concurrent(opened, accounts, description="Connecting", unit="account")
    ended = expiry.of(BASE)
    if ended is not None:
        warn_of_end("The inventory ends early", str(ended))
    units: dict[tuple[str, str], Unit] = {}
    failed: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for account, answer in zip(accounts, found, strict=True):
        if isinstance(answer, KVSError):
            failed.append(_row(account, answer))
            continue
        account_id, theirs = answer
        if account.account_name:
            names.setdefault(account_id, account.account_name)
        for region in theirs:  # of two ways into one account the first is taken
            units.setdefault((account_id, region), Unit(account, account_id, region, prefix, tags))
    return list(units.values()), failed, names


def _opened(account: Account, origin: Origin, regions: Sequence[str] | str | None) -> tuple[str, list[str]] | KVSError:
    try:
        connection = origin.connect(account, origin.region)
        try:
            account_id = connection.identity().account_id
            if account.account_id not in (None, account_id):
                return WrongConnection(f"{account.label} leads to account {account_id}, not to {account.account_id}.")
            return account_id, regions_of(regions, connection)
        finally:
            connection.close_clients()
    except KVSError as error:
        return error
    except Exception as error:  # noqa: BLE001 - whatever a profile makes botocore do: the others are read all the same
        return unforeseen(error)


def _row(account: Account, problem: KVSError) -> dict[str, Any]:
    """Give the row of coverage of an account that let nobody in."""
    row = unread(account.account_id, None, problem)
    named = account.role_arn is not None and account.label in row["message"]  # a profile's name may be any word
    if not named and not row["message"].startswith(f"{account.label} ") and account != Account():
        row["message"] = f"{account.label}: {row['message']}"
    return row
