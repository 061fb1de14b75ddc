"""kvs-notebook inventory: gaps, quotas, required tags, snapshots and files."""

from __future__ import annotations

from pathlib import Path

import pytest

import kvs_notebook as kvs
from tests.cli.conftest import Run, lines_of, single_line


def test_missing_required_tag_is_reported_and_exits_1(run: Run, profile: dict[str, str]) -> None:
    done = run("inventory", "--region", "us-east-1", "--require", "Owner", "--require", "Env=prod,demo", env=profile)
    assert done.returncode == 1
    assert (
        single_line(done.stderr)
        == "kvs-notebook: 2 of 11 channels lack a required tag or have a value that is not allowed. "
        "Tag them, then run the command again.\n"
    )
    lines = done.stdout.split("\n\n")[1].splitlines()
    assert lines == [
        "Owner: 10 of 11 channels meet the requirement, 1 missing",
        "Env: 9 of 11 channels meet the requirement, 1 missing, 1 not allowed",
        "CHANNEL             REGION     KEY    PROBLEM      FOUND",
        "test-jchen          us-east-1  Env    missing",
        "test-jchen          us-east-1  Owner  missing",
        "warehouse-robot-09  us-east-1  Env    not allowed  Env=staging",
    ]


def test_met_tag_requirement_exits_0(run: Run, profile: dict[str, str]) -> None:
    done = run("inventory", "--region", "us-east-1", "--prefix", "front", "--require", "Site", env=profile)
    assert (done.returncode, lines_of(done.stderr)) == (0, [])
    assert done.stdout.endswith("\nSite: 2 of 2 channels meet the requirement\n")


def test_unread_required_tags_are_a_gap_not_a_failure(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    for action in ("tag:GetResources", "kinesisvideo:ListTagsForResource"):
        account.deny(action, region="eu-west-1")
    done = run("inventory", "--region", "eu-west-1", "--require", "Owner", env=profile)
    assert done.returncode == 3
    assert single_line(done.stderr).startswith("kvs-notebook: tags of eu-west-1: ")
    assert "Owner: 0 of 9 channels meet the requirement, 9 unknown\n" in done.stdout


def test_csv_is_not_written_without_its_coverage(run: Run, profile: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a-coverage.csv").mkdir()
    done = run("inventory", "--csv", "a.csv", "--parquet", "a.parquet", env=profile)
    assert done.returncode == 1
    assert "a-coverage.csv" in single_line(done.stderr)
    assert not (tmp_path / "a.csv").exists()
    assert (tmp_path / "a.parquet").exists(), "the other files are written"


def test_snapshots_are_saved_and_compared_day_by_day(
    run: Run, profile: dict[str, str], account: kvs.Sandbox, tmp_path: Path
) -> None:
    history = ("--compare", "history", "--snapshot", "history")
    first = run("inventory", "--region", "us-east-1", *history, env=profile)
    assert (first.returncode, lines_of(first.stderr)) == (0, [])
    assert first.stdout.splitlines()[1] == "No snapshot in history to compare with yet: today's is the first."
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
    assert lines[0] == "Changes since 2026-01-04 in history: 1 added, 1 changed, 1 removed, 1 unknown"
    assert [line.split(maxsplit=3) for line in lines[2:6]] == [
        ["-", "eu-west-1", "unknown", "status: - → denied"],
        ["front-door-lab", "us-east-1", "changed", "tag:Owner: facilities → ops"],
        ["roof", "us-east-1", "added"],
        ["test-jchen", "us-east-1", "removed"],
    ]
    assert {path.name for path in (tmp_path / "history").iterdir()} == {yesterday.name, day.name}


@pytest.mark.parametrize("spelt", ["history/", "./history"])
def test_first_snapshot_succeeds_however_its_folder_is_spelt(run: Run, profile: dict[str, str], spelt: str) -> None:
    done = run("inventory", "--compare", "history", "--snapshot", spelt, env=profile)
    assert (done.returncode, lines_of(done.stderr)) == (0, [])
    assert "No snapshot in history to compare with yet" in done.stdout


def test_comparing_without_a_snapshot_exits_1(run: Run, profile: dict[str, str]) -> None:
    done = run("inventory", "--compare", "nowhere", env=profile)
    assert done.returncode == 1
    assert "No snapshot in nowhere to compare with" in single_line(done.stderr)


def test_comparing_with_a_file_exits_1(run: Run, profile: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "history").write_text("a file")
    done = run("inventory", "--compare", "history", env=profile)
    assert done.returncode == 1
    assert single_line(done.stderr).startswith("kvs-notebook: Can't read history: Not a directory.")


def test_failed_snapshot_exits_1(run: Run, profile: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "history").write_text("a file")
    done = run("inventory", "--snapshot", "history", env=profile)
    assert done.returncode == 1
    assert single_line(done.stderr).startswith("kvs-notebook: Can't write history/date=")


def test_region_near_its_quota_is_reported(
    run: Run, profile: dict[str, str], environment: dict[str, str], account: kvs.Sandbox
) -> None:
    account.seed(8_000, region="us-west-2")
    done = run("inventory", "--region", "us-west-2", "--no-tags", env=profile)
    assert done.returncode == 0
    assert single_line(done.stderr) == (
        "kvs-notebook: 111122223333 us-west-2: 8,000 of 10,000 channels (80% of the published quota). "
        "Delete channels, or request a higher quota.\n"
    )


def test_failed_file_keeps_the_table_and_other_files(run: Run, tmp_path: Path) -> None:
    done = run("inventory", "--sandbox", "--table", "--csv", "no/such/a.csv", "--json", "a.json")
    assert done.returncode == 1
    assert done.stdout.startswith("CHANNEL ")
    assert done.stdout.splitlines()[-1].endswith(" rows to a.json")
    assert "Can't write no/such/a.csv: No such file or directory. Choose" in single_line(done.stderr)
    assert (tmp_path / "a.json").exists()
