"""Account Management API, as far as the toolkit calls it: ListRegions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kvs_notebook.aws.regions import regions_in_partition_of

PATH = "/listRegions"


def list_regions(region: str, disabled: Sequence[str]) -> dict[str, Any]:
    """Return one page with the regions that botocore lists for the service in the caller's partition, and the disabled ones."""
    return {
        "Regions": [
            {"RegionName": name, "RegionOptStatus": "DISABLED" if name in disabled else "ENABLED_BY_DEFAULT"}
            for name in sorted({*regions_in_partition_of(region), *disabled})
        ]
    }
