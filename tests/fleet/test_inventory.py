"""Inventories: what was read and what was not, when an account, a region, a worker or the user interrupts."""

from __future__ import annotations

import gc
import io
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws import concurrency, rate_limit
from kvs_notebook.cli.inventory_output import describe_gaps
from kvs_notebook.dataframes.schemas import CHANNELS, COVERAGE, TAGS
from kvs_notebook.errors import ExportFailed, InvalidInput, InventoryIncomplete
from kvs_notebook.fleet import account_region, collector, connection_factory, discovery, tag_reader
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.connection_factory import ConnectionFactory
from kvs_notebook.fleet.frame_buffer import FrameBuffer

OTHER = "444455556666"
ROLE = f"arn:aws:iam::{OTHER}:role/Reader"
REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-2"]


@pytest.fixture
def fleet(sandbox, connection):
    """The example fleet in one account, and 5 tagged channels in each of two regions of another."""
    sandbox.seed()
    for region in REGIONS[:2]:
        there = sandbox.connection(OTHER, region=region)
        for number in range(5):
            kvs.create_channel(f"camera-{number}", tags={"Site": region}, wait=False, connection=there)
    return sandbox


def accounts(tmp_path):
    path = tmp_path / "accounts.csv"
    path.write_text(f"account_id,role_arn,account_name\n{OTHER},{ROLE},Lab\n")
    return path


def open_without_terminal(open_file):
    def open_all_but_terminal(path, *arguments, **options):
        if path == "/dev/tty":
            raise OSError("No such device")
        return open_file(path, *arguments, **options)

    return open_all_but_terminal


def statuses(inventory):
    return inventory.coverage.set_index(["account_id", "region"])["status"].to_dict()


def dtypes(frame):
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def join_threads(*prefixes):
    """Wait until the threads whose names begin with a prefix have ended."""
    for thread in threading.enumerate():
        if thread.name.startswith(prefixes):
            thread.join(30)
            assert not thread.is_alive()


# --- what is read


@pytest.mark.parametrize("tags", ["bulk", "each"])
def test_inventory_equals_account_regions_read_one_by_one(fleet, connection, tags):
    found = kvs.inventory(regions=REGIONS, tags=tags)
    one_by_one = [fleet.connection(region=region) for region in REGIONS]
    channels = pd.concat([kvs.list_channels(connection=each) for each in one_by_one])
    long_tags = pd.concat([kvs.list_tags(kvs.list_channels(connection=each), connection=each) for each in one_by_one])
    assert found.channels.equals(channels.sort_values(["account_id", "region", "channel_name"], ignore_index=True))
    by = ["account_id", "region", "channel_name", "channel_arn", "key"]
    assert found.tags.equals(long_tags.sort_values(by, ignore_index=True))
    assert found.coverage["status"].tolist() == ["ok"] * 3
    assert found.coverage["tags_source"].tolist() == [tags] * 3
    assert found.coverage["channels"].sum() == 26
    found.raise_for_failures()


def test_session_is_released_after_last_account_region(fleet, connection, tmp_path, monkeypatch):
    factories, connections = [], []
    in_process, connection_to = ConnectionFactory.in_process, connection_factory.connection_to

    def kept(base):
        factories.append(in_process(base))  # so that the connections do not go with the factory
        return factories[-1]

    def observed(account, base):
        made = connection_to(account, base)
        connections.append(weakref.ref(made))
        return made

    monkeypatch.setattr(ConnectionFactory, "in_process", kept)
    monkeypatch.setattr(connection_factory, "connection_to", observed)
    kvs.inventory(accounts=accounts(tmp_path), regions=REGIONS).raise_for_failures()
    gc.collect()
    assert len(factories) == 1
    assert [each() for each in connections] == [None]


def test_role_reads_its_account_and_table_has_account_name(fleet, connection, tmp_path):
    found = kvs.inventory(accounts=accounts(tmp_path), regions=REGIONS[:2])
    assert statuses(found) == {(OTHER, region): "ok" for region in REGIONS[:2]}
    table = found.table()
    assert table["account_name"].tolist() == ["Lab"] * 10
    assert table["tag:Site"].tolist() == ["eu-west-1"] * 5 + ["us-east-1"] * 5
    assert set(fleet.requests.query("operation == 'AssumeRole'")["status"]) == {200}


