"""``kvs-notebook apply`` and ``undo`` on a sandbox: exit codes, and what is printed."""

from __future__ import annotations

import signal
import time

import pytest

import kvs_notebook as kvs
from tests.plans.scenarios import apply, changes_sent, delete_plan, fleet_state, tag_plan

PHRASE = "change 6 in 111122223333 us-east-1"


@pytest.fixture
def channels(sandbox, connection):
    sandbox.seed(6)
    return kvs.list_channels()


@pytest.fixture
def command(run_here, sandbox, environment):
    """Return a function that runs the command with the sandbox's profile."""
    profile = sandbox.environment(environment)
    return lambda *arguments: run_here(*arguments, env=profile)


@pytest.fixture
def plan(channels, tmp_path):
    """Return a plan of six changes, saved to the folder ``annex`` in which the command runs."""
    made = tag_plan(channels)
    made.save(tmp_path / "annex")
    return made


def test_apply_then_undo_restores_the_fleet(plan, command, connection):
    before = fleet_state(connection)
    done = command("apply", "annex", "--confirm", PHRASE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "annex: 6 done\n"
    undone = command("undo", "annex", "-o", "back")
    assert undone.returncode == 0
    line = f"kvs-notebook apply back --confirm '{PHRASE}'"
    assert undone.stdout.splitlines()[0] == "back: 6 changes to 6 channels in 111122223333 us-east-1"
    assert undone.stdout.splitlines()[-1] == f"To apply: {line}"
    assert command("apply", "back", "--confirm", PHRASE).returncode == 0
    assert fleet_state(connection) == before


@pytest.mark.parametrize("phrase", [[], ["--confirm", "change 5 in 111122223333 us-east-1"]])
def test_wrong_phrase_is_a_usage_error_with_right_counts(plan, command, sandbox, phrase):
    done = command("apply", "annex", *phrase)
    assert done.returncode == 2
    assert f"--confirm '{PHRASE}'" in done.stderr
    assert changes_sent(sandbox) == {}


def test_refused_credentials_exit_3_and_resume_finishes(plan, command, sandbox):
    sandbox.faults.add("TagResource", "denied", times=None)
    done = command("apply", "annex", "--confirm", PHRASE)
    assert done.returncode == 3
    assert "Paused: TagResource failed" in done.stdout
    assert done.stdout.endswith("To continue: kvs-notebook apply annex --resume\n")
    sandbox.faults.clear()
    assert command("apply", "annex", "--resume").stdout == "annex: 6 done\n"


def test_conflict_is_printed_and_exits_3(plan, channels, command):
    kvs.tag_channel(channels.iloc[0], {"Site": "elsewhere"})
    done = command("apply", "annex", "--confirm", PHRASE)
    assert done.returncode == 3
    assert "conflict  device-0000000  tag Site: tag:Site is 'elsewhere' now" in done.stdout
    assert "--resume" not in done.stdout


def test_limit_is_named_as_option(channels, command, tmp_path, sandbox):
    delete_plan(channels.head(2)).save(tmp_path / "old")
    phrase = "delete 2 in 111122223333 us-east-1"
    done = command("apply", "old", "--confirm", phrase)
    assert done.returncode == 1
    assert "pass --max-delete 2" in done.stderr
    done = command("apply", "old", "--confirm", phrase, "--max-delete", "2")
    assert "pass --max-share 0.334" in done.stderr
    assert changes_sent(sandbox) == {}
    assert command("apply", "old", "--confirm", phrase, "--max-delete", "2", "--max-share", "0.34").returncode == 0
    undone = command("undo", "old", "-o", "back")
    assert "2 deleted channels will be created again under another ARN" in undone.stdout


@pytest.mark.parametrize(
    "arguments", [["apply", "none", "--confirm", "x"], ["apply", "none", "--resume"], ["undo", "none", "-o", "x"]]
)
def test_folder_without_plan_is_one_line(command, arguments):
    done = command(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("kvs-notebook: none holds no plan")
    assert done.stderr.count("\n") == 1


def test_run_that_has_begun_names_resume(plan, command, tmp_path):
    apply(plan, tmp_path / "annex")
    done = command("apply", "annex", "--confirm", PHRASE)
    assert done.returncode == 1
    assert "kvs-notebook apply annex --resume" in done.stderr


def test_ctrl_c_writes_results_and_exits_130(sandbox, connection, start, environment, tmp_path):
    sandbox.seed(300)
    plan = tag_plan(kvs.list_channels())
    plan.save(tmp_path / "annex")
    process = start("apply", "annex", "--confirm", plan.confirmation, env=sandbox.environment(environment))
    journal, deadline = tmp_path / "annex" / "journal.jsonl", time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"ended") > 10):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert " steps: Interrupted before it was sent." in printed
    assert printed.endswith("To continue: kvs-notebook apply annex --resume\n")
    assert set(kvs.read_csv(tmp_path / "annex" / "result.csv")["outcome"]) == {"done", "not_started"}
