"""Partition: one of the clouds of AWS (public, China, GovCloud, ...), and which of its regions have the service.

From botocore's own table of endpoints, so that it moves with it, and whatever this machine's configuration says.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.regions import EndpointResolver

SERVICE = "kinesisvideo"
PUBLIC = "aws"


def every_region() -> list[str]:
    """Give the regions that botocore knows for the service, of all partitions."""
    table = _table()
    return sorted(region for partition in table.get_available_partitions() for region in _regions_of(table, partition))


def regions_beside(region: str) -> list[str]:
    """Give the regions that botocore knows for the service in the partition of a region, at least that region itself.

    A region that botocore has never heard of counts as one of public AWS, as it does for botocore's clients.
    """
    from botocore.exceptions import UnknownRegionError

    table = _table()
    try:
        partition = table.get_partition_for_region(region)
    except UnknownRegionError:
        partition = PUBLIC
    return sorted(_regions_of(table, partition)) or [region]


def _regions_of(table: EndpointResolver, partition: str) -> list[str]:
    found: list[str] = table.get_available_endpoints(SERVICE, partition)
    return found


@cache
def _table() -> EndpointResolver:
    from botocore.loaders import Loader
    from botocore.regions import EndpointResolver

    return EndpointResolver(Loader().load_data("endpoints"))