def test_role_is_assumed_with_external_id():
    with kvs.Sandbox(clock="stepped", assumptions=kvs.Assumptions(role_external_id="our-contract")) as sandbox:
        here = sandbox.connection()
        assert kvs.inventory(role_arns=[ROLE], external_id="our-contract", connection=here).gaps.empty
        without = kvs.inventory(role_arns=[ROLE], connection=here)
    assert without.coverage[["account_id", "status", "error_code"]].to_numpy().tolist() == [
        [OTHER, "denied", "AccessDenied"]
    ]


def test_bulk_tags_take_one_call_per_100_channels(sandbox, connection):
    for number in range(120):
        kvs.create_channel(f"camera-{number:03}", tags={"Site": "hq"}, wait=False)
    found = kvs.inventory()
    assert len(found.tags) == 120
    assert found.coverage["calls"].item() == 1 + 2


def test_tags_are_read_each_if_tagging_api_finds_none():
    with kvs.Sandbox(assumptions=kvs.Assumptions(tagging_api="finds_none")) as sandbox:
        connection = sandbox.connection()
        for number in range(20):
            tags = None if number % 4 else {"Site": "hq"}
            kvs.create_channel(f"camera-{number:02}", tags=tags, wait=False, connection=connection)
        found = kvs.inventory(connection=connection)
    assert found.coverage[["status", "tags_source"]].to_numpy().tolist() == [["ok", "each"]]
    assert found.tags["channel_name"].tolist() == [f"camera-{number:02}" for number in range(0, 20, 4)]


def test_untagged_channels_cost_one_sample_of_calls(sandbox, connection):
    for number in range(20):
        kvs.create_channel(f"camera-{number:02}", wait=False)
    found = kvs.inventory()
    assert found.coverage[["tags_source", "calls"]].to_numpy().tolist() == [["bulk", 1 + 1 + tag_reader.SAMPLE_SIZE]]
    assert len(found.tags) == 0


def test_bulk_result_is_believed_if_sample_is_denied(sandbox, connection):
    kvs.create_channel("camera", wait=False)
    sandbox.deny("kinesisvideo:ListTagsForResource")
    found = kvs.inventory()
    assert found.coverage[["status", "tags_source"]].to_numpy().tolist() == [["ok", "bulk"]]
    assert found.coverage["error_code"].isna().all()


def test_tags_none_reads_no_tags(fleet, connection):
    found = kvs.inventory(tags="none")
    assert dtypes(found.tags) == dict(TAGS)
    assert found.coverage[["tags_source", "calls"]].to_numpy().tolist() == [["none", 1]]


def test_prefix_limits_channels_and_tags(fleet, connection):
    found = kvs.inventory(prefix="front-", regions=REGIONS)
    assert set(found.channels["channel_name"]) == set(kvs.list_channels("front-")["channel_name"])
    assert set(found.tags["channel_name"]) <= set(found.channels["channel_name"])


def test_inventory_of_no_channels_has_exact_schemas(sandbox, connection):
    found = kvs.inventory()
    assert (dtypes(found.channels), dtypes(found.tags), dtypes(found.coverage)) == tuple(
        dict(schema) for schema in (CHANNELS, TAGS, COVERAGE)
    )
    assert found.table().empty
    assert repr(found) == "<Inventory: 0 channels, 1 of 1 account-regions read>"


def test_two_roles_of_one_account_count_it_once(fleet, connection):
    found = kvs.inventory(role_arns=[ROLE, f"arn:aws:iam::{OTHER}:role/Writer"])
    assert len(found.coverage) == 1
    assert len(found.channels) == 5


# --- what is not read


def check_only_gap(found, account_id, region, word):
    assert {key: state for key, state in statuses(found).items() if state != "ok"} == {(account_id, region): word}
    assert found.coverage.query("status == 'ok'")["message"].isna().all()


