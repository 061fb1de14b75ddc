"""``kvs-notebook plan``: what it prints, saves and returns."""

from __future__ import annotations

import json
import re

import click
import pandas as pd
import pytest
from click.testing import CliRunner

import kvs_notebook as kvs
from kvs_notebook.cli.main import cli
from tests.plans.fleets import Seen, fleet

CHANNELS = [Seen("cam-1", {"Site": "hq", "owner": "ops"}), Seen("cam-2", {"Site": "lab"}), Seen("gate", {"Site": "hq"})]


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return a function that runs ``plan`` in a folder with ``fleet.csv``, in this process; it returns code and lines."""
    monkeypatch.chdir(tmp_path)
    kvs.to_csv(fleet(CHANNELS), "fleet.csv")

    def run(*arguments):
        result = CliRunner().invoke(cli, ["plan", *arguments], standalone_mode=False, catch_exceptions=False)
        return result.return_value, result.stdout.splitlines()

    return run


def test_tags_are_planned_saved_and_readable_at_80_columns(plan):
    arguments = [
        "tags",
        "fleet.csv",
        "--set",
        "Site=annex",
        "--rename",
        "owner=Owner",
        "--where",
        "Site=hq",
        "-o",
        "changes/a",
    ]
    code, lines = plan(*arguments)
    assert code == 0
    assert lines == [
        "changes/a: 4 changes to 2 channels in 000042000042 us-east-1",
        "  tag    Owner  1  (none) -> ops",
        "  tag    Site   2  hq -> annex",
        "  untag  owner  1  ops -> (removed)",
        "1 value of 1 channel already as wanted.",
        "To apply: kvs-notebook apply changes/a --confirm 'change 2 in 000042000042 us-east-1'",
    ]
    assert max(map(len, lines[:-1])) <= 80
    assert len(kvs.plans.read("changes/a")) == 4


@pytest.mark.parametrize(("seconds", "code"), [("90", 4), ("60", 0)])
def test_exit_code_tells_whether_there_are_changes(plan, seconds, code):
    assert plan("ttl", "fleet.csv", seconds, "--exit-code")[0] == code
    assert plan("ttl", "fleet.csv", seconds)[0] == 0


def test_refused_rows_end_with_partial(plan, tmp_path):
    text = (tmp_path / "fleet.csv").read_text().replace(",60,", ",900,", 1)
    (tmp_path / "edited.csv").write_text(text.replace("lab", "annex"))
    code, lines = plan("sheet", "edited.csv", "--original", "fleet.csv", "--exit-code")
    assert code == 3
    assert "  row 2  cam-1  message_ttl_seconds 900 is out of range: 5 to 120 seconds." in lines
    assert "  tag  Site  1  lab -> annex" in lines
    assert lines[-1] == "To apply: add -o DIR to save the plan, and run kvs-notebook apply DIR"


def test_refused_rows_name_options_that_allow_them(plan):
    """Each sentence that a refused row has for Python is one for the command, and following it plans the row."""
    stack = {"aws:cloudformation:stack-name": "cameras"}
    kvs.to_csv(fleet([Seen("cam-1", stack)]), "managed.csv")
    unread = fleet([Seen("cam-1")]).drop(columns="message_ttl_seconds")
    unread.attrs.clear()  # as list_channels() returns it
    kvs.to_csv(unread, "unread.csv")
    other = fleet([Seen("cam-1", account_id="444455556666", ttl=90)])
    kvs.to_csv(other, "other.csv")
    kvs.to_csv(pd.DataFrame({"channel_name": ["new"], "channel_arn": [None]}, dtype="str"), "new.csv")
    for arguments, option in {
        ("ttl", "unread.csv", "90"): "Export the channels again with kvs-notebook inventory.",
        ("tags", "unread.csv", "--set", "Env=prod"): "Export the channels again without --no-tags.",
        ("delete", "unread.csv"): "Export the channels again without --no-tags, or add --allow-managed.",
        ("ttl", "managed.csv", "90"): "Change it there, or add --allow-managed.",
        ("sheet", "other.csv", "--original", "fleet.csv"): "as --original.",
        ("sheet", "new.csv", "--original", "fleet.csv"): "To create a channel, plan it with kvs-notebook plan ensure.",
    }.items():
        code, lines = plan(*arguments)
        shown = " ".join(" ".join(lines).split())
        assert (code, option in shown) == (3, True), shown
        assert not re.search(r"\w\(\w*=?\w*\)|=True", shown), shown
    assert plan("ttl", "managed.csv", "90", "--allow-managed")[0] == 0
    assert plan("delete", "unread.csv", "--allow-managed")[0] == 0
    assert plan("sheet", "other.csv", "--original", "other.csv")[0] == 0
    assert plan("ensure", "new.csv", "--current", "fleet.csv")[0] == 0


def test_delete_names_the_limit_to_raise(plan):
    _, lines = plan("delete", "fleet.csv", "--where", "channel_name=cam-*", "-o", "old")
    assert lines[1] == "  delete    2  cam-1, cam-2"
    assert lines[-1].endswith("--confirm 'delete 2 in 000042000042 us-east-1' --max-delete 2")


def test_ensure_creates_what_is_missing(plan, tmp_path):
    (tmp_path / "devices.csv").write_text("serial,name\n1,cam-1\n2,cam-9\n")
    code, lines = plan("ensure", "devices.csv", "--current", "fleet.csv", "--name-column", "name", "--exit-code")
    assert code == 4
    assert lines[1] == "  create  message_ttl_seconds  1  60"


def test_managed_channels_come_from_files(plan, tmp_path):
    resource = {
        "ResourceType": "AWS::KinesisVideo::SignalingChannel",
        "PhysicalResourceId": "gate",
        "StackName": "doors",
    }
    (tmp_path / "stack.json").write_text(json.dumps({"StackResources": [resource]}))
    for arguments in (["ttl", "fleet.csv", "90"], ["sheet", "edited.csv", "--original", "fleet.csv"]):
        kvs.to_csv(fleet(CHANNELS).assign(message_ttl_seconds=pd.array([90] * 3, dtype="Int64")), "edited.csv")
        code, lines = plan(*arguments, "--cloudformation", "stack.json")
        assert code == 3
        assert any("It is managed by CloudFormation doors" in line for line in lines)
        assert plan(*arguments, "--cloudformation", "stack.json", "--allow-managed")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tags", "fleet.csv", "--set", "Site"], "--set 'Site' is not valid"),
        (["tags", "fleet.csv", "--set", "a=1", "--set", "a=2"], "--set a was given twice"),
        (["ttl", "none.csv", "60"], "Can't read none.csv"),
        (["delete", "fleet.csv", "--where", "site=hq"], "Condition 'site=hq' is not valid"),
    ],
)
def test_wrong_arguments_are_named(plan, arguments, message):
    with pytest.raises(Exception, match=message):
        plan(*arguments)


@pytest.mark.parametrize(
    "arguments", [["tags", "none.csv"], *(["ttl", "none.csv", seconds] for seconds in ("4", "121", "x"))]
)
def test_values_that_are_wrong_whatever_is_read_are_usage_errors(plan, arguments):
    with pytest.raises(click.UsageError, match=r"Nothing to plan|range 5<=x<=120|not a valid integer"):
        plan(*arguments)


def test_refused_rows_are_named_by_channel_and_place(plan):
    cameras = [Seen("cam", status="DELETING", region=region) for region in ("us-east-1", "eu-west-1")]
    kvs.to_csv(fleet([Seen("gate", {"Site": "hq"}), *cameras]), "fleet.csv")
    code, lines = plan("ttl", "fleet.csv", "90", "--where", "channel_name=cam")
    assert code == 3
    assert [line.strip().partition("  ")[0] for line in lines if "DELETING" in line] == [
        "cam (000042000042 eu-west-1)",
        "cam (000042000042 us-east-1)",
    ]
    assert "2 rows refused; they will not be sent:" in lines


def test_channels_with_unread_tags_are_left_out_and_counted(plan):
    channels = fleet([Seen("gate"), Seen("dock"), Seen("cam", {"Owner": "ops"})])
    kvs.to_csv(channels.assign(tags_source=["each", "each", "failed"]), "fleet.csv")
    command = ["plan", "delete", "fleet.csv", "--allow-managed", "--where"]
    result = CliRunner().invoke(cli, [*command, "Owner="], standalone_mode=False)
    assert "dock" in result.stdout
    assert "gate" not in result.stdout
    assert result.stderr.startswith("kvs-notebook: --where leaves out 1 channel whose tags were not read.")
    assert "gate" in CliRunner().invoke(cli, [*command, "channel_name=gate"], standalone_mode=False).stdout
