"""Plans of a device list: what is missing is created, the rest updated and tagged, and nothing is deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.errors import InvalidInput
from kvs_notebook.plans.plan import Plan
from tests.plans.fleets import ACCOUNT, REGION, Seen, examples, fleet, fleets, full, names

STACK = "aws:cloudformation:stack-name"
desired_rows = st.lists(
    st.tuples(names, st.sampled_from([None, 5, 90]), st.sampled_from([None, "hq", "", "(remove)"])),
    max_size=4,
    unique_by=lambda row: row[0],
)


def desired(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["channel_name", "message_ttl_seconds", "tag:Site"])
    return frame.astype({"message_ttl_seconds": "Int64", "channel_name": "str", "tag:Site": "str"})


def applied(plan: Plan, channels: list[Seen]) -> list[Seen]:
    """Return the fleet when the ready steps were sent, each checked against what it says was before."""
    after = {seen.name: seen for seen in channels}
    steps = plan.ready.astype("object").where(plan.ready.notna(), None)
    for step in steps.to_dict("records"):
        name, column = step["channel_name"], step["column"]
        if step["action"] == "create":
            assert name not in {seen.name for seen in channels}
            assert step["channel_arn"] is None
        seen = after.get(name, Seen(name))
        if column == "message_ttl_seconds":
            assert step["before"] in {None, str(seen.ttl)}
            after[name] = seen._replace(ttl=int(step["after"]))
        else:
            key = column.removeprefix("tag:")
            tags = {**seen.tags, key: step["after"]}
            after[name] = seen._replace(tags={k: v for k, v in tags.items() if v is not None})
    return list(after.values())


@examples
@given(fleets, desired_rows)
def test_ensure_is_idempotent_and_never_deletes(channels: list[Seen], rows: list[tuple[Any, ...]]) -> None:
    channels = channels or [Seen("other")]
    plan = kvs.plans.ensure(desired(rows), fleet(channels))
    assert "delete" not in set(plan.steps["action"])
    after = {seen.name: seen for seen in applied(plan, channels)}
    refused = set(plan.refused["channel_name"])
    assert {seen.name for seen in channels} <= set(after)
    for name, ttl, site in rows:
        if name not in refused:
            assert ttl in {None, after[name].ttl}
            assert site is None or after[name].tags.get("Site") == (None if site == "(remove)" else site)
    again = kvs.plans.ensure(desired(rows), fleet(list(after.values())))
    assert len(again) == 0
    assert set(again.refused["channel_name"]) == refused
    untouched = {seen.name for seen in channels} - {name for name, _, _ in rows}
    assert untouched.isdisjoint(plan.steps["channel_name"])


def test_device_columns_stay_out_of_the_tags(tmp_path: Path) -> None:
    path = tmp_path / "devices.csv"
    path.write_text("serial;name;floor;tag:Site\n0042;cam-1;3;hq\n")
    plan = kvs.plans.ensure(path, fleet([Seen("gate")]), name_column="name")
    assert plan.ready[["channel_name", "action", "column", "after", "source"]].to_numpy().tolist() == [
        ["cam-1", "create", "message_ttl_seconds", "60", "devices.csv row 2"],
        ["cam-1", "create", "tag:Site", "hq", "devices.csv row 2"],
    ]
    assert plan.notes == ("Not planned: serial, floor. To set a tag, name its column tag:KEY.",)
    assert plan.ready["account_id"].tolist() == [ACCOUNT] * 2


@pytest.mark.parametrize("name", ["Region", "ACCOUNT_ID", " message_ttl_seconds", "Tag:Site", "tag: Site"])
def test_column_with_other_capitals_or_spaces_raises(name: str) -> None:
    devices = pd.DataFrame({"channel_name": ["gate"], name: ["5"]})
    with pytest.raises(InvalidInput, match=r"^desired has a column .+ instead of .+\. Rename it, or remove it\.$"):
        kvs.plans.ensure(devices, fleet([Seen("dock", {"Site": "hq"})]))


def test_places_come_from_the_list_or_the_only_one() -> None:
    two = fleet([Seen("gate"), Seen("gate", region="eu-west-1")])
    devices = pd.DataFrame({"channel_name": ["gate", "dock"], "message_ttl_seconds": [90, 90]})
    with pytest.raises(
        InvalidInput, match=r"desired has no column region, and current has channels of 2 regions \(eu-w"
    ):
        kvs.plans.ensure(devices, two)
    assert set(kvs.plans.ensure(devices.assign(region=REGION), two).ready["account_id"]) == {ACCOUNT}
    plan = kvs.plans.ensure(devices.assign(account_id=ACCOUNT, region=[REGION, "eu-west-1"]), two)
    assert plan.ready[["region", "channel_name", "action"]].to_numpy().tolist() == [
        ["eu-west-1", "dock", "create"],
        ["us-east-1", "gate", "update"],
    ]
    with pytest.raises(InvalidInput, match="desired has no column account_id, and current has no channels"):
        kvs.plans.ensure(devices, fleet([]))
    assert len(kvs.plans.ensure(devices.assign(account_id=ACCOUNT, region=REGION), fleet([]))) == 2


def test_inventory_without_channels_tells_the_place(connection: kvs.Connection) -> None:
    plan = kvs.plans.ensure(pd.DataFrame({"channel_name": ["gate"]}), kvs.inventory())
    assert plan.ready[["account_id", "region"]].to_numpy().tolist() == [[connection.identity().account_id, "us-east-1"]]


def test_channel_of_a_region_that_was_not_read_is_refused(sandbox: kvs.Sandbox) -> None:
    sandbox.deny("*", region="eu-west-1")
    fleet = kvs.inventory(connection=sandbox.connection(), regions=["us-east-1", "eu-west-1"])
    devices = pd.DataFrame({"channel_name": "gate", "region": ["us-east-1", "eu-west-1", "eu-west-2"]})
    plan = kvs.plans.ensure(devices, fleet)
    assert set(plan.ready["region"]) == {"us-east-1"}
    assert plan.refused["reason"].str.extract(r"in (.*): the channel may exist")[0].tolist() == [
        "eu-west-1 (denied)",
        "eu-west-2 (not asked for)",
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"channel_name": "front door"}, "' ' is not allowed"),
        ({"channel_name": None}, "channel_name is empty"),
        ({"channel_name": 42}, "has type int"),
        ({"message_ttl_seconds": 4}, "message_ttl_seconds 4 is out of range"),
        ({"tag:Site": "a#b"}, "'#' is not allowed"),
        ({"tag:Floor": 3}, "has type int. Expected a string"),
        ({"tag:aws:x": "1"}, "reserved by AWS"),
        ({"account_id": 42000042}, "A spreadsheet may have removed leading zeros"),
        ({"region": "Ireland"}, "is not a region's code"),
        ({"channel_type": "FULL_MESH"}, "Expected SINGLE_MASTER"),
        ({"managed_by": "Terraform"}, "It is managed by Terraform"),
        ({f"tag:{key}": "x" for key in full(51)}, "It would have too many tags: 51 (maximum 50)."),
    ],
)
def test_invalid_row_is_refused_alone(row: dict[str, Any], reason: str) -> None:
    devices = pd.DataFrame([{"channel_name": "cam-1", **row}, {"channel_name": "cam-2"}], dtype="object")
    plan = kvs.plans.ensure(devices, fleet([Seen("gate")]))
    (found,) = plan.refused["reason"].tolist()
    assert reason in found
    assert plan.ready["channel_name"].tolist() == ["cam-2"]


def test_existing_channels_keep_the_rules_of_edits() -> None:
    channels = fleet(
        [Seen("cam-1", {STACK: "cameras"}), Seen("cam-2", status="DELETING"), Seen("cam-3", {"site": "hq"})]
    )
    devices = pd.DataFrame({"channel_name": ["cam-1", "cam-2", "cam-3"], "tag:Site": ["hq", "hq", "hq"]})
    reasons = kvs.plans.ensure(devices, channels).refused["reason"].tolist()
    assert [reason.split(".")[0] for reason in reasons] == [
        "It is managed by CloudFormation stack cameras",
        "It is DELETING",
        "Tag key 'Site' differs only in case from its tag 'site'",
    ]


def test_repeated_names_with_other_values_are_refused() -> None:
    devices = pd.DataFrame({"channel_name": ["cam-1"] * 3, "message_ttl_seconds": [60, 60, 90]})
    plan = kvs.plans.ensure(devices, fleet([Seen("gate")]))
    assert len(plan) == 0
    assert len(plan.refused) == 3
    assert len(kvs.plans.ensure(devices[:2], fleet([Seen("gate")]))) == 1


def test_unread_account_regions_are_refused(connection: kvs.Connection) -> None:
    found = kvs.inventory()
    found.coverage["status"] = "denied"
    row = {"channel_name": ["gate"], "account_id": [connection.identity().account_id], "region": ["us-east-1"]}
    plan = kvs.plans.ensure(pd.DataFrame(row), found)
    assert "was not read in us-east-1 (denied): the channel may exist" in plan.refused["reason"].iloc[0]
    partial = kvs.inventory(prefix="cam-")
    assert (
        "Only channels that begin with 'cam-' were read"
        in kvs.plans.ensure(pd.DataFrame(row), partial).refused["reason"].iloc[0]
    )
