"""kvs-notebook inventory: what is read, and how the command ends."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.dataframes import builders, schemas
from tests.cli.conftest import Run, Start, lines_of, single_line, wait_until

REGIONS = ["ap-southeast-2", "eu-west-1", "us-east-1"]


def test_sandbox_fleet_is_printed_and_written_to_files(run: Run, tmp_path: Path) -> None:
    files = ["--csv", "a.csv", "--excel", "a.xlsx", "--parquet", "a.parquet", "--json", "a.json"]
    done = run("inventory", "--sandbox", "--table", *files)
    assert (done.returncode, lines_of(done.stderr)) == (0, [])
    lines = done.stdout.splitlines()
    rows = len(lines) - 7
    assert rows >= 24
    assert lines[0].split() == ["CHANNEL", "REGION", "STATUS", "TTL", "CREATED", "TAGS"]
    assert max(map(len, lines[: rows + 1])) <= 120
    assert lines[-6].startswith(f"{rows} channels in 3 regions of account 111122223333 (sandbox): ")
    written = [f"Wrote {rows} rows to a.{form}" for form in ("csv", "xlsx", "parquet", "json")]
    assert [lines[-5], *lines[-3:]] == written
    assert lines[-4] == "Wrote 3 rows to a-coverage.csv"
    assert kvs.read_csv(tmp_path / "a-coverage.csv")["channels"].sum() == rows

    frame = kvs.read_csv(tmp_path / "a.csv")
    tags = [column for column in frame.columns if column.startswith("tag:")]
    assert list(frame.columns) == schemas.order_columns([*schemas.CHANNELS, *sorted(tags)])
    assert tags
    assert sorted(frame["region"].unique()) == REGIONS
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), frame)
    pd.testing.assert_frame_equal(kvs.read_excel(tmp_path / "a.xlsx"), frame)
    assert kvs.read_excel(tmp_path / "a.xlsx", sheet="coverage")["channels"].sum() == rows
    records = json.loads((tmp_path / "a.json").read_text())
    assert [record["channel_arn"] for record in records] == list(frame["channel_arn"])


def test_csv_has_no_cell_that_spreadsheets_run(run: Run) -> None:
    done = run("inventory", "--sandbox", "--csv", "-")
    cells = [cell for row in csv.reader(io.StringIO(done.stdout)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert [cell for cell in cells if cell.startswith("'=")]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_dash_writes_only_data_to_standard_output(run: Run, tmp_path: Path, form: str) -> None:
    done = run("inventory", "--sandbox", f"--{form}", "-", "--parquet", "a.parquet")
    assert done.returncode == 0
    rows = json.loads(done.stdout) if form == "json" else list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) >= 24
    assert f"{len(rows)} channels in 3 regions" in done.stderr
    assert f"Wrote {len(rows)} rows to a.parquet" in done.stderr
    assert (tmp_path / "a.parquet").exists()


def test_dash_writes_parquet_to_standard_output(run_here: Run, environment: dict[str, str]) -> None:
    done = run_here("inventory", "--sandbox", "--parquet", "-", env=environment, encoding="latin-1")
    assert done.returncode == 0
    assert len(pd.read_parquet(io.BytesIO(done.stdout.encode("latin-1")))) >= 24


def test_region_prefix_and_no_tags_restrict_the_inventory(run: Run, tmp_path: Path) -> None:
    done = run("inventory", "--sandbox", "--region", "eu-west-1", "--no-tags", "--csv", "a.csv")
    assert done.stdout.count("\n") == 3, "into a pipe, only the summary and the names of the files"
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


def test_empty_inventory_succeeds(run: Run, tmp_path: Path) -> None:
    done = run("inventory", "--sandbox", "--prefix", "no-such-channel", "--csv", "a.csv")
    assert done.returncode == 0
    assert done.stdout == "0 channels in 3 regions of account 111122223333 (sandbox)\n" + "".join(
        f"Wrote {rows} rows to {name}\n" for rows, name in ((0, "a.csv"), (3, "a-coverage.csv"))
    )
    pd.testing.assert_frame_equal(kvs.read_csv(tmp_path / "a.csv"), builders.channels_frame([]))


def test_profile_is_read(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    done = run("inventory", "--profile", "sandbox", "--json", "-", env=profile)
    assert done.returncode == 0
    expected = kvs.list_channels(connection=account.connection())
    assert [record["channel_arn"] for record in json.loads(done.stdout)] == list(expected["channel_arn"])


def add_profiles(profile: dict[str, str], tmp_path: Path, **connections: kvs.Connection) -> dict[str, str]:
    """Return an environment whose configuration also has a profile for each connection."""
    keys = Path(profile["AWS_CONFIG_FILE"]).read_text(encoding="utf-8")
    sections = [keys]
    for name, connection in connections.items():
        of_account = connection.credentials()
        sections.append(
            f"[profile {name}]\nendpoint_url = {connection.config.endpoint_url}\nregion = us-east-1\n"
            f"aws_access_key_id = {of_account.access_key}\naws_secret_access_key = {of_account.secret_key}\n"
        )
    path = tmp_path / "several"
    path.write_text("\n".join(sections), encoding="utf-8")
    return profile | {"AWS_CONFIG_FILE": str(path)}


@pytest.mark.parametrize("order", [["sandbox", "lab", "labb"], ["labb", "lab", "sandbox"]])
def test_every_profile_is_read_and_misspelt_one_is_a_gap(
    run: Run, profile: dict[str, str], account: kvs.Sandbox, tmp_path: Path, order: list[str]
) -> None:
    account.seed(3, account_id="444455556666")
    env = add_profiles(profile, tmp_path, lab=account.connection(account_id="444455556666"))
    named = [argument for name in order for argument in ("--profile", name)]
    done = run("inventory", *named, "--region", "us-east-1", "--csv", "a.csv", env=env)
    assert done.returncode == 3
    counts = kvs.read_csv(tmp_path / "a.csv")["account_id"].value_counts().to_dict()
    assert counts == {"111122223333": 11, "444455556666": 3}
    assert "labb: The config profile (labb) could not be found" in single_line(done.stderr)
    both = run("inventory", "--profile", "sandbox", "--profile", "lab", env=env)
    assert (both.returncode, lines_of(both.stderr)) == (0, [])
    assert both.stdout.startswith("14 channels in 1 region of 2 accounts")
    neither = run("inventory", "--profile", "labb", "--profile", "laab", env=env)
    assert (neither.returncode, neither.stdout) == (1, "")
    assert "(labb) could not be found" in single_line(neither.stderr)


def test_failed_region_is_reported_as_a_gap(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    account.deny("kinesisvideo:ListSignalingChannels", region="us-east-1")
    done = run("inventory", "--region", "us-east-1", "--region", "eu-west-1", "--csv", "a.csv", env=profile)
    assert done.returncode == 3
    summary = done.stdout.splitlines()[-3]
    assert "channels in 1 of 2 regions of account 111122223333" in summary
    assert summary.endswith("; missing: us-east-1")
    assert single_line(done.stderr).startswith("kvs-notebook: us-east-1: ListSignalingChannels failed")
    assert "Wrote" in done.stdout


def test_failed_tags_are_a_gap_beside_their_channels(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    account.deny("kinesisvideo:ListTags*")
    account.deny("tag:*")
    done = run("inventory", "--table", "--region", "us-east-1", "--region", "eu-west-1", env=profile)
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1].endswith("; missing: tags of eu-west-1, tags of us-east-1")
    assert "in 2 regions" in done.stdout
    assert done.stdout.count("  (not read)\n") == 20


def test_roles_of_an_accounts_file_are_read(
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
    assert single_line(done.stderr).startswith("kvs-notebook: 777788889999 us-east-1: ListSignalingChannels failed")
    one_role = run("inventory", "--role-arn", "arn:aws:iam::444455556666:role/Reader", "--json", "-", env=profile)
    assert [row["channel_name"] for row in json.loads(one_role.stdout)] == [f"device-000000{n}" for n in range(3)]


def test_rows_of_one_account_of_several_name_it(
    run: Run, profile: dict[str, str], account: kvs.Sandbox, tmp_path: Path
) -> None:
    account.seed(2, account_id="444455556666")
    (tmp_path / "accounts.csv").write_text("account_id\n444455556666\n777788889999\n")
    command = ("inventory", "--accounts", "accounts.csv", "--role-name", "Reader", "--region", "us-east-1", "--table")
    compared = ("--require", "Owner", "--compare", "history", "--snapshot", "history")
    run(*command, *compared, env=profile)
    [folder] = (tmp_path / "history").iterdir()
    folder.rename(folder.with_name("date=2026-01-05"))
    elsewhere = account.connection(account_id="444455556666")
    kvs.tag_channel("device-0000000", {"Site": "hq"}, connection=elsewhere)
    printed = run(*command, *compared, env=profile).stdout.splitlines()
    rows = [line for line in printed if line.startswith("device-")]
    assert len(rows) == 2 + 2 + 1  # channels, those without an owner, a change
    assert all("444455556666  us-east-1" in row for row in rows)


def test_accounts_that_are_left_out_are_named(
    run: Run, profile: dict[str, str], account: kvs.Sandbox, tmp_path: Path
) -> None:
    account.seed(1, account_id="444455556666")
    (tmp_path / "organization.csv").write_text("id,name,status\n444455556666,Lab,ACTIVE\n777788889999,Old,SUSPENDED\n")
    done = run(
        "inventory", "--accounts", "organization.csv", "--role-name", "Reader", "--region", "us-east-1", env=profile
    )
    assert done.returncode == 0
    assert "accounts that are not active are not read: 777788889999." in single_line(done.stderr)


def test_all_regions_reads_every_enabled_region(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    done = run("inventory", "--all-regions", "--no-tags", "--csv", "a.csv", env=profile)
    assert done.returncode == 0
    assert " regions of account 111122223333" in done.stdout
    assert run("inventory", "--all-regions", "--region", "us-east-1", env=profile).returncode == 2


def test_total_failure_exits_1_with_one_line(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    account.deny("kinesisvideo:List*")
    done = run("inventory", "--region", "us-east-1", "--region", "eu-west-1", "--csv", "a.csv", env=profile)
    assert (done.returncode, done.stdout) == (1, "")
    assert "AccessDenied" in single_line(done.stderr)


@pytest.mark.parametrize(
    ("variables", "arguments", "found"),
    [
        ({}, [], "No region was given"),
        ({"AWS_DEFAULT_REGION": ""}, [], "No region was given"),
        ({"AWS_REGION": "us-east-1"}, [], "Unable to locate credentials"),
        ({}, ["--profile", "no-such", "--region", "us-east-1"], "no-such"),
        ({}, ["--sandbox", "--prefix", "a b"], "Channel name 'a b'"),
        ({}, ["--region", "us-east1"], "'us-east1' is not a known AWS region. Did you mean 'us-east-1'?"),
        ({}, ["--sandbox", "--region", "us-east-1", "--region", "eu-west1"], "Did you mean 'eu-west-1'?"),
    ],
)
def test_error_is_printed_in_one_line(
    run: Run, environment: dict[str, str], variables: dict[str, str], arguments: list[str], found: str
) -> None:
    done = run("inventory", *arguments, env={**environment, **variables})
    assert (done.returncode, done.stdout) == (1, "")
    assert found in single_line(done.stderr)


def test_closed_pipe_causes_no_traceback(run_here: Run, environment: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run_here("inventory", "--sandbox", "--csv", "-", env=environment, stdout=writer)
    assert done.returncode == 1
    assert single_line(done.stderr).startswith("26 channels in 3 regions of account")


@pytest.mark.draw(1)
@pytest.mark.parametrize("operation", ["ListSignalingChannels", "GetResources"])
def test_ctrl_c_ends_an_inventory_at_once(
    start: Start, profile: dict[str, str], account: kvs.Sandbox, operation: str
) -> None:
    account.faults.add(operation, "delay", times=None, seconds=20)
    before = time.monotonic()
    process = start("inventory", env=profile)
    wait_until(lambda: operation in set(account.requests["operation"]) or time.monotonic() - before > 5, interval=0.25)
    process.send_signal(signal.SIGINT)
    output, problem = process.communicate(timeout=15)
    assert process.returncode == 130
    assert (output, "Traceback" in problem) == ("", False)
    assert time.monotonic() - before < 18
