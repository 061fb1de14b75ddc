"""Fleets in the sandbox."""

from __future__ import annotations

import pytest

from tests.fleet.inventories import OTHER, REGIONS
from tests.shared_sandbox import connection, shared
from tests.unlimited_sandbox import sandbox

__all__ = ["connection", "sandbox", "shared"]  # fixtures of the tests of this folder


@pytest.fixture
def fleet(sandbox, connection):
    """The sandbox with the example fleet in its own account."""
    sandbox.seed()
    return sandbox


@pytest.fixture
def fleet_of_two_accounts(fleet):
    """The example fleet in one account, and 5 tagged channels in each of two regions of another."""
    for region in REGIONS[:2]:
        fleet.seed(5, account_id=OTHER, region=region, tags={"Site": region})
    return fleet