def test_denied_account_region_is_only_gap(fleet, connection):
    fleet.deny("kinesisvideo:List*", region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    check_only_gap(found, "111122223333", "eu-west-1", "denied")
    assert set(found.channels["region"]) == {"us-east-1", "ap-southeast-2"}
    with pytest.raises(
        InventoryIncomplete, match=r"1 of 3 account-regions have a gap: 111122223333 eu-west-1: denied \(List"
    ):
        found.raise_for_failures()


def test_region_not_enabled_is_no_failure():
    with kvs.Sandbox(clock="stepped", assumptions=kvs.Assumptions(disabled_regions=("eu-west-1",))) as sandbox:
        found = kvs.inventory(regions=REGIONS, connection=sandbox.connection())
    check_only_gap(found, "111122223333", "eu-west-1", "region_disabled")
    found.raise_for_failures()


def test_account_region_throttled_forever_is_gap(fleet, connection, monkeypatch):
    monkeypatch.setattr("kvs_notebook.aws.rate_limit.LONGEST_WAIT_SECONDS", 0.01)
    fleet.faults.add("ListSignalingChannels", "throttle", times=None, region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    check_only_gap(found, "111122223333", "eu-west-1", "throttled")
    assert found.coverage.query("region == 'eu-west-1'")["throttles"].item() > 0


def test_account_region_throttled_briefly_is_read(fleet, connection):
    fleet.faults.add("ListSignalingChannels", "throttle", times=3, region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    found.raise_for_failures()
    assert found.coverage.query("region == 'eu-west-1'")["throttles"].item() == 3


def test_account_region_throttled_30_seconds_is_unknown_not_removed(fleet, connection, monkeypatch, tmp_path):
    kvs.save_snapshot(kvs.inventory(regions=REGIONS), tmp_path)
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        if sum(waited) >= 30:
            fleet.faults.clear()

    monkeypatch.setattr("kvs_notebook.aws.connection.RateLimiter", partial(rate_limit.RateLimiter, sleep=sleep))
    fleet.faults.add("ListSignalingChannels", "throttle", times=None, region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    check_only_gap(found, "111122223333", "eu-west-1", "throttled")
    assert found.coverage.query("region == 'eu-west-1'")["throttles"].item() == rate_limit.MAX_ATTEMPTS
    assert len(found.channels) == 17
    changes = kvs.compare_snapshots(tmp_path, after=found)
    assert changes[["region", "change", "after"]].to_numpy().tolist() == [["eu-west-1", "unknown", "throttled"]]


def test_hanging_account_region_is_given_up(fleet, connection):
    fleet.faults.add("ListSignalingChannels", "delay", times=None, seconds=20, region="eu-west-1")
    found = kvs.inventory(regions=REGIONS, unit_timeout=2)
    check_only_gap(found, "111122223333", "eu-west-1", "error")
    assert found.gaps["error_code"].item() == "TimedOut"


def test_slow_account_region_that_replies_is_read(fleet, connection):
    fleet.faults.add("ListTagsForResource", "delay", times=None, seconds=2)
    began = time.monotonic()
    found = kvs.inventory(tags="each", unit_timeout=3)  # 11 channels, 8 at a time
    assert time.monotonic() - began > 3
    found.raise_for_failures()
    assert found.tags.equals(kvs.inventory(tags="bulk").tags)


def test_account_region_with_hanging_tags_keeps_channels(fleet, connection):
    fleet.faults.add("GetResources", "delay", times=None, seconds=20, region="eu-west-1")
    found = kvs.inventory(regions=REGIONS, unit_timeout=2)
    row = found.coverage.query("region == 'eu-west-1'")
    assert row[["status", "error_code", "tags_source", "channels"]].to_numpy().tolist() == [
        ["ok", "TimedOut", "failed", 9]
    ]
    assert row["calls"].item() == 2
    assert row["seconds"].item() > 2
    assert len(found.channels.query("region == 'eu-west-1'")) == 9
    assert found.gaps["region"].tolist() == ["eu-west-1"]


def test_given_up_account_region_makes_no_further_calls(sandbox, connection):
    for number in range(20):
        kvs.create_channel(f"camera-{number:02}", wait=False)
    sandbox.faults.add("ListTagsForResource", "delay", times=None, seconds=2)
    found = kvs.inventory(tags="each", unit_timeout=1)
    assert found.gaps["error_code"].tolist() == ["TimedOut"]
    join_threads("kvs-inventory_", "kvs-notebook_")
    assert sandbox.requests["operation"].tolist().count("ListTagsForResource") == concurrency.THREADS


def test_session_is_released_after_giving_up(fleet, connection, monkeypatch):
    released = []
    monkeypatch.setattr(ConnectionFactory, "release", lambda _, account: released.append(account))
    fleet.faults.add("ListSignalingChannels", "delay", times=None, seconds=3)
    kvs.inventory(unit_timeout=1)
    assert released == [Account()]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), None, "300"])
def test_unit_timeout_not_above_zero_is_rejected(sandbox, connection, seconds):
    with pytest.raises(InvalidInput, match=r"unit_timeout=.* is not valid. Expected seconds above 0"):
        kvs.inventory(unit_timeout=seconds)
    assert len(sandbox.requests) == 0


def test_hanging_account_regions_do_not_block_others(fleet, connection, monkeypatch):
    monkeypatch.setattr(collector, "THREADS", 2)
    slow = ["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"]
    for region in slow:
        fleet.faults.add("ListSignalingChannels", "delay", times=None, seconds=20, region=region)
    found = kvs.inventory(regions=[*slow, "us-east-1", "us-west-2", "ap-southeast-2"], unit_timeout=1.5)
    assert set(found.gaps["region"]) == set(slow)
    assert set(found.gaps["error_code"]) == {"TimedOut"}
    assert len(found.channels.query("region == 'us-east-1'")) == 11


def test_expired_credentials_end_inventory_with_one_warning(fleet, connection, monkeypatch):
    monkeypatch.setattr(collector, "THREADS", 1)
    fleet.faults.add("ListSignalingChannels", "expired", times=None, region="eu-west-1")
    with pytest.warns(UserWarning, match="The inventory ends early") as warned:
        found = kvs.inventory(regions=REGIONS)
    assert len(warned) == 1
    assert statuses(found) == {
        ("111122223333", "us-east-1"): "ok",
        ("111122223333", "eu-west-1"): "expired",
        ("111122223333", "ap-southeast-2"): "expired",
    }
    assert len(fleet.requests.query("region == 'ap-southeast-2'")) == 0


def test_revoked_key_is_expired_not_region_disabled(fleet, connection, monkeypatch):
    monkeypatch.setattr(collector, "THREADS", 1)
    listed = account_region.channel_infos

    def revoked_after_the_first(*arguments):
        infos = listed(*arguments)
        fleet.faults.add("*", "revoked", times=None)
        return infos

    monkeypatch.setattr(account_region, "channel_infos", revoked_after_the_first)
    with pytest.warns(UserWarning, match="The inventory ends early"):
        found = kvs.inventory(regions=REGIONS, tags="none")
    assert statuses(found) == {
        ("111122223333", "us-east-1"): "ok",
        ("111122223333", "eu-west-1"): "expired",
        ("111122223333", "ap-southeast-2"): "expired",
    }
    with pytest.raises(InventoryIncomplete, match="2 of 3 account-regions have a gap"):
        found.raise_for_failures()


def test_unknown_key_is_error_if_sts_fails(fleet, connection):
    assert connection.identity()  # known before STS fails
    fleet.faults.add("ListSignalingChannels", "revoked", times=None, region="eu-west-1")
    fleet.faults.add("GetCallerIdentity", "error", times=None)
    found = kvs.inventory(regions=REGIONS, connection=connection)
    check_only_gap(found, "111122223333", "eu-west-1", "error")


THIRD = "777788889999"
TWO_ROLES = [ROLE, ROLE.replace(OTHER, THIRD)]


@pytest.mark.parametrize("kind", ["expired", "revoked"])
def test_refused_role_ends_only_its_account(fleet, connection, monkeypatch, kind):
    monkeypatch.setattr(collector, "THREADS", 1)
    listed = account_region.channel_infos

    def refused_after_the_first(*arguments):
        infos = listed(*arguments)
        fleet.faults.add("*", kind, times=None, account_id=OTHER)
        return infos

    monkeypatch.setattr(account_region, "channel_infos", refused_after_the_first)
    with pytest.warns(UserWarning, match=f"No more is read of {ROLE}") as warned:
        found = kvs.inventory(role_arns=TWO_ROLES, regions=REGIONS, tags="none")
    assert len(warned) == 1
    assert statuses(found) == {
        (OTHER, "us-east-1"): "ok",
        (OTHER, "eu-west-1"): "expired",
        (OTHER, "ap-southeast-2"): "expired",
        **{(THIRD, region): "ok" for region in REGIONS},
    }


def test_role_that_fails_leaves_others_readable(fleet, connection, monkeypatch):
    monkeypatch.setattr(concurrency, "THREADS", 1)
    fleet.faults.add("GetCallerIdentity", "expired", times=None, account_id=OTHER)
    found = kvs.inventory(role_arns=TWO_ROLES, tags="none")
    assert dict(zip(found.coverage["account_id"], found.coverage["status"], strict=True)) == {
        OTHER: "expired",
        THIRD: "ok",
    }


def test_expired_profile_leaves_roles_readable(fleet, connection, monkeypatch):
    monkeypatch.setattr(collector, "THREADS", 1)
    for name, value in fleet.environment({}).items():
        monkeypatch.setenv(name, value)
    fleet.faults.add("ListSignalingChannels", "expired", times=None, account_id="111122223333")
    with pytest.warns(UserWarning, match="No more is read of sandbox"):
        found = kvs.inventory(profiles=["sandbox"], role_arns=[ROLE], regions=REGIONS[:2], tags="none")
    assert statuses(found) == {
        ("111122223333", "us-east-1"): "expired",
        ("111122223333", "eu-west-1"): "expired",
        (OTHER, "us-east-1"): "ok",
        (OTHER, "eu-west-1"): "ok",
    }
    assert len(fleet.requests.query("operation == 'ListSignalingChannels' and account_id == '111122223333'")) == 1


def test_expired_base_stops_assuming_further_roles(fleet, connection):
    for operation in ("AssumeRole", "GetCallerIdentity"):
        fleet.faults.add(operation, "expired", times=None)
    roles = [f"arn:aws:iam::{number:012}:role/Reader" for number in range(1, 61)]
    with pytest.warns(UserWarning, match="The inventory ends early") as warned:
        found = kvs.inventory(role_arns=roles)
    assert len(warned) == 1
    assert found.coverage["status"].tolist() == ["expired"] * 60
    assert found.coverage["account_id"].tolist() == [f"{number:012}" for number in range(1, 61)]
    assert len(fleet.requests.query("operation == 'AssumeRole'")) <= 2 * concurrency.THREADS


def test_tags_are_read_each_if_bulk_is_denied(fleet, connection):
    fleet.deny("tag:GetResources", region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    found.raise_for_failures()
    assert found.coverage.set_index("region")["tags_source"].to_dict() == {
        "ap-southeast-2": "bulk",
        "eu-west-1": "each",
        "us-east-1": "bulk",
    }
    assert found.tags.equals(kvs.inventory(regions=REGIONS, tags="each").tags)


def test_unreadable_tags_are_gap_and_channels_are_kept(fleet, connection):
    fleet.deny("tag:*", region="eu-west-1")
    fleet.deny("kinesisvideo:ListTags*", region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    assert len(found.channels) == 26
    assert found.gaps[["region", "status", "tags_source"]].to_numpy().tolist() == [["eu-west-1", "ok", "failed"]]
    with pytest.raises(InventoryIncomplete, match="eu-west-1: tags"):
        found.raise_for_failures()


def test_channel_deleted_before_its_tags_are_read_has_none(sandbox, connection, monkeypatch):
    for name in ("a", "b", "c"):
        kvs.create_channel(name, tags={"Site": "hq"})
    listed = account_region.channel_infos

    def list_then_delete_one(*args, **options):
        channels = listed(*args, **options)
        kvs.delete_channel("b", wait=True, connection=sandbox.connection())
        return channels

    monkeypatch.setattr(account_region, "channel_infos", list_then_delete_one)
    found = kvs.inventory(tags="each")
    found.raise_for_failures()
    assert found.channels["channel_name"].tolist() == ["a", "b", "c"]
    assert found.tags["channel_name"].tolist() == ["a", "c"]


def test_changes_between_pages_neither_hide_nor_duplicate_channels(tmp_path):
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(max_page_size=3, deleting_seconds=0)) as sandbox:
        sandbox.seed(12)
        connection, other = sandbox.connection(), sandbox.connection()
        kvs.save_snapshot(kvs.inventory(connection=connection), tmp_path, date="2026-01-05")
        to_do = [
            lambda: kvs.delete_channel(
                "device-0000001", wait=True, connection=other
            ),  # shifts the boundary between pages
            lambda: kvs.delete_channel("device-0000008", wait=True, connection=other),  # not listed yet
            lambda: kvs.create_channel("a-newcomer", connection=other),
        ]

        def between_pages(**_):
            if to_do:
                to_do.pop(0)()

        events = connection.config.session.open().events
        events.register("after-call.kinesis-video.ListSignalingChannels", between_pages)
        found = kvs.inventory(connection=connection)
        assert not to_do
        found.raise_for_failures()
        rest = {f"device-{number:07}" for number in range(12)} - {"device-0000001", "device-0000008"}
        names = found.channels["channel_name"]
        assert names.is_unique
        assert rest <= set(names) <= rest | {"device-0000001", "a-newcomer"}
        assert found.coverage["channels"].tolist() == [len(names)]
        changed = kvs.compare_snapshots(tmp_path, after=found)
        assert changed.loc[changed["change"] == "removed", "channel_name"].tolist() == ["device-0000008"]


def test_failed_account_has_coverage_row_without_region(fleet, connection):
    fleet.deny("sts:AssumeRole")
    found = kvs.inventory(role_arns=[ROLE])
    assert found.coverage[["account_id", "status"]].to_numpy().tolist() == [[OTHER, "denied"]]
    assert found.coverage["region"].isna().all()


def test_failed_accounts_are_each_named(fleet, connection, monkeypatch):
    fleet.faults.add("GetCallerIdentity", "expired", times=None)
    for name, value in fleet.environment({}).items():
        monkeypatch.setenv(name, value)
    config = pathlib.Path(os.environ["AWS_CONFIG_FILE"])
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config.with_name("two")))
    text = config.read_text()
    config.with_name("two").write_text(text.replace("[profile sandbox]", "[profile lab]") + "\n" + text)
    with pytest.warns(UserWarning, match="The inventory ends early"):
        found = kvs.inventory(profiles=["lab", "sandbox"], role_arns=[ROLE.replace(OTHER, "000000000000")])
    with pytest.raises(InventoryIncomplete) as raised:
        found.raise_for_failures()
    assert "nan" not in str(raised.value)
    named = describe_gaps(found)
    assert [label for label, _ in named] == ["an account", "an account", "000000000000"]
    assert [message.partition(":")[0] for _, message in named[:2]] == ["lab", "sandbox"]


