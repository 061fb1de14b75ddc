"""Applying a plan: what is sent, what is refused before anything is sent, and the outcome after a fault."""

from __future__ import annotations

import io
import random
import signal
import subprocess
import sys
import threading
import time

import boto3
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.identity import Identity
from kvs_notebook.plans import channel_applier, journal, run
from kvs_notebook.plans.folder_lock import lock_folder
from kvs_notebook.plans.step_records import OUTCOMES
from kvs_notebook.plans.steps import Step
from kvs_notebook.sandbox.backend.faults import Fault, Faults
from tests.connections import connect_session
from tests.plans.scenarios import (
    ACCOUNT,
    OTHER_ACCOUNT,
    REGION,
    apply,
    changes_sent,
    create_plan,
    delete_plan,
    fleet_state,
    outcomes,
    place,
    tag_plan,
    tag_steps,
)

ROLE = f"arn:aws:iam::{OTHER_ACCOUNT}:role/Changer"


@pytest.fixture
def channels(sandbox, connection):
    sandbox.seed(8)
    return kvs.list_channels()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "changes"


# --- what is done


def test_result_has_schema_and_arn_of_created_channel(sandbox, connection, folder):
    applied = apply(create_plan(["front-door"], ttl="30", Site="hq"), folder)
    assert outcomes(applied) == ["done", "done"]
    assert set(applied.result["channel_arn"]) == {kvs.describe_channel("front-door")["channel_arn"].item()}
    assert (applied.result["finished"] >= applied.result["started"]).all()
    assert kvs.read_csv(folder / "result.csv").equals(applied.result)
    assert fleet_state() == {"front-door": (30, {"tag:Site": "hq"})}
    assert applied.counts == dict.fromkeys(OUTCOMES, 0) | {"done": 2}
    applied.raise_for_failures()


def test_applied_plan_names_its_outcome_and_not_how_to_apply(channels, folder):
    plan = tag_plan(channels)
    plan.save(folder)
    assert "\nTo apply: kvs.apply_plan(" in repr(plan)
    apply(plan, folder)
    for shown in (plan, kvs.plans.read(folder)):
        assert repr(shown).endswith(f"\nApplied: 8 done. The outcome of each step: {folder / 'result.csv'}")
        assert "To apply" not in repr(shown) + shown._repr_html_()
    (folder / "result.csv").unlink()  # as after a process that was killed during the run
    assert repr(plan).endswith(f"\nA run has begun. To continue: kvs.resume_plan({str(folder)!r})")


def test_plan_that_was_applied_in_part_counts_its_outcomes(channels, sandbox, folder):
    plan = tag_plan(channels)
    plan.save(folder)
    sandbox.faults.add("TagResource", "denied", times=3)
    applied = apply(plan, folder)
    counted = ", ".join(f"{count} {outcome}" for outcome, count in applied.counts.items() if count)
    assert len([count for count in applied.counts.values() if count]) > 1
    assert f"\nApplied: {counted}. The outcome of each step: " in repr(plan)


@pytest.mark.parametrize("content", ["", "step,result\n1,done\n", "outcome\n\n", "\xff", '"'], ids=repr)
def test_damaged_result_is_not_counted(channels, folder, content):
    plan = tag_plan(channels)
    apply(plan, folder)
    (folder / "result.csv").write_bytes(content.encode("latin-1"))
    assert repr(plan).endswith(f"\nApplied in full or in part. The outcome of each step: {folder / 'result.csv'}")


def test_same_plan_applied_twice_is_already_done(channels, sandbox, folder, tmp_path):
    plan = tag_plan(channels)
    apply(plan, folder)
    seen = len(sandbox.requests)
    assert outcomes(apply(plan, tmp_path / "again")) == ["already_done"] * 8
    assert changes_sent(sandbox, seen) == {}
    assert len(kvs.plans.undo(tmp_path / "again")) == 0


def test_one_call_sets_all_tags_of_a_channel(channels, sandbox, folder):
    row = channels.iloc[0]
    steps = [Step(*place(row), "tag", f"tag:K{number}", None, "v") for number in range(20)]
    apply(kvs.plans.Plan(steps, source="a test"), folder)
    assert changes_sent(sandbox) == {("TagResource", row["channel_name"]): 1}


