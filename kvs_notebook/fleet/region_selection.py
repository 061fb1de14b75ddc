"""Select the regions that an inventory reads in each account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.pagination import read_pages
from kvs_notebook.aws.regions import regions_in_partition_of
from kvs_notebook.errors import InvalidInput, KVSError
from kvs_notebook.fleet.accounts import ALL_REGIONS, check_names

ENABLED = ("ENABLED", "ENABLED_BY_DEFAULT")


def check_regions(regions: Iterable[str] | str | None) -> Sequence[str] | str | None:
    """Return the ``regions`` argument, checked: a list, ``"all"``, or None for the configured region.

    Raises
    ------
    InvalidInput
        If it is another string, an empty list, or a list that contains "all" or a value that is not a string. A misspelt region
        is a gap, so that the others are read.
    """
    if regions is None or (isinstance(regions, str) and regions == ALL_REGIONS):
        return regions
    codes = check_names("regions", regions, "['us-east-1']", "to read the connection's own region, or pass 'all'")
    if ALL_REGIONS in codes:
        raise InvalidInput("regions contains 'all' beside other values. Pass regions='all' by itself.")
    return list(codes)


def regions_of_account(regions: Sequence[str] | str | None, connection: Connection) -> list[str]:
    """Return the regions to read in one account.

    Those of the list, once each; for ``"all"`` the enabled ones (ListRegions), or every region of the partition if the account
    may not list them; for None the connection's own.
    """
    if regions is None:
        return [connection.region]
    if regions != ALL_REGIONS:
        return list(dict.fromkeys(regions))
    known = regions_in_partition_of(connection.region)
    try:
        enabled = _list_enabled_regions(connection)
    except KVSError:
        return known  # a region that is not enabled refuses the call, and coverage says so
    # If none is enabled that botocore knows, all are tried: an empty coverage would look like an empty account.
    return [region for region in known if region in enabled] or known


def _list_enabled_regions(connection: Connection) -> set[str]:
    pages = read_pages(connection, "ListRegions", {}, items="Regions", client=connection.client("account"))
    regions = (region for page in pages for region in page.get("Regions") or [])
    return {region["RegionName"] for region in regions if region.get("RegionOptStatus") in ENABLED}