@pytest.fixture
def profiles(fleet, monkeypatch, tmp_path):
    """A function that adds a profile to the sandbox's own, which is the current connection."""
    for name, value in fleet.environment({}).items():
        monkeypatch.setenv(name, value)
    config = tmp_path / "config"
    config.write_text(pathlib.Path(os.environ["AWS_CONFIG_FILE"]).read_text())
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    kvs.connect("sandbox", region="us-east-1")

    def add(name, *lines):
        with config.open("a") as file:
            file.write("\n".join(["", f"[profile {name}]", "region = us-east-1", *lines, ""]))

    return add


@pytest.mark.parametrize(
    "lines",
    [
        ["credential_process = /nowhere/to/be/found"],
        ["web_identity_token_file = /nowhere", f"role_arn = {ROLE}"],
        ["source_profile = missing", f"role_arn = {ROLE}"],
    ],
    ids=["no program", "no token", "no source"],
)
def test_unusable_profile_is_gap_and_others_are_read(profiles, lines):
    profiles("lab", *lines)
    found = kvs.inventory(profiles=["sandbox", "lab"])
    assert len(found.channels) == 11
    assert found.gaps["status"].tolist() == ["expired"]
    assert found.gaps["message"].item().startswith("lab: ")
    assert found.gaps["message"].item().endswith("correct the profile, and call again.")