def test_full_channel_loses_old_key_before_new_one(sandbox, connection, folder):
    kvs.create_channel("full", tags={f"K{number}": "v" for number in range(50)})
    row = kvs.describe_channel("full").iloc[0]
    steps = [Step(*place(row), "tag", "tag:New", None, "v"), Step(*place(row), "untag", "tag:K0", "v", None)]
    assert outcomes(apply(kvs.plans.Plan(steps, source="a test"), folder)) == ["done", "done"]
    assert sandbox.requests.query("operation in ('TagResource', 'UntagResource')")["operation"].tolist() == [
        "UntagResource",
        "TagResource",
    ]


def test_name_of_a_deleting_channel_is_created_when_free(channels, folder, tmp_path):
    apply(delete_plan(channels.head(2)), folder)
    applied = apply(kvs.plans.undo(folder), tmp_path / "undo")
    assert outcomes(applied) == ["done", "done"]
    assert "another ARN" in str(kvs.plans.undo(folder).notes)
    assert set(fleet_state()) == set(channels["channel_name"])


def test_busy_channel_is_changed_when_it_is_active(channels, folder):
    row = kvs.update_channel(channels.iloc[0], message_ttl_seconds=30, wait=False).iloc[0]
    plan = kvs.plans.Plan([Step(*place(row), "update", "message_ttl_seconds", "30", "90")], source="a test")
    assert outcomes(apply(plan, folder)) == ["done"]


def test_several_accounts_are_changed_by_their_change_role(channels, sandbox, folder, tmp_path):
    sandbox.seed(3, account_id=OTHER_ACCOUNT, region="eu-west-1")
    there = sandbox.connection(OTHER_ACCOUNT, region="eu-west-1")
    both = [channels, kvs.list_channels(connection=there)]
    steps = [step for frame in both for step in tag_steps(frame, value="x")]
    accounts = tmp_path / "accounts.csv"
    accounts.write_text(
        "account_id,role_arn,change_role_arn\n"
        f"{OTHER_ACCOUNT},{ROLE.replace('Changer', 'Reader')},{ROLE}\n"
        f"{ACCOUNT},arn:aws:iam::{ACCOUNT}:role/Reader,\n"
    )
    applied = apply(kvs.plans.Plan(steps, source="a test"), folder, accounts=accounts)
    assert outcomes(applied) == ["done"] * 11
    assert ":assumed-role/Changer/" in (folder / "meta.json").read_text()
    assert set(kvs.list_tags(kvs.list_channels(connection=there), connection=there)["value"]) == {"x"}


def test_device_list_is_joined_with_arns_and_outcomes(sandbox, connection, folder, tmp_path):
    kvs.create_channel("old", message_ttl_seconds=60, tags={"Site": "hq"})
    kvs.create_channel("changed", tags={"Site": "hq"})
    devices = tmp_path / "devices.csv"
    devices.write_text("serial,unit,tag:Site\n'007,old,hq\n'008,changed,annex\n'009,new,hq\n'010,no good,hq\n")
    plan = kvs.plans.ensure(devices, kvs.list_channels(tags=True), name_column="unit")
    applied = apply(plan, folder)
    joined = applied.join(devices, name_column="unit")
    assert [*joined] == ["serial", "unit", "tag:Site", "channel_arn", "outcome", "message"]
    assert joined["serial"].tolist() == ["007", "008", "009", "010"]
    assert joined["outcome"].tolist() == ["unchanged", "done", "done", "refused"]
    arns = kvs.list_channels().set_index("channel_name")["channel_arn"]
    assert joined["channel_arn"].iloc[:3].tolist() == [arns["old"], arns["changed"], arns["new"]]
    assert "no good" in joined["message"].iloc[3]
    again = apply(kvs.plans.ensure(devices, kvs.list_channels(tags=True), name_column="unit"), tmp_path / "again")
    assert len(again.result) == 0
    assert again.join(devices, name_column="unit")["outcome"].tolist() == ["unchanged"] * 3 + ["refused"]


# --- what is refused before anything is sent


