"""Plans of one change to each channel of a frame."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.errors import InvalidInput
from kvs_notebook.plans.plan import Plan
from tests.plans.fleets import KEYS, VALUES, Seen, examples, fleet, fleets, full

STACK = "aws:cloudformation:stack-name"
own_keys = st.sampled_from([key for key in KEYS if not key.startswith("aws:")])


def tags_after(plan: Plan, seen: Seen) -> dict[str, str]:
    """Return the tags of a channel when the ready steps of a plan were sent, checked against what the steps say was before."""
    tags = dict(seen.tags)
    steps = plan.ready[plan.ready["channel_arn"] == seen.arn].astype("object")
    for step in steps.where(steps.notna(), None).to_dict("records"):
        key = step["column"].removeprefix("tag:")
        assert tags.get(key) == step["before"]
        if step["action"] == "untag":
            del tags[key]
        else:
            tags[key] = step["after"]
    return tags


def reasons(plan: Plan) -> list[str]:
    return plan.refused["reason"].tolist()


# --- properties


@examples
@given(
    channels=fleets,
    wanted=st.dictionaries(own_keys, st.sampled_from(VALUES)),
    removed=st.sets(own_keys),
    allow_managed=st.booleans(),
)
def test_tag_plan_leads_to_the_wanted_tags(
    channels: list[Seen], wanted: dict[str, str], removed: set[str], *, allow_managed: bool
) -> None:
    removed -= set(wanted)
    if not wanted and not removed:
        return
    plan = kvs.plans.tag(fleet(channels), wanted, remove=removed, allow_managed=allow_managed)
    refused = set(plan.refused["channel_arn"])
    assert refused.isdisjoint(plan.ready["channel_arn"])
    for seen in channels:
        goal = {key: value for key, value in {**seen.tags, **wanted}.items() if key not in removed}
        is_managed = STACK in seen.tags and not allow_managed
        twins = {key for key in wanted if key not in seen.tags} & {
            {"Site": "site", "site": "Site"}.get(key, "") for key in set(seen.tags) - set(wanted) - removed
        }
        is_refused = goal != dict(seen.tags) and (is_managed or seen.status == "DELETING" or bool(twins))
        assert (seen.arn in refused) == is_refused
        assert tags_after(plan, seen) == (dict(seen.tags) if is_refused else goal)


@examples
@given(fleets, own_keys, own_keys)
def test_rename_keeps_each_value(channels: list[Seen], old: str, new: str) -> None:
    if old == new:
        return
    plan = kvs.plans.tag(fleet(channels), rename={old: new})
    for seen in channels:
        after = tags_after(plan, seen)
        if after != dict(seen.tags):
            assert after == {**{key: value for key, value in seen.tags.items() if key != old}, new: seen.tags[old]}


@examples
@given(fleets, st.integers(5, 120))
def test_ttl_plan_has_a_step_for_each_channel(channels: list[Seen], ttl: int) -> None:
    plan = kvs.plans.set_message_ttl(fleet(channels), ttl)
    found = {
        arn: set(steps[["before", "after", "status"]].itertuples(index=False, name=None))
        for arn, steps in plan.steps.groupby("channel_arn")
    }
    assert set(found) == {seen.arn for seen in channels}
    for seen in channels:
        statuses = {status for _, _, status in found[seen.arn]}
        if seen.ttl == ttl:
            assert statuses == {"unchanged"}
        elif seen.status == "DELETING" or STACK in seen.tags:
            assert statuses == {"refused"}
        else:
            assert found[seen.arn] == {(str(seen.ttl), str(ttl), "ready")}


@examples
@given(fleets)
def test_delete_plan_deletes_only_what_may_be(channels: list[Seen]) -> None:
    plan = kvs.plans.delete(fleet(channels))
    ready = {seen.arn for seen in channels if seen.status != "DELETING" and STACK not in seen.tags}
    assert set(plan.ready["channel_arn"]) == ready
    assert set(plan.ready["action"]) <= {"delete"}


# --- what was not read


def test_unread_tags_are_never_planned_as_absent() -> None:
    seen = fleet([Seen("gate", {"Site": "hq"}), Seen("dock")])
    failed = seen.assign(tags_source=["failed", "bulk"])
    plan = kvs.plans.tag(failed, {"Site": "annex"})
    assert len(plan) == 1
    assert reasons(plan) == [
        "Its tag 'Site' was not read. Pass a frame of list_channels(tags=True), or an inventory with tags."
    ]


@pytest.mark.parametrize("missing", [["tag:Site"], ["tag:Site", "tag:Owner"]])
def test_dropped_tag_columns_count_as_unread(missing: list[str]) -> None:
    seen = fleet([Seen("gate", {"Site": "hq", "Owner": "ops"})]).drop(columns=missing)
    assert len(kvs.plans.tag(seen, {"Site": "annex"})) == 0
    assert len(kvs.plans.delete(seen)) == 0


def test_untagged_fleet_that_was_read_can_be_tagged() -> None:
    assert len(kvs.plans.tag(fleet([Seen("gate"), Seen("dock")]), {"Site": "annex"})) == 2


def test_keys_beyond_those_read_are_refused() -> None:
    plan = kvs.plans.tag(fleet([Seen("gate", {"Site": "hq"})], keys=["Site"]), {"Owner": "ops"})
    assert "'Owner' was not read" in reasons(plan)[0]


def test_keys_beyond_those_read_are_refused_beside_unread_channels() -> None:
    seen = fleet([Seen("dock", {"Site": "hq"}), Seen("gate", {"Site": "hq"})], keys=["Site"])
    plan = kvs.plans.tag(seen.assign(tags_source=["failed", "each"]), {"Owner": "ops"})
    assert len(plan) == 0
    assert all("'Owner' was not read" in reason for reason in reasons(plan))


def test_unread_tags_leave_it_open_who_manages() -> None:
    seen = fleet([Seen("gate")], keys=[])
    assert "may be managed by CloudFormation" in reasons(kvs.plans.delete(seen))[0]
    assert len(kvs.plans.delete(seen, allow_managed=True)) == 1
    assert len(kvs.plans.delete(seen.assign(managed_by=[None]))) == 1


def test_inventory_without_tags_is_refused(connection: kvs.Connection) -> None:
    kvs.create_channel("gate", connection=connection)
    assert len(kvs.plans.tag(kvs.inventory(tags="none"), {"Site": "hq"})) == 0
    assert len(kvs.plans.tag(kvs.inventory(), {"Site": "hq"})) == 1


def test_missing_ttl_column_is_refused() -> None:
    plan = kvs.plans.set_message_ttl(fleet([Seen("gate")]).drop(columns="message_ttl_seconds"), 90)
    assert reasons(plan) == ["Its message_ttl_seconds was not read. Pass a frame of list_channels(tags=True)."]


@pytest.mark.parametrize("ttl", ["soon", 60.5, float("inf")])
def test_ttl_that_is_no_number_is_refused(ttl: Any) -> None:
    channels = fleet([Seen("gate")])
    channels["message_ttl_seconds"] = pd.Series([ttl], dtype="object")
    assert "is not a whole number" in reasons(kvs.plans.set_message_ttl(channels, 90))[0]


# --- limits and managed channels


def test_full_channel_takes_a_tag_for_a_removed_one() -> None:
    channels = fleet([Seen("gate", {**full(), "aws:x": "1"})])
    assert reasons(kvs.plans.tag(channels, {"Site": "hq"})) == ["It would have too many tags: 51 (maximum 50)."]
    assert len(kvs.plans.tag(channels, {"Site": "hq"}, remove=["key-00"])) == 2
    assert len(kvs.plans.tag(channels, rename={"key-00": "Site"})) == 2
    assert len(kvs.plans.tag(channels, {"key-00": "hq"})) == 1


def test_managed_channel_is_refused_with_its_stack() -> None:
    channels = fleet([Seen("gate", {STACK: "cameras"})])
    reason = "It is managed by CloudFormation stack cameras. Change it there, or pass allow_managed=True."
    assert reasons(kvs.plans.delete(channels)) == [reason]
    assert len(kvs.plans.delete(channels, allow_managed=True)) == 1


def test_column_managed_by_names_other_managers() -> None:
    channels = fleet([Seen("gate"), Seen("dock")]).assign(managed_by=["", "Terraform"])
    plan = kvs.plans.set_message_ttl(channels, 90)
    assert reasons(plan) == ["It is managed by Terraform. Change it there, or pass allow_managed=True."]
    assert len(plan) == 1


def test_keys_that_differ_in_case_are_refused_unless_named() -> None:
    channels = fleet([Seen("gate", {"site": "hq"})])
    assert "differs only in case from its tag 'site'" in reasons(kvs.plans.tag(channels, {"Site": "annex"}))[0]
    assert len(kvs.plans.tag(channels, {"Site": "annex"}, remove=["site"])) == 2
    assert len(kvs.plans.tag(channels, rename={"site": "Site"})) == 2


def test_rename_to_a_key_with_another_value_is_refused() -> None:
    plan = kvs.plans.tag(fleet([Seen("gate", {"owner": "ops", "Owner": "it"})]), rename={"owner": "Owner"})
    assert reasons(plan) == ["Its tag 'Owner' is 'it' already, and 'owner' is 'ops'. Remove one of the two first."]


# --- arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Nothing to plan"),
        ({"tags": {"aws:x": "1"}}, "reserved by AWS"),
        ({"remove": ["aws:x"]}, "reserved by AWS"),
        ({"rename": {"a": "aws:x"}}, "reserved by AWS"),
        ({"rename": {"a": "b"}, "remove": ["b"]}, "'b' is asked for twice"),
        ({"tags": {"a": "1"}, "rename": {"b": "a"}}, "'a' is asked for twice"),
        ({"tags": {"a#": "1"}}, "'#' is not allowed"),
        ({"tags": {"a": 42}}, "has type int"),
        ({"tags": full(51)}, "Too many tags: 51"),
        ({"remove": "Site"}, "is not a list"),
        ({"rename": ["a"]}, "is not a mapping"),
    ],
)
def test_invalid_tag_arguments_raise(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        kvs.plans.tag(fleet([Seen("gate")]), **arguments)


@pytest.mark.parametrize("ttl", [4, 121, 60.5, "60", None])
def test_invalid_ttl_raises(ttl: Any) -> None:
    with pytest.raises(InvalidInput, match="message_ttl_seconds"):
        kvs.plans.set_message_ttl(fleet([Seen("gate")]), ttl)


def test_frames_that_are_not_channels_raise() -> None:
    with pytest.raises(InvalidInput, match="lacks the column channel_arn"):
        kvs.plans.delete(pd.DataFrame({"channel_name": ["gate"]}))
    days = pd.concat([fleet([Seen("gate")])] * 2)
    with pytest.raises(InvalidInput, match="1 row of channels that have another row"):
        kvs.plans.delete(days)
    with pytest.raises(InvalidInput, match="contains 42, which is not text"):
        kvs.plans.tag(fleet([Seen("gate")]).assign(**{"tag:Serial": [42]}), {"Site": "hq"})


ODD_CELLS: list[Any] = [[], {}, {"a"}, np.array([1, 2]), object(), "\ud800"]
"""What a cell of a frame of the user's may have, and no column of the toolkit's has."""

USES: list[Callable[[pd.DataFrame], Any]] = [
    kvs.plans.delete,
    lambda frame: kvs.plans.tag(frame, {"Site": "hq"}),
    lambda frame: kvs.plans.set_message_ttl(frame, 90),
    lambda frame: kvs.plans.from_sheet(frame, original=fleet([Seen("gate", {"Site": "hq"})])),
    lambda frame: kvs.plans.from_sheet(fleet([Seen("gate", {"Site": "annex"})]), original=frame),
    lambda frame: kvs.plans.ensure(frame, fleet([])),
    kvs.reports.channel_ages,
    kvs.reports.shared_names,
    kvs.reports.creation_by_month,
]


def test_cell_with_an_object_is_used_or_refused() -> None:
    frame = fleet([Seen("gate", {"Site": "hq"})])
    for column in frame.columns:
        for value in random.sample(ODD_CELLS, 1):
            odd = frame.assign(**{column: pd.Series([value], dtype=object)})
            for use in random.sample(USES, 4):
                with contextlib.suppress(InvalidInput):
                    repr(use(odd))


def test_rows_without_a_valid_arn_are_refused() -> None:
    channels = fleet([Seen("gate"), Seen("dock")])
    channels.loc[0, "channel_arn"] = "arn:aws:kinesisvideo"
    plan = kvs.plans.delete(channels)
    assert "Channel ARN 'arn:aws:kinesisvideo'" in reasons(plan)[0]
    assert plan.refused["source"].tolist() == ["channels.iloc[0]"]
    assert len(plan) == 1


@pytest.mark.parametrize("function", [kvs.plans.delete, lambda f: kvs.plans.tag(f, {"a": "b"})])
def test_empty_frame_gives_an_empty_plan(function: Any) -> None:
    assert len(function(fleet([])).steps) == 0