def test_profile_with_unexpected_error_is_gap(profiles, monkeypatch):
    profiles("lab", "source_profile = sandbox", f"role_arn = {ROLE}", "mfa_serial = arn:aws:iam::444455556666:mfa/me")
    monkeypatch.setattr("sys.stdin", io.StringIO())  # no user can type the code
    monkeypatch.setattr("os.open", open_without_terminal(os.open))
    with warnings.catch_warnings(action="ignore"):  # getpass warns of the missing terminal
        found = kvs.inventory(profiles=["sandbox", "lab"])
    assert len(found.channels) == 11
    assert found.gaps["message"].item().startswith("lab: GetCallerIdentity failed: EOFError.")


def test_gap_message_starts_with_profile(profiles):
    profiles("sso", "credential_process = /nowhere/to/be/sso")
    assert kvs.inventory(profiles=["sandbox", "sso"]).gaps["message"].item().startswith("sso: ")


def test_account_name_is_of_first_role(fleet, connection):
    frame = pd.DataFrame(
        {
            "account_id": [OTHER] * 2,
            "role_arn": [ROLE, ROLE.replace("Reader", "Writer")],
            "account_name": ["Lab", "Attic"],
        }
    )
    assert kvs.inventory(accounts=frame).account_names == {OTHER: "Lab"}