def test_wrong_phrase_shows_right_counts_and_sends_nothing(channels, sandbox, folder):
    seen = len(sandbox.requests)
    for confirm in (None, "", "change 7 in 111122223333 us-east-1", "Change 8 in 111122223333 us-east-1"):
        with pytest.raises(errors.InvalidInput, match="change 8 in 111122223333 us-east-1") as raised:
            kvs.apply_plan(tag_plan(channels), folder, confirm=confirm)
        assert "nothing was sent" in str(raised.value)
    assert len(sandbox.requests) == seen
    assert not folder.exists()


@pytest.mark.draw(2)
@pytest.mark.parametrize(
    ("limits", "needed"),
    [
        ({"max_delete": 0}, "max_delete=2"),
        ({"max_delete": 1}, "max_delete=2"),
        ({"max_share": 0.1}, "max_share=0.25"),
        ({"max_share": 0}, "max_share=0.25"),
    ],
)
def test_limits_name_the_value_that_allows_the_plan(channels, sandbox, folder, limits, needed):
    with pytest.raises(errors.InvalidInput, match=needed):
        apply(delete_plan(channels.head(2)), folder, **limits)
    assert changes_sent(sandbox) == {}
    assert not (folder / "journal.jsonl").exists()
    name, value = needed.split("=")
    allowed = {"max_delete": 2, "max_share": 1, **limits, name: float(value) if "." in value else int(value)}
    assert outcomes(apply(delete_plan(channels.head(2)), folder, **allowed)) == ["done", "done"]


def test_limit_out_of_range_is_refused(channels, folder):
    plan = tag_plan(channels)
    for name, value in (
        ("max_delete", -1),
        ("max_delete", True),
        ("max_share", 1.1),
        ("max_share", "1"),
        ("canary", -1),
        ("stop_after", 0),
    ):
        with pytest.raises(errors.InvalidInput, match=f"{name}="):
            apply(plan, folder, **{name: value})


