"""Reports: what a fleet's owner asks, answered from an inventory that may have gaps."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.dataframes import builders, schemas
from kvs_notebook.errors import InvalidInput

ACCOUNT, OTHER = "111122223333", "444455556666"
ROLES = [f"arn:aws:iam::{account}:role/Reader" for account in (ACCOUNT, OTHER)]
REGIONS = ["us-east-1", "eu-west-1"]
REQUIRED = {"Owner": None, "Env": ["prod", "dev"]}
SCHEMAS = {
    "channel_counts": schemas.COUNTS,
    "channel_ages": schemas.AGES,
    "headroom": schemas.HEADROOM,
    "tag_problems": schemas.TAG_PROBLEMS,
    "tag_coverage": schemas.TAG_COVERAGE,
    "shared_names": schemas.SHARED_NAMES,
}


@pytest.fixture
def house(sandbox, connection):
    """Two accounts: in one a front door here and there, in the other one with tags that are nearly right."""
    far = sandbox.connection(region="eu-west-1")
    kvs.create_channel("front-door", tags={"Owner": "ops", "Env": "prod"})
    kvs.create_channel("front-door", tags={"Owner": "", "Env": "test"}, connection=far)
    kvs.create_channel("roof")
    there = sandbox.connection(OTHER)
    kvs.create_channel("front-door", tags={"owner ": "ops", "Env": " Prod"}, connection=there)
    return sandbox


def read(**options):
    return kvs.inventory(role_arns=ROLES, regions=REGIONS, **options)


def rows(frame, *columns):
    """The rows as tuples, what is missing as None."""
    return [
        tuple(None if pd.isna(value) else value for value in row) for row in frame[[*columns]].itertuples(index=False)
    ]


def asked(name, fleet):
    required = [REQUIRED] if name.startswith("tag_") else []
    return getattr(kvs.reports, name)(fleet, *required)


# --- what each answers


def test_channels_are_counted_by_account_and_region_and_those_of_no_unit_that_was_not_read(house):
    house.deny("kinesisvideo:ListSignalingChannels", account_id=OTHER, region="eu-west-1")
    with_gap = kvs.reports.channel_counts(read())
    assert rows(with_gap, "account_id", "region", "channels") == [
        (ACCOUNT, "eu-west-1", 1),
        (ACCOUNT, "us-east-1", 2),
        (OTHER, "eu-west-1", None),
        (OTHER, "us-east-1", 1),
    ]
    assert kvs.reports.channel_counts(kvs.list_channels())["channels"].tolist() == [2]


def test_ages_are_whole_days_and_the_oldest_comes_first(house):
    house.advance(86_400 * 3)
    kvs.create_channel("new")
    now = kvs.describe_channel("new")["creation_time"][0]
    ages = kvs.reports.channel_ages(kvs.list_channels(), now=now)
    assert rows(ages, "channel_name", "age_days") == [("front-door", 3), ("roof", 3), ("new", 0)]
    assert kvs.reports.channel_ages(kvs.list_channels(), now=datetime(2030, 1, 1, tzinfo=UTC))["age_days"].min() > 1000


def test_growth_leaves_a_day_without_an_answer_out_and_counts_from_the_one_before(house, tmp_path):
    history = tmp_path / "history"
    kvs.save_snapshot(read(), history, date="2026-01-05")
    house.deny("kinesisvideo:ListSignalingChannels", account_id=ACCOUNT, region="us-east-1")
    kvs.save_snapshot(read(), history, date="2026-01-06")
    house.clear_denials()
    for number in range(3):
        kvs.create_channel(f"new-{number}")
    kvs.save_snapshot(read(), history, date="2026-01-07")
    days = kvs.reports.growth(kvs.read_coverage(history))
    here = days[(days["account_id"] == ACCOUNT) & (days["region"] == "us-east-1")]
    assert rows(here, "channels", "diff") == [(2, None), (None, None), (5, 3)]
    there = days[(days["account_id"] == OTHER) & (days["region"] == "us-east-1")]
    assert rows(there, "channels", "diff") == [(1, None), (1, 0), (1, 0)]
    assert {name: str(dtype) for name, dtype in days.dtypes.items()} == dict(schemas.GROWTH)


@pytest.mark.parametrize(
    ("quota", "free", "problem"), [(100, 98, None), (3, 1, None), (2, 0, "at_quota"), (1, 0, "at_quota")]
)
def test_headroom_says_what_is_left_of_a_quota(house, quota, free, problem):
    units = kvs.reports.headroom(kvs.inventory(), quotas={(ACCOUNT, "us-east-1"): quota})
    assert rows(units, "channels", "quota", "free", "share", "problem") == [(2, quota, free, 2 / quota, problem)]


@pytest.mark.parametrize(("channels", "problem"), [(7_999, None), (8_000, "near_quota"), (10_000, "at_quota")])
def test_headroom_warns_from_80_percent_of_the_published_quota(house, channels, problem):
    coverage = kvs.inventory().coverage.assign(channels=channels)
    assert rows(kvs.reports.headroom(coverage), "quota", "problem") == [(10_000, problem)]


def test_headroom_of_a_unit_that_was_not_read_is_unknown_and_a_region_that_is_not_enabled_has_none(house):
    house.deny("kinesisvideo:ListSignalingChannels", account_id=ACCOUNT, region="us-east-1")
    fleet = read()
    disabled = fleet.coverage["region"] == "eu-west-1"
    units = kvs.reports.headroom(
        fleet.coverage.assign(status=fleet.coverage["status"].mask(disabled, "region_disabled"))
    )
    assert rows(units, "account_id", "channels", "free", "share", "problem") == [
        (ACCOUNT, None, None, None, "unknown"),
        (OTHER, 1, 9_999, 0.0001, None),
    ]


def test_tag_problems_say_what_is_missing_what_is_wrong_and_what_was_probably_meant(house):
    problems = kvs.reports.tag_problems(read(), REQUIRED)
    columns = ("account_id", "region", "channel_name", "key", "problem", "found_key", "found_value", "allowed_value")
    assert rows(problems, *columns) == [
        (ACCOUNT, "eu-west-1", "front-door", "Env", "not_allowed", "Env", "test", None),
        (ACCOUNT, "eu-west-1", "front-door", "Owner", "empty", "Owner", "", None),
        (ACCOUNT, "us-east-1", "roof", "Env", "missing", None, None, None),
        (ACCOUNT, "us-east-1", "roof", "Owner", "missing", None, None, None),
        (OTHER, "us-east-1", "front-door", "Env", "near_value", "Env", " Prod", "prod"),
        (OTHER, "us-east-1", "front-door", "Owner", "near_key", "owner ", "ops", None),
    ]


def test_tag_coverage_counts_the_same_channels(house):
    coverage = kvs.reports.tag_coverage(read(), REQUIRED)
    counted = rows(coverage, "key", "channels", "met", "near_miss", "not_allowed", "missing", "unknown", "share")
    assert counted == [("Owner", 4, 1, 1, 1, 1, 0, 0.25), ("Env", 4, 1, 1, 1, 1, 0, 0.25)]


def test_tags_that_were_not_read_are_unknown_and_never_missing(house):
    for action in ("tag:GetResources", "kinesisvideo:ListTagsForResource"):
        house.deny(action, account_id=ACCOUNT, region="us-east-1")
    fleet = read()
    problems = kvs.reports.tag_problems(fleet, {"Owner": None})
    unread = problems[(problems["account_id"] == ACCOUNT) & (problems["region"] == "us-east-1")]
    assert rows(unread, "channel_name", "problem") == [("front-door", "unknown"), ("roof", "unknown")]
    coverage = kvs.reports.tag_coverage(fleet, {"Owner": None})
    assert rows(coverage, "met", "missing", "unknown", "share") == [(0, 0, 2, 0.0)]
    nothing_known = kvs.reports.tag_coverage(kvs.inventory(tags="none"), {"Owner": None})
    assert rows(nothing_known, "unknown", "share") == [(2, None)]


def test_a_frame_with_its_tags_is_judged_as_an_inventory_is(house):
    of_frame = kvs.reports.tag_problems(kvs.list_channels(tags=["Owner", "Env"]), REQUIRED)
    assert of_frame.equals(kvs.reports.tag_problems(kvs.inventory(), REQUIRED))


def test_a_problem_can_be_mended_by_what_the_report_says(house):
    problems = kvs.reports.tag_problems(read(), REQUIRED)
    there = house.connection(OTHER)
    for row in problems[problems["account_id"] == OTHER].to_dict("records"):
        if row["problem"] == "near_value":
            kvs.tag_channel(row["channel_arn"], {row["key"]: row["allowed_value"]}, connection=there)
        else:
            kvs.tag_channel(row["channel_arn"], {row["key"]: row["found_value"]}, connection=there)
            kvs.untag_channel(row["channel_arn"], [row["found_key"]], connection=there)
    assert OTHER not in set(kvs.reports.tag_problems(read(), REQUIRED)["account_id"])


def test_names_that_live_in_several_places_are_named_with_them(house):
    shared = kvs.reports.shared_names(read())
    places = f"{ACCOUNT} eu-west-1, {ACCOUNT} us-east-1, {OTHER} us-east-1"
    assert rows(shared, "channel_name", "regions", "accounts", "places") == [("front-door", 2, 2, places)]


# --- frames


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_report_has_its_columns_and_dtypes_also_of_nothing_and_reads_back_from_csv(house, name, tmp_path):
    whole = read()
    nothing = kvs.Inventory(whole.channels.iloc[:0], whole.tags.iloc[:0], whole.coverage.iloc[:0])
    for fleet in (whole, nothing):
        report = asked(name, fleet)
        assert {column: str(dtype) for column, dtype in report.dtypes.items()} == dict(SCHEMAS[name])
        assert report.index.equals(pd.RangeIndex(len(report)))
        kvs.to_csv(report, tmp_path / "report.csv")
        pd.testing.assert_frame_equal(kvs.read_csv(tmp_path / "report.csv"), report)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_report_leaves_what_it_was_given_as_it_was(house, name):
    fleet = read()
    before = [frame.copy() for frame in (fleet.channels, fleet.tags, fleet.coverage)]
    asked(name, fleet)
    for frame, was in zip((fleet.channels, fleet.tags, fleet.coverage), before, strict=True):
        pd.testing.assert_frame_equal(frame, was)


def _plain_problem(tags, key, allowed):
    """The rule of one channel and one key, read off the docstring of tag_problems()."""

    def near(text):
        return "".join(text.split()).lower()

    if key in tags:
        value = tags[key]
        if value in allowed if allowed is not None else value != "":
            return None
        if value == "":
            return "empty"
        return "near_value" if near(value) in {near(each) for each in allowed} else "not_allowed"
    return "near_key" if near(key) in {near(each) for each in tags} else "missing"


WORDS = st.sampled_from(["Env", "env", "E nv", "prod", "Prod ", "dev", ""])
KEYS = WORDS.filter(bool)


@given(
    fleet=st.lists(st.dictionaries(KEYS, WORDS, max_size=4), min_size=1, max_size=6),
    required=st.dictionaries(KEYS, st.none() | st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=3),
)
def test_every_channel_is_judged_by_the_plain_rule(fleet, required):
    arns = [f"arn:aws:kinesisvideo:us-east-1:{ACCOUNT}:channel/c{number}/1" for number in range(len(fleet))]
    channels = builders.channels_frame(
        [{"ChannelARN": arn, "ChannelName": f"c{number}"} for number, arn in enumerate(arns)]
    )
    tags = builders.tags_frame(dict(zip(arns, fleet, strict=True)))
    place = (ACCOUNT, "us-east-1", "ok", None, None, "bulk", len(fleet), 1, 0, 0, 0.0)
    inventory = kvs.Inventory(channels, tags, builders.rows_frame([place], schemas.COVERAGE))
    problems = kvs.reports.tag_problems(inventory, required)
    found = {(row["channel_name"], row["key"]): row["problem"] for row in problems.to_dict("records")}
    expected = {
        (f"c{number}", key): problem
        for number, tags_of_one in enumerate(fleet)
        for key, allowed in required.items()
        if (problem := _plain_problem(tags_of_one, key, allowed))
    }
    assert found == expected
    coverage = kvs.reports.tag_coverage(inventory, required)
    sums = coverage[["met", "near_miss", "not_allowed", "missing", "unknown"]].sum(axis="columns")
    assert sums.eq(len(fleet)).all()


# --- bad input


@pytest.mark.parametrize(
    ("required", "said"),
    [
        ({"Env": "prod"}, "give ['prod'], or None for any value"),
        ({"Env": []}, "the list is empty"),
        ({"Env": [1]}, "Value of tag 'Env'"),
        ({"Env": ["a" * 257]}, "Value of tag 'Env'"),
        ({}, "give a mapping"),
        (["Env"], "give a mapping"),
        ({"Env": 7}, "is no list"),
        ({"": None}, "Tag key"),
        ({"E*v": None}, "Tag key"),
    ],
)
def test_a_requirement_that_no_tag_could_meet_is_refused(house, required, said):
    for report in (kvs.reports.tag_problems, kvs.reports.tag_coverage):
        with pytest.raises(InvalidInput) as refused:
            report(kvs.inventory(), required)
        assert said in str(refused.value)


def test_a_frame_of_another_kind_is_refused_with_the_function_that_gives_the_right_one(house):
    fleet = kvs.inventory()
    for wrong, said in [
        (lambda: kvs.reports.channel_counts(fleet.channels.drop(columns="region")), "without region"),
        (lambda: kvs.reports.channel_counts(fleet.coverage), "without channel_name"),
        (lambda: kvs.reports.channel_ages({}), "give what list_channels() or inventory() gave"),
        (lambda: kvs.reports.growth(fleet.coverage), "give what read_coverage() gave"),
        (lambda: kvs.reports.headroom(fleet.channels), "give what inventory().coverage gave"),
        (lambda: kvs.reports.tag_problems(fleet.channels, REQUIRED), "list_channels(tags=['Owner', 'Env'])"),
        (lambda: kvs.reports.shared_names(fleet.coverage), "without channel_name"),
        (lambda: kvs.reports.channel_ages(fleet, now=datetime(2026, 1, 1)), "time zone"),  # noqa: DTZ001 - that is it
    ]:
        with pytest.raises(InvalidInput) as refused:
            wrong()
        assert said in str(refused.value)


def test_headroom_of_an_account_that_lets_nobody_in_is_unknown(house):
    house.deny("sts:AssumeRole")
    units = kvs.reports.headroom(kvs.inventory(role_arns=[f"arn:aws:iam::{OTHER}:role/Reader"]))
    assert rows(units, "account_id", "region", "channels", "quota", "problem") == [(OTHER, None, None, None, "unknown")]
    chart = kvs.charts.headroom(units)
    assert chart.title == "1 unit, none near its quota"
    assert chart.figure.axes[0].get_xlabel() == "1 unit not read: not in this picture"


def test_a_quota_of_no_account_and_region_is_refused(house):
    with pytest.raises(InvalidInput, match="quotas of 'us-east-1': give account and region"):
        kvs.reports.headroom(kvs.inventory(), quotas={"us-east-1": 20})


@pytest.mark.parametrize("report", ["channel_counts", "channel_ages", "shared_names", "tag_problems", "tag_coverage"])
def test_the_days_of_a_history_are_not_counted_together(house, tmp_path, report):
    for day in ("2026-01-05", "2026-01-06"):
        kvs.save_snapshot(kvs.inventory(), tmp_path, date=day)
    history = kvs.read_snapshots(tmp_path)
    more = [REQUIRED] if report.startswith("tag") else []
    with pytest.raises(
        InvalidInput, match=r"Channels with more than one row: \d+, as in a frame of several days. Give the rows"
    ):
        getattr(kvs.reports, report)(history, *more)
    a_day = history[history["date"] == "2026-01-05"]
    pd.testing.assert_frame_equal(
        getattr(kvs.reports, report)(a_day, *more), getattr(kvs.reports, report)(kvs.inventory().table(), *more)
    )


def test_an_inventory_of_a_prefix_is_not_held_against_the_quota(house):
    with pytest.raises(InvalidInput, match="only channels that begin with 'front'"):
        kvs.reports.headroom(kvs.inventory(prefix="front"))
