"""Regions and partitions (public AWS, China, GovCloud, ...), from botocore's own data."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from kvs_notebook.aws.botocore_data import data_loader
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import closest_names, format_value, is_one_edit_away

if TYPE_CHECKING:
    from botocore.regions import EndpointResolver

SERVICE = "kinesisvideo"
PUBLIC_PARTITION = "aws"

FIRST_REGION = "us-east-1"
"""The region of a connection that needs one before the user has chosen it."""
_AREA_AND_NUMBER = re.compile(
    "(.+-(?:north|south|east|west|central|northeast|northwest|southeast|southwest))-([1-9][0-9]?)"
)
"""Every region so far has a code of this form; the pattern of a partition also matches a misspelt area."""


@lru_cache(maxsize=1_024)
def partition_of(region: str) -> str:
    """Return the partition of a region, such as ``"aws-cn"``; one that botocore does not know counts as public AWS."""
    partitions = _partitions()
    for partition in partitions:
        if region in partition["regions"]:
            return str(partition["id"])
    # A region that is newer than botocore is found by a pattern. Public AWS comes last: its pattern matches most codes.
    for partition in sorted(partitions, key=lambda each: each["id"] == PUBLIC_PARTITION):
        if re.match(partition["regionRegex"], region):
            return str(partition["id"])
    return PUBLIC_PARTITION


def check_region(region: object, *, newer: bool = False) -> str:
    """Return a region's code; raise InvalidInput if botocore knows no region of that code.

    With ``newer``, also accept a code that a region that is newer than botocore may have (see :func:`may_be_region`).
    """
    if isinstance(region, str) and (region in known_regions() or (newer and may_be_region(region))):
        return region
    raise _unknown_region(region)


def check_region_spelling(region: str) -> str:
    """Return a region's code; raise InvalidInput if it is a known one with one mistake.

    Any other code may be that of a region that is newer than botocore.
    """
    code = region.strip().lower()
    if may_be_region(region) or not any(code == known or is_one_edit_away(code, known) for known in known_regions()):
        return region
    raise _unknown_region(region)


def _unknown_region(region: object) -> InvalidInput:
    near = closest_names(str(region).strip().lower(), known_regions(), most=1)
    hint = f"Did you mean {near[0]!r}?" if near else "Expected a region's code, such as 'eu-west-1'."
    return InvalidInput(f"{format_value(region)} is not a known AWS region. {hint}")


def may_be_region(region: str) -> bool:
    """Return whether botocore knows a region, or a newer region may have this code.

    Such a code matches the pattern of a partition, ends with a direction and a number, and the number is at most one above
    those of the known regions in that direction.
    """
    known = known_regions()
    if region in known:
        return True
    parts = _AREA_AND_NUMBER.fullmatch(region)
    if parts is None or not any(re.fullmatch(each["regionRegex"], region) for each in _partitions()):
        return False
    beside = [int(code.rpartition("-")[2]) for code in known if code.rpartition("-")[0] == parts[1]]
    return int(parts[2]) <= max(beside, default=0) + 1


_REGION_CODE = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")


def check_region_code(region: object) -> str:
    """Return a region's code, known to botocore or not; raise InvalidInput if it does not have the form of one."""
    if isinstance(region, str) and _REGION_CODE.fullmatch(region):
        return region
    raise InvalidInput(f"{format_value(region)} is not a region's code. Expected one such as 'eu-west-1'.")


@cache
def known_regions() -> tuple[str, ...]:
    """Return every region that botocore knows, of all partitions, sorted."""
    return tuple(sorted(region for each in _partitions() for region in each["regions"] if "-global" not in region))


@cache
def dns_suffixes() -> tuple[str, ...]:
    """Return the domains of AWS's endpoints in all partitions, such as ``"amazonaws.com"``, dual-stack ones too."""
    members = ("dnsSuffix", "dualStackDnsSuffix")
    return tuple(sorted({str(each["outputs"][member]) for each in _partitions() for member in members}))


def all_regions() -> list[str]:
    """Return the regions that botocore knows for the service, of all partitions, sorted."""
    table = _endpoints()
    return sorted(region for partition in table.get_available_partitions() for region in _with_service(partition))


def regions_in_partition_of(region: str) -> list[str]:
    """Return the regions that botocore knows for the service in the partition of a region; if none, the region itself."""
    return sorted(_with_service(partition_of(region))) or [region]


def _with_service(partition: str) -> list[str]:
    found: list[str] = _endpoints().get_available_endpoints(SERVICE, partition)
    return found


@cache
def _partitions() -> list[dict[str, Any]]:
    partitions: list[dict[str, Any]] = data_loader(None).load_data("partitions")["partitions"]
    return partitions


@cache
def _endpoints() -> EndpointResolver:
    from botocore.regions import EndpointResolver

    return EndpointResolver(data_loader(None).load_data("endpoints"))
