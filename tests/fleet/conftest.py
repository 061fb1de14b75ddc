"""Fleets in the sandbox."""

from __future__ import annotations

import pytest

import kvs_notebook as kvs
from tests.fleet.inventories import OTHER, REGIONS


@pytest.fixture
def fleet(sandbox, connection):
    """The sandbox with the example fleet in its own account."""
    sandbox.seed()
    return sandbox


@pytest.fixture
def fleet_of_two_accounts(fleet):
    """The example fleet in one account, and 5 tagged channels in each of two regions of another."""
    for region in REGIONS[:2]:
        there = fleet.connection(OTHER, region=region)
        for number in range(5):
            kvs.create_channel(f"camera-{number}", tags={"Site": region}, wait=False, connection=there)
    return fleet
