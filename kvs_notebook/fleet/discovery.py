"""Find the account-regions to read: the account id of each account, and its regions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Event
from typing import Any, NamedTuple

from kvs_notebook.aws.arns import check_account_id
from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.errors import ExpiredCredentials, KVSError, NoCredentials, WrongConnection, to_kvs_error
from kvs_notebook.fleet.account_region import AccountRegion
from kvs_notebook.fleet.accounts import ALL_REGIONS, Account
from kvs_notebook.fleet.connection_factory import BASE, ConnectionFactory
from kvs_notebook.fleet.coverage import AccountRegionKey, unread_row
from kvs_notebook.fleet.credential_failures import CredentialFailures, warn_of_end
from kvs_notebook.fleet.region_selection import regions_of_account


class Discovery(NamedTuple):
    """What is to be read, the rows of coverage of accounts that could not be connected to, and names by account id."""

    account_regions: list[AccountRegion]
    failed_accounts: list[dict[str, Any]]
    account_names: dict[str, str]


class AccountDetails(NamedTuple):
    """The id of an account, and the regions to read in it."""

    account_id: str
    regions: list[str]


def discover_account_regions(
    accounts: Sequence[Account],
    failures: CredentialFailures,
    regions: Sequence[str] | str | None,
    prefix: str | None,
    tags: str,
    *,
    interrupted: Event,
) -> Discovery:
    """Ask STS for the id of each account, and list its regions for ``regions="all"``.

    Once the credentials that roles are assumed with have ended, no further role is assumed. Accounts without valid credentials
    are warned of: the name of a profile may be misspelt.
    """

    def details_of(account: Account) -> AccountDetails | KVSError:
        if interrupted.is_set():
            return KVSError("Interrupted before the account's id was requested.", code="Interrupted")
        known_error = failures.error_of(account)
        if known_error is not None:
            return known_error
        details = _account_details(account, failures.connections, regions)
        if isinstance(details, (ExpiredCredentials, NoCredentials)):
            ended = failures.record(account, details, has_begun=False)
            if ended is not None:
                endings.append((ended, str(details)))
        return details

    endings: list[tuple[str, str]] = []
    answers = map_concurrent(details_of, accounts, description="Connecting", unit="account")
    for ended, reason in sorted(endings):
        warn_of_end(ended, reason)
    return _to_discovery(zip(accounts, answers, strict=True), prefix, tags)


def _to_discovery(
    answers: Iterable[tuple[Account, AccountDetails | KVSError]], prefix: str | None, tags: str
) -> Discovery:
    """Return the account-regions, each once: of two profiles or roles of one account the first is used."""
    account_regions: dict[AccountRegionKey, AccountRegion] = {}
    failed_accounts: list[dict[str, Any]] = []
    account_names: dict[str, str] = {}
    for account, details in answers:
        if isinstance(details, KVSError):
            failed_accounts.append(_failed_account_row(account, details))
            continue
        account_id = details.account_id
        if account.account_name:
            account_names.setdefault(account_id, account.account_name)
        for region in details.regions:
            found = AccountRegion(account, account_id, region, prefix, tags)
            account_regions.setdefault((account_id, region), found)
    return Discovery(list(account_regions.values()), failed_accounts, account_names)


def _account_details(
    account: Account, connections: ConnectionFactory, regions: Sequence[str] | str | None
) -> AccountDetails | KVSError:
    try:
        chosen = regions if account.regions is None else account.regions
        connection = connections.connect(account, None if chosen is None else connections.region)
        try:
            account_id = check_account_id(connection.identity().account_id)
            if account.account_id not in (None, account_id):
                return WrongConnection(
                    f"{account.label} belongs to account {account_id}, not to {account.account_id}. Correct the accounts file."
                )
            chosen = ALL_REGIONS if chosen == (ALL_REGIONS,) else chosen
            return AccountDetails(account_id, regions_of_account(chosen, connection))
        finally:
            connection.close_clients()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a profile may run any program; the others are still read
        return to_kvs_error(error)


def _failed_account_row(account: Account, error: KVSError) -> dict[str, Any]:
    """Return the row of coverage of an account that could not be connected to; its message names the account."""
    row = unread_row(account.account_id, None, error)
    names_role = account.role_arn is not None and account.label in row["message"]  # a profile's name may be any word
    if not names_role and not row["message"].startswith(f"{account.label} ") and account != BASE:
        row["message"] = f"{account.label}: {row['message']}"
    return row
