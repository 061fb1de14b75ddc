"""The installed ``kvs-notebook`` command, run as its users run it, on real sandboxes."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.iam_policy import iam_policy
from kvs_notebook.cli import main
from kvs_notebook.dataframes import builders, schemas
from kvs_notebook.jupyter import ipython_startup
from kvs_notebook.version import __version__

COMMAND = str(Path(sys.executable).with_name("kvs-notebook"))
REGIONS = ["ap-southeast-2", "eu-west-1", "us-east-1"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user who has no AWS account and no JupyterLab settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "JUPYTER")) and name != "COLUMNS"
    }
    (tmp_path / "home").mkdir()
    return {**kept, "HOME": str(tmp_path / "home"), "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str]) -> Run:
    def _run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=tmp_path,
            env=env or environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return _run


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    """Start the command in a process group of its own, of which nothing may be left at the end."""
    processes: list[subprocess.Popen[str]] = []

    def _start(*arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=tmp_path,
            env=env or environment,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield _start
    left = [process.pid for process in processes if group_lives(process.pid)]
    for pid in left:
        os.killpg(pid, signal.SIGKILL)
    for process in processes:
        process.communicate(timeout=10)
    assert left == []


@pytest.fixture
def account() -> Iterator[kvs.Sandbox]:
    """An account as a profile shows it: the command does not know that it is a sandbox of this test."""
    with kvs.Sandbox() as sandbox:
        sandbox.seed()
        yield sandbox


@pytest.fixture
def profile(account: kvs.Sandbox, environment: dict[str, str]) -> dict[str, str]:
    return dict(account.environment(environment))


def group_lives(pid: int) -> bool:
    """Tell whether a process of the group is still there; one that has just ended may take a moment to be reaped."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True


def until(true: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.02)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


PROGRESS = ("Connecting: ", "Inventory: ", "Reading tags: ")


def one_line(text: str) -> str:
    """Give the one line that was said, beside how far it is, which a slow machine shows and takes away again."""
    said = [line for line in text.splitlines() if line.strip() and not line.startswith(PROGRESS)]
    assert len(said) == 1, text
    assert text.endswith("\n")
    return f"{said[0]}\n"


# --- the command itself


def test_help_is_there_without_pandas_and_boto3(environment: dict[str, str]) -> None:
    for arguments in [
        ["--help"],
        ["inventory", "--help"],
        ["sandbox", "--help"],
        ["policy", "--help"],
        ["scan", "--help"],
        ["lab", "--help"],
        ["--version"],
    ]:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "kvs_notebook", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
        assert "click" in imported
        assert not imported & {"pandas", "numpy", "boto3", "botocore", "pyarrow", "uvicorn"}


def test_version_is_the_packages(run: Run) -> None:
    assert run("--version").stdout == f"kvs-notebook, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["inventory", "--no-such"],
        ["nothing"],
        ["sandbox", "--port", "99999"],
        ["inventory", "--sandbox", "--profile", "fleet"],
        ["inventory", "--sandbox", "--csv", "-", "--json", "-"],
        ["inventory", "--region", "eu-west-1", "--all-regions"],
        ["inventory", "--sandbox", "--prefix", "front", "--snapshot", "history"],
        ["inventory", "--sandbox", "--prefix", "front", "--compare", "history"],
        ["inventory", "--sandbox", "--no-tags", "--require", "Owner"],
        ["inventory", "--sandbox", "--require", "Env", "--require", "Env=prod"],
        ["inventory", "--sandbox", "--require", "E*v"],
        ["policy", "--account", "12345"],
        ["policy", "--region", "eu-wst-1"],
        ["policy", "--prefix", "a*"],
        ["policy", "--role-arn", "Reader"],
        ["policy", "everything"],
        ["scan"],
        ["scan", "nowhere.ipynb"],
    ],
)
def test_a_wrong_use_exits_2_and_says_what_is_right(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Usage: kvs-notebook" in done.stderr
    assert done.stdout == ""


# --- inventory


def test_the_sandboxs_fleet_as_a_table_a_summary_and_files(run: Run, tmp_path: Path) -> None:
    done = run("inventory", "--sandbox", "--csv", "a.csv", "--parquet", "a.parquet", "--json", "a.json")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    rows = len(lines) - 6
    assert rows >= 24
    assert lines[0].split() == ["CHANNEL", "REGION", "STATUS", "TTL", "CREATED", "TAGS"]
    assert max(map(len, lines[: rows + 1])) <= 120
    assert lines[-5].startswith(f"{rows} channels in 3 regions of account 111122223333 (sandbox): ")
    assert [lines[-4], *lines[-2:]] == [f"Wrote {rows} rows to a.{form}" for form in ("csv", "parquet", "json")]
    assert lines[-3] == "Wrote 3 rows to a-coverage.csv"
    assert kvs.read_csv(tmp_path / "a-coverage.csv")["channels"].sum() == rows

    frame = kvs.read_csv(tmp_path / "a.csv")
    tags = [column for column in frame.columns if column.startswith("tag:")]
    assert list(frame.columns) == [*schemas.CHANNELS, *sorted(tags)]
    assert tags
    assert sorted(frame["region"].unique()) == REGIONS
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), frame)
    records = json.loads((tmp_path / "a.json").read_text())
    assert [record["channel_arn"] for record in records] == list(frame["channel_arn"])


