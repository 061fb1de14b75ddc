"""Regions: which ones an account has enabled, as the Account Management API lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

PATH = "/listRegions"


def perform(disabled: Sequence[str]) -> dict[str, Any]:
    """Answer ListRegions on one page: all that botocore knows for the service, those that are disabled as such."""
    from botocore.loaders import Loader
    from botocore.regions import EndpointResolver

    known = EndpointResolver(Loader().load_data("endpoints")).get_available_endpoints("kinesisvideo")
    return {
        "Regions": [
            {"RegionName": name, "RegionOptStatus": "DISABLED" if name in disabled else "ENABLED_BY_DEFAULT"}
            for name in sorted({*known, *disabled})
        ]
    }