def test_read_only_connection_names_line_that_allows_changes(channels, sandbox, folder):
    credentials = sandbox.connection().client()._request_signer._credentials
    session = boto3.Session(aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key)
    real = connect_session(session, REGION, endpoint_url=sandbox.endpoint_url)
    real._known.identity = Identity(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/alice", "AIDA")  # not the sandbox's own user
    plan = tag_plan(channels)
    with pytest.raises(errors.ReadOnly, match="confirm='change 8 in 111122223333 us-east-1', allow_changes=True"):
        apply(plan, folder, connection=real)
    assert changes_sent(sandbox) == {}
    assert outcomes(apply(plan, folder, connection=real, allow_changes=True)) == ["done"] * 8
    assert not real.config.allow_changes


def test_plan_edited_by_hand_is_refused(channels, sandbox, folder):
    plan = tag_plan(channels)
    plan.save(folder)
    (folder / "plan.csv").write_text((folder / "plan.csv").read_text().replace("annex", "other", 1))
    with pytest.raises(errors.DamagedFile, match="was changed since the plan was saved"):
        apply(plan, folder)
    assert changes_sent(sandbox) == {}


def test_folder_of_another_plan_or_run_is_refused(channels, sandbox, folder):
    plan = tag_plan(channels)
    with pytest.raises(errors.InvalidInput, match="holds no plan"):
        kvs.resume_plan(folder)
    plan.save(folder)
    with pytest.raises(errors.InvalidInput, match="was not applied yet"):
        kvs.resume_plan(folder)
    with pytest.raises(errors.InvalidInput, match="was not applied"):
        kvs.plans.undo(folder)
    with pytest.raises(errors.InvalidInput, match="holds another plan"):
        apply(tag_plan(channels, value="other"), folder)
    apply(plan, folder)
    seen = len(sandbox.requests)
    with pytest.raises(errors.InvalidInput, match="kvs.resume_plan"):
        apply(plan, folder)
    assert len(sandbox.requests) == seen


def test_second_process_on_a_folder_is_refused(channels, sandbox, folder):
    plan = tag_plan(channels)
    plan.save(folder)
    with lock_folder(folder), pytest.raises(errors.InvalidInput, match="is being applied by another process"):
        apply(plan, folder)
    assert changes_sent(sandbox) == {}
    assert outcomes(apply(plan, folder)) == ["done"] * 8


NOT_SENT = [
    (("update", "message_ttl_seconds", "60", "900"), "5 to 120"),
    (("update", "tag:Site", None, "x"), "is not one that update changes"),
    (("tag", "tag:aws:x", None, "x"), "reserved by AWS"),
    (("untag", "tag:Site", "x", "y"), "after has to be given"),
    (("tag", "tag:Site", None, None), "after has to be given"),
    (("create", "message_ttl_seconds", None, "60"), "channel_arn has to be given"),
    (("remove", "tag:Site", "x", None), "is not one of create, update"),
]


def test_step_that_cannot_be_sent_is_named(channels, sandbox, tmp_path):
    for number, (values, reason) in enumerate(NOT_SENT):
        plan = kvs.plans.Plan([Step(*place(channels.iloc[0]), *values)], source="made by hand")
        with pytest.raises(errors.InvalidInput, match=f"Step 1 .*{reason}"):
            apply(plan, tmp_path / str(number))
    assert changes_sent(sandbox) == {}


def test_steps_that_exclude_each_other_are_refused(channels, folder):
    row = channels.iloc[0]
    steps = [Step(*place(row), "delete"), Step(*place(row), "tag", "tag:Site", None, "x")]
    with pytest.raises(errors.InvalidInput, match="exclude each other"):
        apply(kvs.plans.Plan(steps, source="made by hand"), folder)


# --- conflicts


def test_conflict_names_both_values_and_other_steps_go_on(channels, folder):
    row = channels.iloc[0]
    kvs.tag_channel(row, {"Site": "elsewhere"})
    steps = [Step(*place(row), "tag", "tag:Site", "hq", "annex"), Step(*place(row), "tag", "tag:Owner", None, "ops")]
    applied = apply(kvs.plans.Plan(steps, source="a test"), folder)
    assert applied.result.set_index("column")["outcome"].to_dict() == {"tag:Owner": "done", "tag:Site": "conflict"}
    assert "'elsewhere' now, and was 'hq'" in applied.result.query("outcome == 'conflict'")["message"].item()
    assert "1 done, 1 conflict" in str(applied)
    with pytest.raises(
        errors.PlanIncomplete,
        match=r"^Not done: 1 of 2 steps \(1 conflict\)\. The first one is tag Site, for \S+: tag:Site is",
    ):
        applied.raise_for_failures()


@pytest.mark.parametrize("again", [True, False])
def test_recreated_or_deleted_channel_is_never_redirected(channels, sandbox, folder, tmp_path, again):
    row = channels.iloc[0]
    plans = [tag_plan(channels.head(1)), delete_plan(channels.head(1))]
    kvs.delete_channel(row, wait=True)
    if again:
        kvs.create_channel(row["channel_name"])
    seen = len(sandbox.requests)
    tagged, deleted = (apply(plan, tmp_path / str(number)) for number, plan in enumerate(plans))
    assert outcomes(tagged) == ["conflict"]
    assert ("another one has its name" in tagged.result["message"].item()) is again
    assert outcomes(deleted) == ["conflict" if again else "already_done"]
    assert changes_sent(sandbox, seen) == {}


def test_delete_of_a_channel_changed_since_is_a_conflict(channels, sandbox, folder):
    plan = delete_plan(channels.head(1))
    kvs.update_channel(channels.iloc[0], message_ttl_seconds=99)
    seen = len(sandbox.requests)
    assert outcomes(apply(plan, folder)) == ["conflict"]
    assert changes_sent(sandbox, seen) == {}


def test_change_overwritten_before_closing_read_is_a_conflict(channels, folder, monkeypatch):
    verify = run.AccountRegionRun._verify

    def overwrite(unit):
        kvs.tag_channel(channels.iloc[7], {"Site": "elsewhere"})
        verify(unit)

    monkeypatch.setattr(run.AccountRegionRun, "_verify", overwrite)
    applied = apply(tag_plan(channels), folder)
    assert outcomes(applied) == ["done"] * 7 + ["conflict"]
    assert "another writer" in applied.result["message"].iloc[7]


# --- faults


@pytest.mark.parametrize("fault", ["expired", "denied"])
def test_refused_credentials_pause_one_region_and_resume_finishes(sandbox, connection, folder, fault):
    steps = []
    for region in ("us-east-1", "eu-west-1"):
        sandbox.seed(3, region=region)
        there = sandbox.connection(region=region)
        steps += tag_steps(kvs.list_channels(connection=there))
    sandbox.faults.add("TagResource", fault, times=None, region="eu-west-1")
    applied = apply(kvs.plans.Plan(steps, source="a test"), folder, canary=0)
    found = applied.result.groupby("region")["outcome"].unique().map(set).to_dict()
    assert found["us-east-1"] == {"done"}
    assert found["eu-west-1"] <= {"failed", "not_started"}
    assert any("eu-west-1: Paused" in note for note in applied.notes)
    sandbox.faults.clear()
    assert set(outcomes(kvs.resume_plan(folder))) == {"done"}


def test_account_without_connection_is_not_started(channels, sandbox, folder):
    step = Step(OTHER_ACCOUNT, REGION, "camera", None, "create", "message_ttl_seconds", None, "60")
    applied = apply(kvs.plans.Plan([*tag_steps(channels), step], source="a test"), folder)
    assert outcomes(applied) == ["done"] * 8 + ["not_started"]
    assert f"No connection reaches account {OTHER_ACCOUNT}" in applied.result["message"].iloc[8]
    resumed = kvs.resume_plan(folder, role_arns=[ROLE])
    assert outcomes(resumed) == ["done"] * 9


def test_region_stops_after_failures_and_is_named(sandbox, connection, folder):
    sandbox.seed(60)
    sandbox.faults.add("DescribeSignalingChannel", "throttle", times=None)
    applied = apply(tag_plan(kvs.list_channels()), folder, canary=0, stop_after=3)
    assert applied.counts["not_started"] > 20
    assert any("Stopped after" in note for note in applied.notes)
    assert "Stopped after" in applied.result.query("outcome == 'not_started'")["message"].iloc[0]


def test_failure_of_first_channels_stops_their_region(sandbox, connection, folder):
    sandbox.seed(10)
    sandbox.faults.add("TagResource", "throttle", times=8 * 2)
    applied = apply(tag_plan(kvs.list_channels()), folder, canary=2)
    assert applied.counts["not_started"] == 8
    assert "Stopped because" in applied.notes[0]
    assert outcomes(kvs.resume_plan(folder)) == ["done"] * 10


def test_random_faults_end_in_the_planned_fleet(channels, sandbox, folder, monkeypatch):
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    chance = random.Random(20)  # noqa: S311
    steps = [
        *(Step(*place(row), "tag", "tag:Site", None, "x") for row in channels.iloc[:4].to_dict("records")),
        *(
            Step(*place(row), "update", "message_ttl_seconds", "60", "90")
            for row in channels.iloc[2:6].to_dict("records")
        ),
        *(Step(*place(row), "delete") for row in channels.iloc[6:].to_dict("records")),
        *(Step(ACCOUNT, REGION, f"new-{n}", None, "create", "message_ttl_seconds", None, "30") for n in range(4)),
    ]
    take = Faults.take

    def faulty(faults, operation, caller):
        if operation == "GetCallerIdentity" or chance.random() > 0.2:
            return take(faults, operation, caller)
        return [Fault(chance.choice(["error", "throttle", "lost_reply", "reset"]))]

    monkeypatch.setattr(Faults, "take", faulty)
    applied = apply(kvs.plans.Plan(steps, source="a test"), folder, stop_after=100)
    for _ in range(10):
        if applied.incomplete.empty and not applied.notes:
            break
        applied = kvs.resume_plan(folder)
    assert set(outcomes(applied)) == {"done"}
    monkeypatch.setattr(Faults, "take", take)
    wanted = {name: (60, {}) for name in channels["channel_name"].iloc[:6]}
    for name in channels["channel_name"].iloc[:4]:
        wanted[name] = (60, {"tag:Site": "x"})
    for name in channels["channel_name"].iloc[2:6]:
        wanted[name] = (90, wanted[name][1])
    assert fleet_state() == wanted | {f"new-{number}": (30, {}) for number in range(4)}


class FullDisk(io.FileIO):
    """A file on a disk with few free bytes."""

    free_bytes = 2_000

    def write(self, data):
        if not FullDisk.free_bytes:
            raise OSError(28, "No space left on device")
        part = bytes(data)[: FullDisk.free_bytes]
        FullDisk.free_bytes -= len(part)
        return super().write(part)


@pytest.mark.draw(2)
@pytest.mark.parametrize("free_bytes", [0, 500, 900, 1500])
def test_full_disk_stops_sending_and_resume_finishes(channels, sandbox, folder, monkeypatch, free_bytes):
    with monkeypatch.context() as patched:
        patched.setattr(journal.io, "FileIO", FullDisk)
        FullDisk.free_bytes = free_bytes
        with pytest.raises(
            errors.ExportFailed, match="No space left on device; no further change is sent.*resume_plan"
        ):
            apply(tag_plan(channels), folder)
    sent = changes_sent(sandbox)
    assert len(sent) < 8
    assert outcomes(kvs.resume_plan(folder)) == ["done"] * 8
    assert set(changes_sent(sandbox).values()) == {1}


# --- Ctrl-C and kill


@pytest.fixture
def ctrl_c():
    """Restore the SIGINT handler of a terminal: a shell starts background processes with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_lets_calls_finish_and_writes_results(sandbox, connection, folder, ctrl_c, monkeypatch):
    sandbox.seed(40)
    attempt = channel_applier.ChannelApplier._attempt
    tried = []

    def press(applier, change):
        tried.append(change)
        if len(tried) == 10:
            ctrl_c()
            while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
                time.sleep(0.001)
        return attempt(applier, change)

    monkeypatch.setattr(channel_applier.ChannelApplier, "_attempt", press)
    applied = apply(tag_plan(kvs.list_channels()), folder)
    assert applied.interrupted
    assert set(outcomes(applied)) == {"done", "not_started"}
    assert kvs.read_csv(folder / "result.csv").equals(applied.result)
    assert outcomes(kvs.resume_plan(folder)) == ["done"] * 40


def test_second_ctrl_c_leaves_calls_in_flight_unknown(channels, sandbox, folder, ctrl_c, monkeypatch):
    sandbox.faults.add("TagResource", "delay", times=None, seconds=1)
    waited = run.wait

    def press_twice(futures, *arguments):
        if "started" in (folder / "journal.jsonl").read_text():
            ctrl_c()
            ctrl_c()
        return waited(futures, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(run, "wait", press_twice)
        applied = apply(tag_plan(channels), folder)
    assert applied.interrupted
    assert set(outcomes(applied)) == {"unknown", "not_started"}
    for thread in threading.enumerate():
        if thread.name.startswith("kvs-apply"):
            thread.join(30)
    sandbox.faults.clear()
    resumed = kvs.resume_plan(folder)
    assert outcomes(resumed) == ["done"] * 8
    assert set(changes_sent(sandbox).values()) == {1}


def test_signal_that_ends_the_process_sends_nothing_more(sandbox, connection, folder, monkeypatch):
    sandbox.seed(20)
    sandbox.faults.add("TagResource", "delay", times=None, seconds=0.5)
    waited = run.wait

    def end(futures, *arguments):
        if "started" in (folder / "journal.jsonl").read_text():
            raise SystemExit(143)
        return waited(futures, *arguments)

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(run, "wait", end)
        apply(tag_plan(kvs.list_channels()), folder)
    for thread in threading.enumerate():
        if thread.name.startswith("kvs-apply"):
            thread.join(30)
    assert len(changes_sent(sandbox)) <= 5
    sandbox.faults.clear()
    assert outcomes(kvs.resume_plan(folder)) == ["done"] * 20
    assert set(changes_sent(sandbox).values()) == {1}


CHILD = """
import sys, kvs_notebook as kvs
plan = kvs.plans.read(sys.argv[1])
kvs.apply_plan(plan, sys.argv[1], confirm=plan.confirmation)
"""


def test_killed_process_is_resumed(sandbox, connection, folder, project_root):
    sandbox.seed(40)
    tag_plan(kvs.list_channels()).save(folder)
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], env=sandbox.environment(), cwd=project_root)
    deadline = time.monotonic() + 60
    log = folder / "journal.jsonl"
    while not (log.exists() and log.read_bytes().count(b"ended") > 5):
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    child.kill()
    child.wait()
    applied = kvs.resume_plan(folder)
    assert outcomes(applied) == ["done"] * 40
    assert set(changes_sent(sandbox).values()) == {1}