@pytest.mark.parametrize("kind", [pd.Series, pd.Index, np.array, tuple, iter], ids=str)
def test_regions_and_roles_accept_any_iterable(fleet, connection, kind):
    found = kvs.inventory(role_arns=kind([ROLE]), regions=kind(REGIONS[:2]))
    assert statuses(found) == {(OTHER, region): "ok" for region in REGIONS[:2]}


def test_credentials_expiring_during_tags_end_inventory(fleet, connection, monkeypatch):
    monkeypatch.setattr(collector, "THREADS", 1)
    fleet.faults.add("GetResources", "expired", times=None)
    with pytest.warns(UserWarning, match="The inventory ends early"):
        found = kvs.inventory(regions=REGIONS)
    assert found.coverage[["region", "status", "tags_source"]].to_numpy().tolist() == [
        ["ap-southeast-2", "expired", "none"],
        ["eu-west-1", "expired", "none"],
        ["us-east-1", "ok", "failed"],
    ]
    assert len(found.channels) == 11
    assert "ListTagsForResource" not in set(fleet.requests["operation"])


def test_broken_executor_keeps_what_was_read(fleet, connection, monkeypatch):
    class Broken(ThreadPoolExecutor):
        left = 1

        def submit(self, *arguments):
            if not self.left:
                raise BrokenExecutor("A child process terminated abruptly.")
            self.left -= 1
            return super().submit(*arguments)

    monkeypatch.setattr(ConnectionFactory, "for_workers", ConnectionFactory.in_process)
    with Broken(1) as pool:
        found = kvs.inventory(regions=REGIONS, executor=pool)
    assert sorted(found.coverage["error_code"].fillna("none")) == ["BrokenExecutor", "BrokenExecutor", "none"]
    assert len(found.channels) > 0


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_during_discovery_returns_coverage(fleet, connection, monkeypatch):
    account_details = discovery._account_details

    def pressed(*arguments):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        deadline = time.monotonic() + 20
        while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # it was recorded
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return account_details(*arguments)

    monkeypatch.setattr(concurrency, "THREADS", 1)
    monkeypatch.setattr(discovery, "_account_details", pressed)
    found = kvs.inventory(role_arns=[ROLE.replace(OTHER, f"{number:012}") for number in range(20)])
    assert set(found.coverage["error_code"]) == {"Interrupted"}
    assert len(found.coverage) == 20
    assert sum(found.coverage["region"].isna()) == 19


