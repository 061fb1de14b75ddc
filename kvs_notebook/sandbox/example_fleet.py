"""Channels to seed a sandbox with: a realistic example fleet, and numbered channels for benchmarks; reproducible."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.sandbox.backend.context import EPOCH, MILLISECOND
from kvs_notebook.sandbox.backend.store import Channel, Store
from kvs_notebook.sandbox.clock import DerivedVersions

REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")
"""The regions of the example fleet."""

VERSIONS = DerivedVersions()


class SeedChannel(NamedTuple):
    """One channel to seed; ``age_days`` is its age when it is seeded."""

    region: str
    name: str
    ttl: int
    age_days: float
    tags: Mapping[str, str]


def example_channels() -> list[SeedChannel]:
    """Return the example fleet: cameras, docks, monitors, robots and drones of a company with three sites.

    Two names are in two regions each, some channels have no tags, and some tag values look like spreadsheet formulas.
    """
    return [*_north_america(), *_europe(), *_oceania()]


def seed_example_fleet(store: Store, account_id: str, now: datetime, *, tags: Mapping[str, str] | None = None) -> int:
    """Add the example fleet to an account, except names that are taken; return the number of channels added.

    ``tags`` are set on each channel beside its own.
    """
    now_ms = (now - EPOCH) // MILLISECOND
    return store.add_many(
        (_channel(account_id, row, now_ms), {**row.tags, **(tags or {})}) for row in example_channels()
    )


def seed_numbered(
    store: Store,
    count: int,
    account_id: str,
    region: str,
    now: datetime,
    *,
    tags: Mapping[str, str] | None = None,
) -> int:
    """Add ``device-0000000`` and so on, each a minute older than the previous, with equal tags; return the number added."""
    now_ms = (now - EPOCH) // MILLISECOND
    rows = (SeedChannel(region, f"device-{number:07}", 60, 1 + number / 1440, tags or {}) for number in range(count))
    return store.add_many((_channel(account_id, row, now_ms), row.tags) for row in rows)


def _channel(account_id: str, row: SeedChannel, now_ms: int) -> Channel:
    created_ms = now_ms - timedelta(days=row.age_days) // MILLISECOND
    version = VERSIONS.next(str(ChannelArn.build(row.region, account_id, row.name, created_ms)), None)
    return Channel(account_id, row.region, row.name, "SINGLE_MASTER", row.ttl, version, created_ms)


def _north_america() -> list[SeedChannel]:
    def tags(site: str, owner: str, cost_center: str, **more: str) -> dict[str, str]:
        return {"Site": site, "Owner": owner, "CostCenter": cost_center, "Env": "prod"} | more

    return [
        SeedChannel(
            "us-east-1", "front-door-hq", 60, 731.4, tags("Boston HQ", "facilities", "0042", Contact="+1-555-0100")
        ),
        SeedChannel(
            "us-east-1", "front-door-lab", 60, 730.9, tags("Boston Lab", "facilities", "0042", Contact="+1-555-0101")
        ),
        SeedChannel("us-east-1", "parking-north", 60, 655.2, tags("Boston HQ", "facilities", "0042")),
        SeedChannel("us-east-1", "parking-south", 60, 655.1, tags("Boston HQ", "facilities", "0042", Note="")),
        SeedChannel(
            "us-east-1",
            "loading-dock-1",
            30,
            412.7,
            tags("Newark Warehouse", "logistics", "0107", Gate="-dock"),
        ),
        SeedChannel(
            "us-east-1",
            "loading-dock-2",
            30,
            412.6,
            tags("Newark Warehouse", "logistics", "0107", Gate="-dock"),
        ),
        SeedChannel(
            "us-east-1", "warehouse-robot-07", 15, 88.3, tags("Newark Warehouse", "robotics", "0310", Firmware="3.10")
        ),
        SeedChannel(
            "us-east-1", "warehouse-robot-08", 15, 88.2, tags("Newark Warehouse", "robotics", "0310", Firmware="3.9")
        ),
        SeedChannel(
            "us-east-1", "warehouse-robot-09", 15, 41.0, tags("Newark Warehouse", "robotics", "0310", Env="staging")
        ),
        SeedChannel("us-east-1", "baby-monitor-demo", 60, 19.5, {"Env": "demo", "Owner": "@night-shift"}),
        SeedChannel("us-east-1", "test-jchen", 60, 203.8, {}),
    ]


def _europe() -> list[SeedChannel]:
    def tags(site: str, owner: str, **more: str) -> dict[str, str]:
        return {"Site": site, "Owner": owner, "CostCenter": "0205", "Env": "prod"} | more

    return [
        SeedChannel("eu-west-1", "front-door-hq", 60, 540.6, tags("Dublin", "facilities", Contact="+353-1-555-0100")),
        SeedChannel("eu-west-1", "loading-dock-1", 30, 377.3, tags("Dublin", "logistics", Gate="-dock")),
        SeedChannel("eu-west-1", "reception-zurich", 60, 301.2, tags("Zürich", "facilities")),
        SeedChannel("eu-west-1", "reception-lodz", 60, 298.4, tags("Łódź", "facilities", Budget="=0.5+0.25")),
        SeedChannel("eu-west-1", "turbine-inspection-a", 120, 164.9, tags("Malmö", "drones", Shift="@day-shift")),
        SeedChannel("eu-west-1", "turbine-inspection-b", 120, 164.9, tags("Malmö", "drones", Shift="@night-shift")),
        SeedChannel("eu-west-1", "elderly-care_room.12", 20, 73.5, tags("Αθήνα", "care", Privacy="restricted")),
        SeedChannel("eu-west-1", "elderly-care_room.14", 20, 73.5, tags("Αθήνα", "care", Privacy="restricted")),
        SeedChannel("eu-west-1", "load-test-2025", 5, 33.0, {"Env": "test", "Formula": "=1+1", "Owner": "platform"}),
    ]


def _oceania() -> list[SeedChannel]:
    def tags(site: str, owner: str, **more: str) -> dict[str, str]:
        return {"Site": site, "Owner": owner, "Env": "prod"} | more

    return [
        SeedChannel("ap-southeast-2", "shearing-shed-1", 90, 1128.0, tags("Dubbo", "agri", CostCenter="0401")),
        SeedChannel("ap-southeast-2", "crop-drone-3", 45, 402.3, tags("Dubbo", "drones", CostCenter="0401")),
        SeedChannel("ap-southeast-2", "crop-drone-4", 45, 17.2, tags("Dubbo", "drones", Env="staging")),
        SeedChannel(
            "ap-southeast-2", "harbour-gate", 60, 250.7, tags("Sydney 東", "facilities", Contact="+61-2-5550-0100")
        ),
        SeedChannel(
            "ap-southeast-2", "reef-camera", 120, 611.1, tags("Cairns", "research", Url="https://reef.example/cam")
        ),
        SeedChannel("ap-southeast-2", "old-lobby", 60, 1460.5, {}),
    ]