def test_a_spreadsheet_runs_no_cell_of_the_fleet(run: Run) -> None:
    done = run("inventory", "--sandbox", "--csv", "-")
    cells = [cell for row in csv.reader(io.StringIO(done.stdout)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert [cell for cell in cells if cell.startswith("'=")]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_dash_gives_the_data_alone_on_standard_output(run: Run, tmp_path: Path, form: str) -> None:
    done = run("inventory", "--sandbox", f"--{form}", "-", "--parquet", "a.parquet")
    assert done.returncode == 0
    rows = json.loads(done.stdout) if form == "json" else list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) >= 24
    assert f"{len(rows)} channels in 3 regions" in done.stderr
    assert f"Wrote {len(rows)} rows to a.parquet" in done.stderr
    assert (tmp_path / "a.parquet").exists()


def test_parquet_goes_to_standard_output_too(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [COMMAND, "inventory", "--sandbox", "--parquet", "-"], env=environment, capture_output=True, check=True
    )
    assert len(pd.read_parquet(io.BytesIO(done.stdout))) >= 24


def test_region_prefix_and_no_tags_narrow_it(run: Run, tmp_path: Path) -> None:
    done = run("inventory", "--sandbox", "--region", "eu-west-1", "--no-tags", "--csv", "a.csv")
    frame = kvs.read_csv(tmp_path / "a.csv")
    assert list(frame.columns) == list(schemas.CHANNELS)
    assert set(frame["region"]) == {"eu-west-1"}
    assert "in 1 region of account" in done.stdout
    name = frame["channel_name"].iloc[0]
    done = run(
        "inventory", "--sandbox", "--region", "eu-west-1", "--region", "us-east-1", "--prefix", name, "--csv", "b.csv"
    )
    assert "in 2 regions of account" in done.stdout
    assert kvs.read_csv(tmp_path / "b.csv")["channel_name"].str.startswith(name).all()


def test_an_inventory_of_nothing_is_a_success(run: Run, tmp_path: Path) -> None:
    done = run("inventory", "--sandbox", "--prefix", "no-such-channel", "--csv", "a.csv")
    assert done.returncode == 0
    assert done.stdout == "0 channels in 3 regions of account 111122223333 (sandbox)\n" + "".join(
        f"Wrote {rows} rows to {name}\n" for rows, name in ((0, "a.csv"), (3, "a-coverage.csv"))
    )
    pd.testing.assert_frame_equal(kvs.read_csv(tmp_path / "a.csv"), builders.channels_frame([]))


def test_a_profile_is_read_as_the_sandbox_is(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    done = run("inventory", "--profile", "sandbox", "--json", "-", env=profile)
    assert done.returncode == 0
    expected = kvs.list_channels(connection=account.connection())
    assert [record["channel_arn"] for record in json.loads(done.stdout)] == list(expected["channel_arn"])


def test_a_region_that_fails_is_a_gap_with_a_name(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    account.deny("kinesisvideo:ListSignalingChannels", region="us-east-1")
    done = run("inventory", "--region", "us-east-1", "--region", "eu-west-1", "--csv", "a.csv", env=profile)
    assert done.returncode == 3
    summary = done.stdout.splitlines()[-3]
    assert "channels in 1 of 2 regions of account 111122223333" in summary
    assert summary.endswith("; missing: us-east-1")
    assert one_line(done.stderr).startswith("kvs-notebook: us-east-1: ListSignalingChannels failed")
    assert "Wrote" in done.stdout


def test_tags_that_fail_are_a_gap_and_the_channels_come(
    run: Run, profile: dict[str, str], account: kvs.Sandbox
) -> None:
    account.deny("kinesisvideo:ListTags*")
    account.deny("tag:*")
    done = run("inventory", "--region", "us-east-1", "--region", "eu-west-1", env=profile)
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1].endswith("; missing: tags of eu-west-1, tags of us-east-1")
    assert "in 2 regions" in done.stdout
    assert "TAGS" not in done.stdout


def test_roles_of_an_accounts_file_are_read_and_named(
    run: Run, profile: dict[str, str], account: kvs.Sandbox, tmp_path: Path
) -> None:
    account.seed(3, account_id="444455556666")
    account.deny("kinesisvideo:List*", account_id="777788889999")
    (tmp_path / "accounts.csv").write_text(
        "account_id,role_arn,account_name\n"
        "444455556666,arn:aws:iam::444455556666:role/Reader,Lab\n"
        "777788889999,arn:aws:iam::777788889999:role/Reader,Closed\n"
    )
    done = run("inventory", "--accounts", "accounts.csv", "--region", "us-east-1", "--csv", "a.csv", env=profile)
    assert done.returncode == 3
    assert kvs.read_csv(tmp_path / "a.csv")["account_name"].tolist() == ["Lab"] * 3
    coverage = kvs.read_csv(tmp_path / "a-coverage.csv").set_index("account_id")["status"].to_dict()
    assert coverage == {"444455556666": "ok", "777788889999": "denied"}
    assert one_line(done.stderr).startswith("kvs-notebook: 777788889999 us-east-1: ListSignalingChannels failed")
    one_role = run("inventory", "--role-arn", "arn:aws:iam::444455556666:role/Reader", "--json", "-", env=profile)
    assert [row["channel_name"] for row in json.loads(one_role.stdout)] == [f"device-000000{n}" for n in range(3)]


def test_all_regions_are_every_region_that_is_enabled(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    done = run("inventory", "--all-regions", "--no-tags", "--csv", "a.csv", env=profile)
    assert done.returncode == 0
    assert " regions of account 111122223333" in done.stdout
    assert run("inventory", "--all-regions", "--region", "us-east-1", env=profile).returncode == 2


def test_a_required_tag_that_is_lacking_is_named_and_exits_1(run: Run, profile: dict[str, str]) -> None:
    done = run("inventory", "--region", "us-east-1", "--require", "Owner", "--require", "Env=prod,demo", env=profile)
    assert done.returncode == 1
    assert (
        one_line(done.stderr)
        == "kvs-notebook: 2 of 11 channels lack a required tag or have another value; tag them and read again.\n"
    )
    lines = done.stdout.split("\n\n")[1].splitlines()
    assert lines == [
        "Owner: 10 of 11 channels have it as required",
        "Env: 9 of 11 channels have it as required",
        "CHANNEL             REGION     KEY    PROBLEM      FOUND",
        "test-jchen          us-east-1  Env    missing",
        "test-jchen          us-east-1  Owner  missing",
        "warehouse-robot-09  us-east-1  Env    not allowed  Env=staging",
    ]


def test_required_tags_that_all_have_are_no_failure(run: Run, profile: dict[str, str]) -> None:
    done = run("inventory", "--region", "us-east-1", "--prefix", "front", "--require", "Site", env=profile)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\nSite: 2 of 2 channels have it as required\n")


def test_required_tags_that_could_not_be_read_are_a_gap_and_no_accusation(
    run: Run, profile: dict[str, str], account: kvs.Sandbox
) -> None:
    for action in ("tag:GetResources", "kinesisvideo:ListTagsForResource"):
        account.deny(action, region="eu-west-1")
    done = run("inventory", "--region", "eu-west-1", "--require", "Owner", env=profile)
    assert done.returncode == 3
    assert one_line(done.stderr).startswith("kvs-notebook: tags of eu-west-1: ")
    assert "Owner: 0 of 9 channels have it as required, 9 unknown\n" in done.stdout


def test_no_table_is_written_whose_coverage_cannot_be(run: Run, profile: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a-coverage.csv").mkdir()
    done = run("inventory", "--csv", "a.csv", "--parquet", "a.parquet", env=profile)
    assert done.returncode == 1
    assert "a-coverage.csv" in one_line(done.stderr)
    assert not (tmp_path / "a.csv").exists()
    assert (tmp_path / "a.parquet").exists(), "the other files still come"


def test_snapshots_are_kept_and_compared_with_day_by_day(
    run: Run, profile: dict[str, str], account: kvs.Sandbox, tmp_path: Path
) -> None:
    history = ("--compare", "history", "--snapshot", "history")
    first = run("inventory", "--region", "us-east-1", *history, env=profile)
    assert first.returncode == 0
    assert one_line(first.stderr) == (
        "kvs-notebook: history has no snapshot to compare with; --snapshot history keeps one.\n"
    )
    (day,) = (tmp_path / "history").iterdir()
    assert first.stdout.endswith(f"Wrote today's snapshot to history/{day.name}\n")
    yesterday = day.rename(day.with_name("date=2026-01-04"))
    here = account.connection()
    kvs.create_channel("roof", connection=here)
    kvs.delete_channel("test-jchen", wait=True, connection=here)
    kvs.tag_channel("front-door-lab", {"Owner": "ops"}, connection=here)
    account.deny("kinesisvideo:ListSignalingChannels", region="eu-west-1")
    second = run("inventory", "--region", "us-east-1", "--region", "eu-west-1", *history, env=profile)
    assert second.returncode == 3
    lines = second.stdout.split("\n\n")[1].splitlines()
    assert lines[0] == "Since 2026-01-04 in history: 1 added, 1 changed, 1 removed, 1 unknown"
    assert [line.split(maxsplit=3) for line in lines[2:6]] == [
        ["-", "eu-west-1", "unknown", "status: - → denied"],
        ["front-door-lab", "us-east-1", "changed", "tag:Owner: facilities → ops"],
        ["roof", "us-east-1", "added"],
        ["test-jchen", "us-east-1", "removed"],
    ]
    assert {path.name for path in (tmp_path / "history").iterdir()} == {yesterday.name, day.name}


@pytest.mark.parametrize("spelt", ["history/", "./history"])
def test_the_first_day_of_a_history_is_none_the_less_that_where_its_folder_is_spelt_in_two_ways(
    run: Run, profile: dict[str, str], spelt: str
) -> None:
    done = run("inventory", "--compare", "history", "--snapshot", spelt, env=profile)
    assert done.returncode == 0
    assert "history has no snapshot to compare with" in one_line(done.stderr)


def test_comparing_with_a_folder_without_snapshots_is_a_failure(run: Run, profile: dict[str, str]) -> None:
    done = run("inventory", "--compare", "nowhere", env=profile)
    assert done.returncode == 1
    assert "nowhere has no snapshot to compare with" in one_line(done.stderr)


def test_comparing_with_what_is_no_folder_says_so(run: Run, profile: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "history").write_text("a file")
    done = run("inventory", "--compare", "history", env=profile)
    assert done.returncode == 1
    assert one_line(done.stderr).startswith("kvs-notebook: Can't read history: Not a directory.")


def test_a_snapshot_that_cannot_be_kept_is_a_failure(run: Run, profile: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "history").write_text("a file")
    done = run("inventory", "--snapshot", "history", env=profile)
    assert done.returncode == 1
    assert one_line(done.stderr).startswith("kvs-notebook: Can't write history/date=")


def test_a_unit_near_its_quota_is_named(
    run: Run, profile: dict[str, str], environment: dict[str, str], account: kvs.Sandbox
) -> None:
    account.seed(8_000, region="us-west-2")
    done = run("inventory", "--region", "us-west-2", "--no-tags", env=profile)
    assert done.returncode == 0
    assert one_line(done.stderr) == (
        "kvs-notebook: 111122223333 us-west-2: 8,000 of 10,000 channels (80% of the published quota). "
        "Delete some, or ask AWS for a higher one.\n"
    )


def test_nothing_at_all_exits_1_with_one_line(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    account.deny("kinesisvideo:List*")
    done = run("inventory", "--region", "us-east-1", "--region", "eu-west-1", "--csv", "a.csv", env=profile)
    assert (done.returncode, done.stdout) == (1, "")
    assert "AccessDenied" in one_line(done.stderr)


@pytest.mark.parametrize(
    ("variables", "arguments", "found"),
    [
        ({}, [], "No region was given"),
        ({"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}, [], "Unable to locate credentials"),
        ({}, ["--profile", "no-such", "--region", "us-east-1"], "no-such"),
        ({}, ["--sandbox", "--prefix", "a b"], "Channel name 'a b'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    run: Run, environment: dict[str, str], variables: dict[str, str], arguments: list[str], found: str
) -> None:
    done = run("inventory", *arguments, env={**environment, **variables})
    assert (done.returncode, done.stdout) == (1, "")
    assert found in one_line(done.stderr)


def test_a_file_that_cannot_be_written_costs_neither_the_table_nor_the_other_files(run: Run, tmp_path: Path) -> None:
    done = run("inventory", "--sandbox", "--csv", "no/such/a.csv", "--json", "a.json")
    assert done.returncode == 1
    assert done.stdout.startswith("CHANNEL ")
    assert done.stdout.splitlines()[-1].endswith(" rows to a.json")
    assert "Can't write no/such/a.csv: No such file or directory. Choose" in one_line(done.stderr)
    assert (tmp_path / "a.json").exists()


def test_a_reader_that_leaves_early_gets_no_traceback(tmp_path: Path, environment: dict[str, str]) -> None:
    pipeline = f"{shlex.quote(COMMAND)} inventory --sandbox --csv - | head -1"
    done = subprocess.run(
        ["bash", "-c", pipeline], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("account_id,")
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("operation", ["ListSignalingChannels", "GetResources"])
def test_ctrl_c_ends_an_inventory_at_once(
    start: Start, profile: dict[str, str], account: kvs.Sandbox, operation: str
) -> None:
    account.faults.add(operation, "delay", times=None, seconds=20)
    before = time.monotonic()
    process = start("inventory", env=profile)
    until(lambda: operation in set(account.requests["operation"]) or time.monotonic() - before > 5)
    process.send_signal(signal.SIGINT)
    output, problem = process.communicate(timeout=15)
    assert process.returncode == 130
    assert (output, "Traceback" in problem) == ("", False)
    assert time.monotonic() - before < 18


# --- policy


def test_a_policy_is_json_alone_and_the_same_each_time(run: Run) -> None:
    arguments = ("policy", "--read-only", "--account", "111122223333", "--region", "us-gov-west-1", "--prefix", "lab-")
    first, second = run(*arguments), run(*arguments)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == second.stdout
    document = json.loads(first.stdout)
    assert document == iam_policy(read_only=True, account_id="111122223333", region="us-gov-west-1", prefix="lab-")
    assert (
        document["Statement"][1]["Resource"] == "arn:aws-us-gov:kinesisvideo:us-gov-west-1:111122223333:channel/lab-*/*"
    )


def test_a_policy_needs_neither_credentials_nor_the_network(run: Run, environment: dict[str, str]) -> None:
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://192.0.2.1:3128")
    role = "arn:aws:iam::444455556666:role/Reader"
    done = run("policy", "--role-arn", role, env={**environment, **nowhere})
    assert json.loads(done.stdout) == iam_policy(role_arns=[role])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--account", "12345"], "Error: Account id '12345' is not a string of 12 digits.\n"),
        (
            ["--region", "eu-wst-1"],
            "Error: 'eu-wst-1' is not a known AWS region. Did you mean 'eu-west-1'?\n",
        ),
        (["--prefix", "a*"], "Error: Channel name 'a*': '*' is not allowed. Use letters, digits and . _ - only.\n"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_in_one_sentence(run: Run, arguments: list[str], said: str) -> None:
    assert run("policy", *arguments).stderr.endswith(said)


# --- scan

SIGNED = f"wss://v-1a2b3c4d.kinesisvideo.us-east-1.amazonaws.com/?X-Amz-Signature={'0123456789abcdef' * 4}"


def save_notebook(path: Path, text: str) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": [text]}
    cell = {"cell_type": "code", "source": ["print(url)"], "metadata": {}, "execution_count": 1, "outputs": [output]}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


def test_a_secret_in_a_notebook_exits_1_and_is_named_and_not_told(run: Run, tmp_path: Path) -> None:
    save_notebook(tmp_path / "a.ipynb", SIGNED)
    save_notebook(tmp_path / "b.ipynb", "nothing")
    done = run("scan", ".")
    assert done.returncode == 1
    assert one_line(done.stdout) == (
        "a.ipynb: cell 1, output 1 (stdout): signed URL: "
        "wss://v-1a2b3c4d.kinesisvideo.us-east-1.amazonaws.com/?X-Amz-Signature=<...>\n"
    )
    assert one_line(done.stderr) == (
        "kvs-notebook: 1 secret in 1 of 2 notebooks. Clear the outputs (jupyter nbconvert --clear-output --inplace FILE); "
        "where others have seen the file, let signed URLs and TURN passwords expire.\n"
    )


def test_notebooks_without_a_secret_exit_0(run: Run, tmp_path: Path) -> None:
    save_notebook(tmp_path / "one" / "a.ipynb", "nothing")
    save_notebook(tmp_path / "b.ipynb", "nothing")
    done = run("scan", "one", "b.ipynb")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No secret in 2 notebooks.\n", "")
    (tmp_path / "empty").mkdir()
    done = run("scan", "empty")
    assert (done.returncode, done.stdout) == (0, "No notebook is there: nothing was looked at.\n")


def test_a_damaged_notebook_exits_1_with_its_line_and_the_rest_is_scanned(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("{")
    save_notebook(tmp_path / "b.ipynb", SIGNED)
    done = run("scan", ".")
    assert done.returncode == 1
    assert done.stdout.startswith("b.ipynb: cell 1")
    damaged, told = done.stderr.splitlines()
    assert damaged.startswith("kvs-notebook: a.ipynb is damaged, or no notebook: ")
    assert told.startswith(
        "kvs-notebook: 1 secret in 1 of 1 notebook; 1 file could not be looked at. Clear the outputs"
    )
    done = run("scan", "a.ipynb")
    assert done.returncode == 1
    assert done.stderr.endswith("No secret in 0 notebooks; 1 file could not be looked at.\n")


# --- sandbox

TALK = """
import boto3, sys
client = boto3.client("kinesisvideo")
client.create_signaling_channel(ChannelName="from-a-program")
print(boto3.client("sts").get_caller_identity()["Account"], client.meta.endpoint_url)
print(len(client.list_signaling_channels()["ChannelInfoList"]))
"""


def exports(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read the environment that the command prints, as a shell would."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    for line in process.stdout:
        words = shlex.split(line)
        assert words[0] == "export", line
        name, _, value = words[1].partition("=")
        found[name] = value
        if "AWS_ENDPOINT_URL" in found and len(found) >= 12:
            break
    return found


def port_of(found: dict[str, str]) -> int:
    return int(found["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])


def test_a_command_runs_in_the_sandboxs_environment(run: Run) -> None:
    done = run("sandbox", "--", sys.executable, "-c", TALK)
    assert (done.returncode, done.stderr) == (0, "")
    account, endpoint, count = done.stdout.split()
    assert account == "111122223333"
    assert endpoint.startswith("http://127.0.0.1:")
    assert count == "1"
    assert not answers(int(endpoint.rsplit(":", 1)[1]))


def test_a_command_sees_the_fleet_when_asked_to(run: Run) -> None:
    done = run("sandbox", "--fleet", "--", COMMAND, "inventory", "--region", "us-east-1", "--no-tags")
    assert done.returncode == 0
    assert "(sandbox): " in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("code", "expected"),
    [("raise SystemExit(0)", 0), ("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_a_commands_exit_code_is_passed_on(run: Run, code: str, expected: int) -> None:
    assert run("sandbox", "--", sys.executable, "-c", code).returncode == expected


def test_a_command_that_cannot_be_run_is_named(run: Run, tmp_path: Path) -> None:
    done = run("sandbox", "--", "no-such-program")
    assert done.returncode == 127
    assert "Can't run no-such-program: No such file" in one_line(done.stderr)
    (tmp_path / "plain").write_text("")
    assert run("sandbox", "--", str(tmp_path / "plain")).returncode == 126


def test_no_credential_or_endpoint_of_the_users_reaches_the_command(run: Run, environment: dict[str, str]) -> None:
    real = {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL_KINESIS_VIDEO": "http://192.0.2.1",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_PROFILE": "production",
        "HTTP_PROXY": "http://192.0.2.1:3128",
    }
    done = run("sandbox", "--", sys.executable, "-c", TALK, env={**environment, **real})
    assert (done.returncode, done.stderr) == (0, "")
    assert "http://127.0.0.1:" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_passed_on_to_the_command(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    code = "import pathlib, time; pathlib.Path('started').touch(); time.sleep(60)"
    process = start("sandbox", "--", sys.executable, "-c", code)
    until((tmp_path / "started").exists)
    process.send_signal(number)
    process.communicate(timeout=15)
    assert process.returncode == 128 + number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop_and_leaves_nothing(
    start: Start, environment: dict[str, str], number: signal.Signals
) -> None:
    process = start("sandbox", "--fleet")
    found = exports(process)
    done = subprocess.run(
        [sys.executable, "-c", TALK], env={**environment, **found}, capture_output=True, text=True, check=True
    )
    assert int(done.stdout.split()[-1]) > 5
    folder = Path(found["AWS_CONFIG_FILE"]).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    process.send_signal(number)
    process.communicate(timeout=15)
    assert process.returncode == 0
    assert not answers(port_of(found))
    assert not folder.exists()


def test_what_it_prints_can_be_sourced_by_a_shell(start: Start, environment: dict[str, str], tmp_path: Path) -> None:
    process = start("sandbox", env={**environment, "AWS_SESSION_TOKEN": "real", "NO_PROXY": "a b;$(touch hacked),x"})
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "unset AWS_SESSION_TOKEN\n":
            break
    assert all(line.startswith("export ") for line in lines[:-1])
    (tmp_path / "env.sh").write_text("".join(lines))
    script = '. ./env.sh; printf %s "$AWS_PROFILE|$NO_PROXY|${AWS_SESSION_TOKEN-gone}"'
    shell = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env={**environment, "AWS_SESSION_TOKEN": "real"},
        capture_output=True,
        text=True,
        check=True,
    )
    profile, no_proxy, token = shell.stdout.split("|")
    assert (profile, token) == ("sandbox", "gone")
    assert no_proxy.startswith("a b;$(touch hacked),x")
    assert not (tmp_path / "hacked").exists()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=15) == 0


def test_a_state_directory_keeps_what_was_made(run: Run) -> None:
    first = run("sandbox", "--state", "kept", "--", sys.executable, "-c", TALK)
    look = "import boto3; print(boto3.client('kinesisvideo').describe_signaling_channel(ChannelName='from-a-program'))"
    second = run("sandbox", "--state", "kept", "--", sys.executable, "-c", look)
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert "from-a-program" in second.stdout


def test_a_port_is_taken_as_given_and_one_in_use_is_named(start: Start, run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("sandbox", "--port", str(port))
        assert (done.returncode, done.stdout) == (1, "")
        assert str(port) in one_line(done.stderr)
    process = start("sandbox", "--port", str(port))
    assert port_of(exports(process)) == port
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=15) == 0


# --- lab


def test_lab_opens_the_notebooks_and_keeps_a_learners_copy(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / main.FIRST_NOTEBOOK).write_text("my own")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    jupyter = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    process = start(
        "lab",
        "course",
        "--no-browser",
        env={**environment, **jupyter, "JUPYTER_TOKEN": "t0ken", "JUPYTER_PORT": str(port)},
    )

    def ask(path: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": "token t0ken"})
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - loopback
            return str(reply.read().decode())

    until(lambda: answers(port) or process.poll() is not None)
    names = {entry["name"] for entry in json.loads(ask("/api/contents"))["content"]}
    assert names >= {notebook.name for notebook in main._notebooks().glob("*.ipynb")}
    assert main.FIRST_NOTEBOOK in names
    assert (folder / "TEACHING.md").is_file()
    assert (folder / "pictures" / "console.png").is_file()
    assert "jupyter-config-data" in ask(f"/lab/tree/{main.FIRST_NOTEBOOK}")
    (server,) = psutil.Process(process.pid).children()
    assert server.environ()["PYTHONSTARTUP"] == ipython_startup.__file__
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/contents", timeout=10)
    process.send_signal(signal.SIGINT)
    _, problem = process.communicate(timeout=30)
    assert process.returncode == 0, problem
    assert (folder / main.FIRST_NOTEBOOK).read_text() == "my own"
    assert "Kept your copy of course/00-start-here.ipynb" in problem
    assert not answers(port)


def test_lab_without_jupyterlab_says_what_to_install(environment: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['jupyterlab'] = None; sys.argv = ['kvs-notebook', 'lab']\n"
        "from kvs_notebook.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install 'kvs-notebook[lab]'" in one_line(done.stderr)
    assert not (tmp_path / "kvs-notebook").exists()


def test_lab_in_a_folder_that_cannot_be_made_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("lab", "file/course", "--no-browser")
    assert done.returncode == 1
    assert "Can't copy the notebooks to file/course: Not a directory" in one_line(done.stderr)