def test_profile_of_another_account_is_rejected(fleet, connection, tmp_path):
    environment = fleet.environment({})
    script = """
import sys
import kvs_notebook as kvs
path = sys.argv[1]
open(path, "w").write("account_id,profile\\n999999999999,sandbox\\n")
print(kvs.inventory(accounts=path).coverage["message"].item())
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "accounts.csv")],
        env={**environment, "PATH": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (
        done.stdout.strip()
        == "sandbox belongs to account 111122223333, not to 999999999999. Correct the accounts file."
    )


def test_ctrl_c_returns_what_was_read(fleet, connection, monkeypatch):
    fleet.faults.add("ListSignalingChannels", "delay", times=None, seconds=20, region="eu-west-1")
    waited = collector.wait

    def interrupted(futures, *args):
        done = waited(futures, *args)
        if len(futures) - len(done.done) == 1 and not done.done:  # all but the one that hangs have finished
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(collector, "wait", interrupted)
    found = kvs.inventory(regions=REGIONS)
    check_only_gap(found, "111122223333", "eu-west-1", "error")
    assert found.gaps["error_code"].item() == "Interrupted"


def test_ctrl_c_during_tags_keeps_channels_and_stops_calls(sandbox, connection, monkeypatch):
    for number in range(20):
        kvs.create_channel(f"camera-{number:02}", wait=False)
    sandbox.faults.add("ListTagsForResource", "delay", times=None, seconds=2)
    waited = collector.wait

    def interrupted(*args):
        if any(thread.name.startswith("kvs-notebook_") for thread in threading.enumerate()):  # those that read tags
            raise KeyboardInterrupt
        return waited(*args)

    monkeypatch.setattr(collector, "wait", interrupted)
    found = kvs.inventory(tags="each")
    row = found.coverage[["status", "error_code", "tags_source", "channels"]]
    assert row.to_numpy().tolist() == [["ok", "Interrupted", "failed", 20]]
    assert len(found.channels) == 20
    join_threads("kvs-inventory_", "kvs-notebook_")
    assert sandbox.requests["operation"].tolist().count("ListTagsForResource") <= concurrency.THREADS


@pytest.fixture
def ctrl_c():
    """Restore the SIGINT handler of a terminal: a shell starts background processes with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_leaves_channels_and_coverage_consistent(fleet, connection, monkeypatch):
    append = FrameBuffer.append

    def press_and_append(buffer, items):
        if not pressed:
            pressed.append(os.kill(os.getpid(), signal.SIGINT))
        append(buffer, items)

    pressed: list[None] = []
    monkeypatch.setattr(FrameBuffer, "append", press_and_append)
    monkeypatch.setattr(collector, "THREADS", 1)
    found = kvs.inventory(regions=REGIONS)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert found.coverage["region"].tolist() == sorted(REGIONS)
    read = found.coverage.query("status == 'ok'")
    assert 0 < len(read) < len(REGIONS)
    assert read["channels"].sum() == len(found.channels) > 0
    assert set(found.gaps["error_code"]) == {"Interrupted"}


