"""Reports, computed from an inventory that may have gaps."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.dataframes import builders, schemas
from kvs_notebook.errors import InvalidInput, VersionMismatch
from kvs_notebook.fleet.coverage import coverage_frame, unread_row

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
    "creation_by_month": schemas.MONTHS,
}


def add_channels(sandbox):
    """Add channels of one name to two accounts, some of whose tags are missing or nearly right."""
    for tags, connection in [
        ({"Owner": "ops", "Env": "prod"}, sandbox.connection()),
        ({"Owner": "", "Env": "test"}, sandbox.connection(region="eu-west-1")),
        ({"owner ": "ops", "Env": " Prod"}, sandbox.connection(OTHER)),
    ]:
        kvs.create_channel("front-door", tags=tags, wait=False, connection=connection)
    kvs.create_channel("roof", connection=sandbox.connection())


@pytest.fixture
def two_accounts(sandbox, connection):
    add_channels(sandbox)
    return sandbox


@pytest.fixture(scope="module")
def fleet():
    """The inventory of two accounts, read once for the tests that change nothing."""
    with kvs.Sandbox(clock="stepped", quotas=False) as sandbox:
        add_channels(sandbox)
        return read(connection=sandbox.connection())


@pytest.fixture
def own_fleet(fleet):
    """The part of it that is read without roles: an account in a region."""
    return kvs.Inventory(
        *(
            frame.query("account_id == @ACCOUNT and region == 'us-east-1'").reset_index(drop=True)
            for frame in (fleet.channels, fleet.tags, fleet.coverage)
        )
    )


def read(**options):
    return kvs.inventory(role_arns=ROLES, regions=REGIONS, **options)


def rows(frame, *columns):
    """Return the rows as tuples, a missing value as None."""
    return [
        tuple(None if pd.isna(value) else value for value in row) for row in frame[[*columns]].itertuples(index=False)
    ]


def report_of(name, fleet):
    required = [REQUIRED] if name.startswith("tag_") else []
    return getattr(kvs.reports, name)(fleet, *required)


# --- each report


def test_channel_counts_are_missing_for_unread_account_regions(two_accounts):
    two_accounts.deny("kinesisvideo:ListSignalingChannels", account_id=OTHER, region="eu-west-1")
    with_gap = kvs.reports.channel_counts(read())
    assert rows(with_gap, "account_id", "region", "channels") == [
        (ACCOUNT, "eu-west-1", 1),
        (ACCOUNT, "us-east-1", 2),
        (OTHER, "eu-west-1", None),
        (OTHER, "us-east-1", 1),
    ]
    assert kvs.reports.channel_counts(kvs.list_channels())["channels"].tolist() == [2]


def test_channel_ages_are_whole_days_oldest_first(two_accounts):
    two_accounts.advance(86_400 * 3)
    kvs.create_channel("new")
    now = kvs.describe_channel("new")["creation_time"][0]
    ages = kvs.reports.channel_ages(kvs.list_channels(), now=now)
    assert rows(ages, "channel_name", "age_days") == [("front-door", 3), ("roof", 3), ("new", 0)]
    assert kvs.reports.channel_ages(kvs.list_channels(), now=datetime(2030, 1, 1, tzinfo=UTC))["age_days"].min() > 1000


def test_growth_skips_unread_day_in_difference(two_accounts, tmp_path):
    history = tmp_path / "history"
    kvs.save_snapshot(read(), history, date="2026-01-05")
    two_accounts.deny("kinesisvideo:ListSignalingChannels", account_id=ACCOUNT, region="us-east-1")
    kvs.save_snapshot(read(), history, date="2026-01-06")
    two_accounts.clear_denials()
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
def test_headroom_returns_free_and_share_of_quota(own_fleet, quota, free, problem):
    shares = kvs.reports.headroom(own_fleet, quotas={(ACCOUNT, "us-east-1"): quota})
    assert rows(shares, "channels", "quota", "free", "share", "problem") == [(2, quota, free, 2 / quota, problem)]


@pytest.mark.parametrize(("channels", "problem"), [(7_999, None), (8_000, "near_quota"), (10_000, "at_quota")])
def test_headroom_has_problem_from_80_percent(own_fleet, channels, problem):
    coverage = own_fleet.coverage.assign(channels=channels)
    assert rows(kvs.reports.headroom(coverage), "quota", "problem") == [(10_000, problem)]


def test_headroom_of_unread_is_unknown_and_omits_disabled_regions(two_accounts):
    two_accounts.deny("kinesisvideo:ListSignalingChannels", account_id=ACCOUNT, region="us-east-1")
    fleet = read()
    disabled = fleet.coverage["region"] == "eu-west-1"
    shares = kvs.reports.headroom(
        fleet.coverage.assign(status=fleet.coverage["status"].mask(disabled, "region_disabled"))
    )
    assert rows(shares, "account_id", "channels", "free", "share", "problem") == [
        (ACCOUNT, None, None, None, "unknown"),
        (OTHER, 1, 9_999, 0.0001, None),
    ]


def test_tag_problems_list_missing_wrong_and_near_tags(fleet):
    problems = kvs.reports.tag_problems(fleet, REQUIRED)
    columns = ("account_id", "region", "channel_name", "key", "problem", "found_key", "found_value", "allowed_value")
    assert rows(problems, *columns) == [
        (ACCOUNT, "eu-west-1", "front-door", "Env", "not_allowed", "Env", "test", None),
        (ACCOUNT, "eu-west-1", "front-door", "Owner", "empty", "Owner", "", None),
        (ACCOUNT, "us-east-1", "roof", "Env", "missing", None, None, None),
        (ACCOUNT, "us-east-1", "roof", "Owner", "missing", None, None, None),
        (OTHER, "us-east-1", "front-door", "Env", "near_value", "Env", " Prod", "prod"),
        (OTHER, "us-east-1", "front-door", "Owner", "near_key", "owner ", "ops", None),
    ]


def test_tag_coverage_counts_same_channels_as_tag_problems(fleet):
    coverage = kvs.reports.tag_coverage(fleet, REQUIRED)
    counted = rows(coverage, "key", "channels", "met", "near_miss", "not_allowed", "missing", "unknown", "share")
    assert counted == [("Owner", 4, 1, 1, 1, 1, 0, 0.25), ("Env", 4, 1, 1, 1, 1, 0, 0.25)]


def test_unread_tags_are_unknown_and_never_missing(two_accounts):
    for action in ("tag:GetResources", "kinesisvideo:ListTagsForResource"):
        two_accounts.deny(action, account_id=ACCOUNT, region="us-east-1")
    fleet = read()
    problems = kvs.reports.tag_problems(fleet, {"Owner": None})
    unread = problems[(problems["account_id"] == ACCOUNT) & (problems["region"] == "us-east-1")]
    assert rows(unread, "channel_name", "problem") == [("front-door", "unknown"), ("roof", "unknown")]
    coverage = kvs.reports.tag_coverage(fleet, {"Owner": None})
    assert rows(coverage, "met", "missing", "unknown", "share") == [(0, 0, 2, 0.0)]
    nothing_known = kvs.reports.tag_coverage(kvs.inventory(tags="none"), {"Owner": None})
    assert rows(nothing_known, "unknown", "share") == [(2, None)]


def test_frame_with_tags_has_same_problems_as_inventory(two_accounts):
    of_frame = kvs.reports.tag_problems(kvs.list_channels(tags=["Owner", "Env"]), REQUIRED)
    assert of_frame.equals(kvs.reports.tag_problems(kvs.inventory(), REQUIRED))


def test_tag_problems_can_be_corrected_from_report(two_accounts):
    problems = kvs.reports.tag_problems(read(), REQUIRED)
    there = two_accounts.connection(OTHER)
    for row in problems[problems["account_id"] == OTHER].to_dict("records"):
        if row["problem"] == "near_value":
            kvs.tag_channel(row["channel_arn"], {row["key"]: row["allowed_value"]}, connection=there)
        else:
            kvs.tag_channel(row["channel_arn"], {row["key"]: row["found_value"]}, connection=there)
            kvs.untag_channel(row["channel_arn"], [row["found_key"]], connection=there)
    assert OTHER not in set(kvs.reports.tag_problems(read(), REQUIRED)["account_id"])


def test_shared_names_list_accounts_and_regions(fleet):
    shared = kvs.reports.shared_names(fleet)
    places = f"{ACCOUNT} eu-west-1, {ACCOUNT} us-east-1, {OTHER} us-east-1"
    assert rows(shared, "channel_name", "regions", "accounts", "places") == [("front-door", 2, 2, places)]


def test_shared_names_ignore_case(connection):
    for name in ("Front-Door", "front-door", "roof", "FRONT-DOOR"):
        kvs.create_channel(name)
    shared = kvs.reports.shared_names(kvs.list_channels())
    assert rows(shared, "channel_name", "regions") == [("FRONT-DOOR, Front-Door, front-door", 1)]
    assert shared["places"].item().count(ACCOUNT) == 3


def test_creation_by_month_counts_every_channel_once(sandbox, connection):
    sandbox.seed()
    channels = kvs.list_channels()
    months = kvs.reports.creation_by_month(channels)
    expected = channels["creation_time"].dt.strftime("%Y-%m").value_counts().sort_index()
    assert dict(zip(months["month"], months["channels"], strict=True)) == expected.to_dict()
    assert months["month"].is_monotonic_increasing


# --- frames


@pytest.mark.parametrize("name", SCHEMAS)
def test_report_has_exact_schema_and_survives_csv(fleet, name, tmp_path):
    nothing = kvs.Inventory(fleet.channels.iloc[:0], fleet.tags.iloc[:0], fleet.coverage.iloc[:0])
    for each in (fleet, nothing):
        report = report_of(name, each)
        assert {column: str(dtype) for column, dtype in report.dtypes.items()} == dict(SCHEMAS[name])
        assert report.index.equals(pd.RangeIndex(len(report)))
        kvs.to_csv(report, tmp_path / "report.csv")
        pd.testing.assert_frame_equal(kvs.read_csv(tmp_path / "report.csv"), report)


@pytest.mark.parametrize("name", SCHEMAS)
def test_report_leaves_its_input_unchanged(fleet, name):
    before = [frame.copy() for frame in (fleet.channels, fleet.tags, fleet.coverage)]
    report_of(name, fleet)
    for frame, was in zip((fleet.channels, fleet.tags, fleet.coverage), before, strict=True):
        pd.testing.assert_frame_equal(frame, was)


def _plain_problem(tags, key, allowed):
    """Return the problem of one key of one channel, by the docstring of tag_problems()."""

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


@settings(max_examples=6)  # of up to 18 channels and keys each
@given(
    fleet=st.lists(st.dictionaries(KEYS, WORDS, max_size=4), min_size=1, max_size=6),
    required=st.dictionaries(KEYS, st.none() | st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=3),
)
def test_tag_problems_equal_plain_rule(fleet, required):
    arns = [f"arn:aws:kinesisvideo:us-east-1:{ACCOUNT}:channel/c{number}/1" for number in range(len(fleet))]
    channels = builders.channels_frame(
        [{"ChannelARN": arn, "ChannelName": f"c{number}"} for number, arn in enumerate(arns)]
    )
    tags = builders.tags_frame(dict(zip(arns, fleet, strict=True)))
    row = unread_row(ACCOUNT, "us-east-1", None) | {"status": "ok", "tags_source": "bulk", "channels": len(fleet)}
    inventory = kvs.Inventory(channels, tags, coverage_frame([row]))
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


# --- changes from a report's row

OF_CHANNELS = {
    "channel_ages": lambda fleet, _: kvs.reports.channel_ages(fleet),
    "tag_problems": lambda fleet, _: kvs.reports.tag_problems(fleet, REQUIRED),
    "compare_snapshots": lambda fleet, directory: kvs.compare_snapshots(directory, after=fleet),
    "read_snapshots": lambda _, directory: kvs.read_snapshots(directory),
    "table": lambda fleet, _: fleet.table(),
}


def test_change_from_stale_report_is_refused(two_accounts, tmp_path):
    kvs.save_snapshot(kvs.inventory(), tmp_path)
    kvs.tag_channel("roof", {"Site": "hq"})
    found = kvs.inventory()
    reports = {name: report(found, tmp_path) for name, report in OF_CHANNELS.items()}
    kvs.update_channel("roof", message_ttl_seconds=30)
    for rows_of in reports.values():
        row = rows_of[rows_of["channel_name"] == "roof"].iloc[0]
        with pytest.raises(VersionMismatch):
            kvs.update_channel(row, message_ttl_seconds=90)
        with pytest.raises(VersionMismatch):
            kvs.delete_channel(row)
    assert kvs.describe_channel("roof")["message_ttl_seconds"].item() == 30


# --- bad input


@pytest.mark.parametrize(
    ("required", "message"),
    [
        ({"Env": "prod"}, "Pass a list, such as ['prod'], or None for any value"),
        ({"Env": []}, "are an empty list"),
        ({"Env": [1]}, "Value of tag 'Env'"),
        ({"Env": ["a" * 257]}, "Value of tag 'Env'"),
        ({}, "Expected a mapping"),
        (["Env"], "Expected a mapping"),
        ({"Env": 7}, "are not a list: 7"),
        ({"": None}, "Tag key"),
        ({"E*v": None}, "Tag key"),
    ],
)
def test_required_tags_reject_invalid_requirement(fleet, required, message):
    for report in (kvs.reports.tag_problems, kvs.reports.tag_coverage):
        with pytest.raises(InvalidInput) as refused:
            report(fleet, required)
        assert message in str(refused.value)


def test_report_rejects_frame_and_names_right_function(fleet):
    for wrong, message in [
        (lambda: kvs.reports.channel_counts(fleet.channels.drop(columns="region")), "lacks the column region"),
        (lambda: kvs.reports.channel_counts(fleet.coverage), "lacks the columns channel_name"),
        (lambda: kvs.reports.channel_ages({}), "Pass a frame returned by list_channels() or inventory()."),
        (lambda: kvs.reports.growth(fleet.coverage), "Pass a frame returned by read_coverage()."),
        (lambda: kvs.reports.headroom(fleet.channels), "Pass a frame returned by inventory().coverage."),
        (lambda: kvs.reports.tag_problems(fleet.channels, REQUIRED), "list_channels(tags=['Owner', 'Env'])"),
        (lambda: kvs.reports.shared_names(fleet.coverage), "lacks the columns channel_name"),
        (lambda: kvs.reports.channel_ages(fleet, now=datetime(2026, 1, 1)), "time zone"),  # noqa: DTZ001 - that is it
    ]:
        with pytest.raises(InvalidInput) as refused:
            wrong()
        assert message in str(refused.value)


def test_headroom_of_failed_account_is_unknown(two_accounts):
    two_accounts.deny("sts:AssumeRole")
    shares = kvs.reports.headroom(kvs.inventory(role_arns=[f"arn:aws:iam::{OTHER}:role/Reader"]))
    assert rows(shares, "account_id", "region", "channels", "quota", "problem") == [
        (OTHER, None, None, None, "unknown")
    ]
    chart = kvs.charts.headroom(shares)
    assert chart.title == "1 account-region, none near its quota"
    assert chart.figure.axes[0].get_xlabel() == "Not shown: 1 account-region not read"


def test_headroom_rejects_quota_key_without_account(fleet):
    with pytest.raises(InvalidInput, match="quotas has the key 'us-east-1'. Expected an account id and a region"):
        kvs.reports.headroom(fleet, quotas={"us-east-1": 20})


@pytest.fixture(scope="module")
def history(fleet, tmp_path_factory):
    """Rows of two days."""
    folder = tmp_path_factory.mktemp("history")
    for day in ("2026-01-05", "2026-01-06"):
        kvs.save_snapshot(fleet, folder, date=day)
    return kvs.read_snapshots(folder)


@pytest.mark.parametrize(
    "report", ["channel_counts", "channel_ages", "creation_by_month", "shared_names", "tag_problems", "tag_coverage"]
)
def test_report_rejects_rows_of_several_days(fleet, history, report):
    with pytest.raises(
        InvalidInput, match=r"Channels with more than one row: \d+, as in a frame of several days. Pass the rows"
    ):
        report_of(report, history)
    a_day = history[history["date"] == "2026-01-05"]
    pd.testing.assert_frame_equal(report_of(report, a_day), report_of(report, fleet.table()))


def test_headroom_rejects_inventory_of_prefix(two_accounts):
    with pytest.raises(InvalidInput, match="only channels that begin with 'front'"):
        kvs.reports.headroom(kvs.inventory(prefix="front"))
