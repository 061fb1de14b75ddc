"""Regions: which ones an account has enabled, as the Account Management API lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kvs_notebook.aws.regions import regions_in_partition_of

PATH = "/listRegions"


def perform(region: str, disabled: Sequence[str]) -> dict[str, Any]:
    """Answer ListRegions on one page: what botocore knows for the service beside the caller's region, and what is disabled."""
    return {
        "Regions": [
            {"RegionName": name, "RegionOptStatus": "DISABLED" if name in disabled else "ENABLED_BY_DEFAULT"}
            for name in sorted({*regions_in_partition_of(region), *disabled})
        ]
    }
