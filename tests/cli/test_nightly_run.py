"""kvs-notebook inventory as a nightly job: what it prints into a pipe, its files, and the precedence of its exit codes."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pytest

import kvs_notebook as kvs
from kvs_notebook.aws import concurrency
from kvs_notebook.cli.exit_codes import FAILED, PARTIAL, TAGS_MISSING
from kvs_notebook.cli.inventory_output import MOST_LINES
from kvs_notebook.cli.standard_streams import OutputStream
from kvs_notebook.fleet import collector
from tests.cli.conftest import Run, lines_of, single_line

HISTORY = ("--compare", "history", "--snapshot", "history")


@pytest.fixture(scope="module")
def connection_of_owner(shared: kvs.Sandbox) -> kvs.Connection:
    return shared.connection()


@pytest.fixture
def yesterday(account: kvs.Sandbox, connection_of_owner: kvs.Connection, tmp_path: Path) -> str:
    """Save a snapshot of an earlier day, and return the day."""
    day = "2026-01-04"
    found = kvs.inventory(regions=["us-east-1"], connection=connection_of_owner)
    kvs.save_snapshot(found, tmp_path / "history", date=day)
    return day


def test_changes_are_written_as_csv(
    run: Run, profile: dict[str, str], account: kvs.Sandbox, yesterday: str, tmp_path: Path
) -> None:
    kvs.create_channel("roof", tags={"Note": "=1+1"}, connection=account.connection())
    kvs.tag_channel("test-jchen", {"Owner": "@SUM"}, connection=account.connection())
    done = run("inventory", "--region", "us-east-1", *HISTORY, "--changes", "changes.csv", env=profile)
    assert (done.returncode, lines_of(done.stderr)) == (0, [])
    assert "Wrote 2 rows to changes.csv\n" in done.stdout
    before = tmp_path / "history"
    expected = kvs.compare_snapshots(before, before=yesterday)
    assert kvs.read_csv(tmp_path / "changes.csv").equals(expected)
    with (tmp_path / "changes.csv").open(newline="") as file:
        assert [row["after"] for row in csv.DictReader(file) if row["column"] == "tag:Owner"] == ["'@SUM"]


@pytest.mark.usefixtures("yesterday")
def test_changes_alone_go_to_standard_output(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    kvs.create_channel("roof", connection=account.connection())
    done = run("inventory", "--region", "us-east-1", "--compare", "history", "--changes", "-", env=profile)
    header, row = done.stdout.splitlines()
    assert "before" in header.split(",")
    assert "roof" in row.split(",")
    assert "Changes since 2026-01-04 in history: 1 added" in done.stderr


def test_first_day_writes_no_changes(run: Run, profile: dict[str, str], tmp_path: Path) -> None:
    done = run("inventory", *HISTORY, "--changes", "changes.csv", "--report", "report.md", env=profile)
    assert (done.returncode, lines_of(done.stderr)) == (0, [])
    assert "Did not write changes.csv: there was no comparison.\n" in done.stdout
    assert not (tmp_path / "changes.csv").exists()
    assert "Changes" not in (tmp_path / "report.md").read_text()


@pytest.mark.usefixtures("yesterday")
def test_report_has_the_comparison_tags_and_growth(
    run: Run, profile: dict[str, str], account: kvs.Sandbox, tmp_path: Path
) -> None:
    kvs.create_channel("roof", connection=account.connection())
    arguments = ("--region", "us-east-1", *HISTORY, "--require", "Owner")
    for name in ("report.html", "report.md"):
        done = run("inventory", *arguments, "--report", name, env=profile)
        assert done.returncode == 1
        assert done.stdout.endswith(f"Wrote the report to {name}\n")
    text = (tmp_path / "report.md").read_text("utf-8")
    for part in (
        "## Changes since 2026-01-04",
        "| roof | added |",
        "## Required tags",
        "## Growth",
        "| 2026-01-04 | 11 |",
    ):
        assert part in text
    assert (tmp_path / "report.html").read_text("utf-8").count("data:image/png;base64,") == 3


@pytest.mark.usefixtures("yesterday")
def test_quiet_prints_only_problems(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    files = ("--csv", "a.csv", "--changes", "changes.csv", "--report", "a.md")
    kvs.create_channel("roof", tags={"Owner": "ops"}, connection=account.connection())
    well = run("inventory", "--region", "us-east-1", *HISTORY, *files, "-q", env=profile)
    assert (well.returncode, well.stdout, well.stderr) == (0, "", "")
    account.deny("kinesisvideo:ListSignalingChannels", region="eu-west-1")
    regions = ("--region", "us-east-1", "--region", "eu-west-1")
    poor = run("inventory", *regions, *HISTORY, *files, "--require", "Owner", "--quiet", env=profile)
    assert (poor.returncode, poor.stdout) == (3, "")
    gap, tags = poor.stderr.splitlines()
    assert gap.startswith("kvs-notebook: eu-west-1: ListSignalingChannels failed")
    assert tags.startswith("kvs-notebook: 1 of 12 channels lack a required tag")


def test_quiet_hides_the_progress_bar_of_a_terminal(
    run: Run, profile: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutputStream, "isatty", lambda _: True)
    shown = []
    bar = concurrency.progress_bar
    monkeypatch.setattr(collector, "progress_bar", lambda *given: shown.append(bar(*given)) or shown[-1])
    for option in ("--quiet", "--no-table"):
        assert run("inventory", "--region", "us-east-1", "--no-tags", option, env=profile).returncode == 0
    with shown[0] as quiet, shown[1] as usual:
        assert isinstance(quiet, concurrency.HiddenBar)
        assert not isinstance(usual, concurrency.HiddenBar)


@pytest.mark.usefixtures("yesterday")
def test_pipe_gets_first_rows_and_table_all(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    account.seed(100, region="us-east-1", tags={"Env": "none"})
    arguments = ("inventory", "--region", "us-east-1", *HISTORY, "--require", "Owner", "--no-table")
    few = run(*arguments, env=profile)
    assert few.returncode == 1
    assert few.stdout.count(" us-east-1  added\n") == few.stdout.count("  missing\n") == MOST_LINES
    assert "and 80 more rows. --changes FILE writes all, --table prints all.\n" in few.stdout
    assert "and 81 more rows. --table prints all.\n" in few.stdout
    assert few.stdout.count("\n") < 60
    every = run(*arguments[:-1], "--table", env=profile)
    assert every.stdout.count(" us-east-1  added\n") == 100
    assert "more rows" not in every.stdout


def test_pipe_gets_the_first_gaps(run: Run, profile: dict[str, str], account: kvs.Sandbox, tmp_path: Path) -> None:
    denied = ("444455556666", "777788889999")
    for account_id in denied:
        account.deny("kinesisvideo:ListSignalingChannels", account_id=account_id)
    roles = [f"--role-arn=arn:aws:iam::{account_id}:role/Reader" for account_id in (*denied, "111122223333")]
    done = run("inventory", "--all-regions", "--no-tags", *roles, "--csv", "a.csv", env=profile)
    assert done.returncode == 3
    gaps = len(kvs.read_csv(tmp_path / "a-coverage.csv").query("status == 'denied'"))
    *lines, more = lines_of(done.stderr)
    assert len(lines) == MOST_LINES < gaps
    assert (
        more == f"kvs-notebook: and {gaps - MOST_LINES} more gaps. NAME-coverage.csv, beside --csv NAME.csv, has all."
    )
    summary = done.stdout.splitlines()[0]
    assert summary.count(denied[0]) == 5
    assert summary.endswith(f" and {gaps - 5} more")


@pytest.mark.usefixtures("yesterday")
def test_repeated_run_compares_with_the_day_before(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    kvs.create_channel("roof", connection=account.connection())
    first, again = (run("inventory", "--region", "us-east-1", *HISTORY, env=profile) for _ in range(2))
    assert "Changes since 2026-01-04 in history: 1 added" in first.stdout
    assert again.stdout == first.stdout


PROBLEMS = {
    "file": ("--csv", "no/such/a.csv"),
    "report": ("--report", "no/such/a.html"),
    "changes": ("--compare", "history", "--changes", "no/such/a.csv"),
    "comparison": ("--compare", "nowhere"),
    "gap": (),
    "tag": ("--require", "Owner"),
}
CODES = {"file": FAILED, "report": FAILED, "changes": FAILED, "comparison": FAILED, "gap": PARTIAL, "tag": TAGS_MISSING}
"""The exit code of each problem, the one that precedes the others first."""


@pytest.mark.usefixtures("yesterday")
@pytest.mark.draw(4)
@pytest.mark.parametrize(
    "problems",
    [(), *((each,) for each in PROBLEMS), *itertools.combinations(("file", "gap", "tag"), 2), ("report", "gap", "tag")],
    ids=" and ".join,
)
def test_first_exit_code_that_applies_is_returned(
    run: Run, profile: dict[str, str], account: kvs.Sandbox, problems: tuple[str, ...]
) -> None:
    if "gap" in problems:
        account.deny("kinesisvideo:ListSignalingChannels", region="eu-west-1")
    options = [option for problem in problems for option in PROBLEMS[problem]]
    done = run("inventory", "--region", "us-east-1", "--region", "eu-west-1", *options, env=profile)
    assert done.returncode == next((code for problem, code in CODES.items() if problem in problems), 0)
    assert len(lines_of(done.stderr)) == len(problems)


def test_narrower_snapshot_of_the_day_warns(run: Run, profile: dict[str, str]) -> None:
    both = ("--region", "us-east-1", "--region", "eu-west-1")
    assert run("inventory", *both, "--snapshot", "history", "--quiet", env=profile).stderr == ""
    done = run("inventory", "--region", "us-east-1", "--snapshot", "history", "--quiet", env=profile)
    assert done.returncode == 0
    assert "is replaced by one that lacks 111122223333 eu-west-1." in single_line(done.stderr)