def test_ctrl_c_keeps_finished_account_regions(fleet, connection, monkeypatch):
    waited = collector.wait

    def until_all_have_answered(futures, *_):
        waited(futures)
        raise KeyboardInterrupt

    monkeypatch.setattr(collector, "wait", until_all_have_answered)
    found = kvs.inventory(regions=REGIONS)
    found.raise_for_failures()
    assert len(found.channels) == 26


# --- executors


def test_executor_rejects_connection_with_local_credentials(fleet, connection):
    with ThreadPoolExecutor(1) as pool, pytest.raises(InvalidInput, match="credentials stay in this process"):
        kvs.inventory(executor=pool)


# --- files


def test_files_of_table_and_coverage_are_written(fleet, connection, tmp_path):
    found = kvs.inventory(regions=REGIONS)
    found.to_csv(tmp_path / "fleet.csv")
    assert kvs.read_csv(tmp_path / "fleet.csv").equals(found.table())
    coverage = kvs.read_csv(tmp_path / "fleet-coverage.csv")
    assert coverage.drop(columns="seconds").equals(found.coverage.drop(columns="seconds"))
    found.to_parquet(tmp_path / "fleet.parquet")
    assert pd.read_parquet(tmp_path / "fleet-coverage.parquet")["status"].tolist() == ["ok"] * 3


@pytest.mark.parametrize("space_for", ["nothing", "coverage"])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_full_disk_leaves_older_files_unchanged(fleet, connection, tmp_path, form, space_for):
    found = kvs.inventory(regions=REGIONS)
    write = getattr(found, f"to_{form}")
    write(tmp_path / f"fleet.{form}")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    limit = {"nothing": 64, "coverage": len(before[f"fleet-coverage.{form}"])}[space_for]
    assert limit < len(before[f"fleet.{form}"])
    found.coverage["seconds"] = 0.0  # so that the next coverage differs and is not longer
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, allowed[1]))  # as if the disk had that much space left
    try:
        with pytest.raises(ExportFailed, match="what was there before is unchanged"):
            write(tmp_path / f"fleet.{form}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "wrong", [{"tags": "all"}, {"regions": "us-east-1"}, {"regions": []}, {"prefix": "a b"}, {"role_arns": ["Reader"]}]
)
def test_invalid_arguments_are_rejected_before_any_request(sandbox, connection, wrong):
    with pytest.raises(InvalidInput):
        kvs.inventory(**wrong)
    assert sandbox.requests.empty


def test_inventory_leaves_no_thread(fleet, connection):
    kvs.inventory(regions=REGIONS)
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("kvs-inventory") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
