"""README's blocks run, and the names and versions in it exist."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import kvs_notebook as kvs
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.cli.main import cli
from tests.cli.conftest import run_here  # noqa: F401 - a fixture
from tests.clients.conftest import HERE as CLIENTS
from tests.clients.conftest import node  # noqa: F401 - a fixture
from tests.documents import ROOT, Document, blocks_of, commands

README = Document("README.md")
SECOND_ACCOUNT = "222233334444"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(run_here: Run) -> Run:  # noqa: F811
    """Run one of README's lines in an empty folder, as a reader does in the activated environment."""

    def _run(line: str, base: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        program, *arguments = shlex.split(line)
        assert program == "kvs-notebook"
        return run_here(*arguments, env=with_our_programs(base or {**os.environ}))

    return _run


def with_our_programs(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[kvs.Sandbox]:
    """Yield a sandbox with two accounts, and write README's accounts.csv, which names a role in one of them."""
    role = f"arn:aws:iam::{SECOND_ACCOUNT}:role/inventory"
    (tmp_path / "accounts.csv").write_text(f"account_id,role_arn,account_name\n{SECOND_ACCOUNT},{role},lab\n")
    with kvs.Sandbox(clock="stepped") as sandbox:
        sandbox.seed(account_id=SECOND_ACCOUNT)
        set_current(sandbox.connection())
        yield sandbox


# --- blocks


def test_every_block_has_a_test() -> None:
    assert README.not_run() == []


def test_block_without_a_test_is_reported() -> None:
    (first, second) = blocks_of("<!-- first -->\n```bash\ntrue\n```\n\ntext\n```text\nfalse\n```\n")
    assert (first.mark, first.language, first.text) == ("first", "bash", "true\n")
    document = Document("README.md")
    document.blocks = [first, second]
    assert document.not_run() == ["false\n", "first"]
    document.runs("first", "gone")
    assert document.not_run() == ["false\n", "gone"]


@README.runs("run", "test")
@pytest.mark.parametrize("mark", ["run", "test"])
def test_ci_runs_the_install_and_test_lines(mark: str) -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    reader = re.search(r"^readme_line\(\) \{$.*?^\}$", script, re.DOTALL | re.MULTILINE)
    assert reader
    read = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{reader[0]}\nreadme_line {mark}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert read.stdout == README[mark]
    assert read.stdout.count("\n") == 1
    assert re.search(
        r'for name in run test; do\n  line="\$\(readme_line "\$name"\)"\n(.*\n)+?.* -c "\$line"\ndone', script
    )


@README.runs("example", "output")
def test_example_prints_the_documented_output(capsys: pytest.CaptureFixture[str]) -> None:
    example: dict[str, Any] = {}
    exec(README["example"], example)  # noqa: S102 - our own
    example["sandbox"].stop()
    assert capsys.readouterr().out == README["output"]


@README.runs("signaling")
def test_signaling_example_prints_the_documented_output(capsys: pytest.CaptureFixture[str]) -> None:
    example: dict[str, Any] = {}
    exec(README["signaling"], example)  # noqa: S102 - our own
    example["sandbox"].stop()
    assert f"print(await anext(tablet))  # {capsys.readouterr().out}" in README["signaling"]


@README.runs("fleet")
def test_fleet_example_saves_and_compares_snapshots(
    fleet: kvs.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kvs.save_snapshot(kvs.inventory(accounts="accounts.csv"), "history", date="2026-01-05")
    kvs.create_channel("new-door", connection=fleet.connection(SECOND_ACCOUNT))
    done: dict[str, Any] = {"kvs": kvs}
    exec(README["fleet"], done)  # noqa: S102 - our own
    assert len(done["fleet"].channels) == 27
    assert (tmp_path / f"history/date=2026-01-05/{SECOND_ACCOUNT}_us-east-1.parquet").is_file()
    changes = kvs.compare_snapshots("history")
    assert changes[changes["region"] == "us-east-1"][["change", "channel_name"]].to_numpy().tolist() == [
        ["added", "new-door"]
    ]


NIGHTLY_FILES = {"fleet.csv", "fleet-coverage.csv", "history"}


@README.runs("cron")
def test_cron_line_runs_in_the_environment_of_cron(fleet: kvs.Sandbox, tmp_path: Path) -> None:
    *schedule, command = README["cron"].strip().split(maxsplit=5)
    assert all(re.fullmatch(r"\d+|\*", field) for field in schedule)
    assert "%" not in command, "cron takes it for the end of the line"
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/kvs-notebook").symlink_to(Path(sys.executable).with_name("kvs-notebook"))
    aws = {name: value for name, value in fleet.environment({}).items() if name.startswith("AWS_")}
    python = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    here = command.replace("/srv/fleet", str(tmp_path)).replace("--profile fleet", "--profile sandbox")
    done = subprocess.run(
        ["/bin/sh", "-c", here],
        env={"HOME": "/proc/nowhere", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", **aws, **python},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=100,
    )
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert re.fullmatch(r"kvs-notebook: \d+ of \d+ channels lack a required tag .*\n", done.stderr)
    assert {path.name for path in tmp_path.iterdir()} >= {*NIGHTLY_FILES, "fleet.html"}
    assert "data:image/png;base64," in (tmp_path / "fleet.html").read_text("utf-8")


@README.runs("github actions")
def test_github_job_is_yaml_whose_command_runs(fleet: kvs.Sandbox, run: Run, tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").unlink()
    (job,) = yaml.safe_load(README["github actions"])["jobs"].values()
    assert {*job} == {"runs-on", "steps"}
    assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    (line,) = [step["run"] for step in job["steps"] if step.get("run", "").startswith("kvs-notebook ")]
    done = run(line, fleet.environment(os.environ))
    assert done.returncode == 0, done.stderr  # the sandbox's own account has no channel
    assert done.stdout.startswith("0 channels in ")
    assert done.stderr == ""
    assert {path.name for path in tmp_path.iterdir()} >= {*NIGHTLY_FILES, "fleet.md"}
    summary = [step["run"] for step in job["steps"] if "GITHUB_STEP_SUMMARY" in step.get("run", "")]
    for command in summary:
        env = with_our_programs({"GITHUB_STEP_SUMMARY": "summary.md"})
        subprocess.run(["bash", "-ec", command], cwd=tmp_path, env=env, check=True)
    assert (tmp_path / "summary.md").read_text("utf-8").startswith("# Signaling channels on ")
    (cached,) = [step["with"]["path"] for step in job["steps"] if "cache" in step.get("uses", "")]
    assert (tmp_path / cached).is_dir()
    (kept,) = [step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert {path.name for path in tmp_path.glob(kept)} == {"fleet.csv", "fleet-coverage.csv"}


SANDBOX_LINES = commands(README["sandbox"])


@README.runs("sandbox")
def test_sandbox_lines_run_each_kind_of_program() -> None:
    assert [line.partition(" -- ")[2].split(" ")[0] for line in SANDBOX_LINES] == ["", "", "aws", "node", "pytest"]


@pytest.mark.parametrize("line", SANDBOX_LINES[:2])
def test_sandbox_serves_and_prints_its_environment(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen(
        shlex.split(line), cwd=tmp_path, env=with_our_programs({**os.environ}), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for printed in process.stdout:
        name, _, value = printed.strip().removeprefix("export ").partition("=")
        monkeypatch.setenv(name, value)
        if name == "AWS_ENDPOINT_URL":
            break
    listed = kvs.list_channels()
    process.terminate()
    process.communicate(timeout=20)
    assert len(listed) == 11
    assert (tmp_path / "sandbox").exists() == ("--state" in line)


def test_aws_cli_lists_the_channels_of_the_sandbox(run: Run) -> None:
    assert json.loads(run(SANDBOX_LINES[2]).stdout) == {"ChannelInfoList": []}


CAMERA = """
import { KinesisVideo } from "@aws-sdk/client-kinesis-video";
import webrtc from "amazon-kinesis-video-streams-webrtc";
const video = new KinesisVideo();
const { ChannelARN } = await video.createSignalingChannel({ ChannelName: "front-door" });
console.log(ChannelARN.split("/")[1], typeof WebSocket, typeof webrtc.SignalingClient);
"""


@pytest.mark.usefixtures("node")
def test_node_runs_the_javascript_clients(run: Run, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")
    (tmp_path / "camera.mjs").write_text(CAMERA)
    done = run(SANDBOX_LINES[3])
    assert done.stdout == "front-door function function\n", done.stderr


@README.runs("pytest")
def test_pytest_runs_the_documented_test(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_door.py").write_text(README["pytest"])
    done = run(SANDBOX_LINES[4], {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})  # the plugins here take seconds
    assert "1 passed" in done.stdout, done.stdout


# --- names


def column(heading: str) -> list[str]:
    """Return the cells of a column of the table of tasks."""
    rows = [line.strip("|").split("|") for line in README.text.splitlines() if line.startswith("| ")]
    at = next(row for row in rows if row[0].strip() == "Task")
    place = next(number for number, cell in enumerate(at) if cell.strip().startswith(heading))
    return [row[place].strip() for row in rows if len(row) == len(at) and row is not at]


def test_readme_names_every_public_name() -> None:
    public = [name for name in kvs.__all__ if not name.startswith("_")]
    assert [name for name in public if not re.search(rf"\b{name}\b", README.text)] == []


def test_every_name_in_readme_exists() -> None:
    names = set(re.findall(r"\bkvs\.(\w+(?:\.\w+)?)", README.text))
    assert names
    for name in names:
        attrgetter(name)(kvs)


def test_table_names_every_form() -> None:
    named = re.findall(r"`(\w+)`", " ".join(column("Form")))
    assert set(named) == set(kvs.forms.__all__)


def _parameters(command: click.Command | None) -> list[click.Parameter]:
    """Return the parameters of a command, or of all subcommands of a group."""
    assert command is not None
    if isinstance(command, click.Group):
        return [parameter for each in command.commands.values() for parameter in _parameters(each)]
    return command.params


def test_table_names_every_command_and_only_existing_options() -> None:
    context = click.Context(cli)
    options = {
        name: {option for parameter in _parameters(cli.get_command(context, name)) for option in parameter.opts}
        for name in cli.list_commands(context)
    }
    cells = [cell for cell in column("Command") if cell.startswith("`")]
    first_words = {word for cell in cells for word in re.findall(r"`(\w+)", cell)}
    assert set(options) - first_words == set()
    for cell in cells:
        command = "inventory"
        for line in re.findall("`([^`]+)`", cell):
            command = command if line.startswith("--") else re.findall(r"\w+", line)[0]
            assert set(re.findall(r"--[\w-]+", line)) <= options.get(command, set()) or command not in options, line


def test_versions_are_those_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = "\n".join([*project["dependencies"], *project["optional-dependencies"]["lab"]])
    floors = dict(re.findall(r"^(\w+)>=([\d.]+)$", asked, re.MULTILINE))
    sentence = re.search(r"^Python .*$", README.text, re.MULTILINE)
    assert sentence
    assert re.findall(r"\w+ [\d.]*\d", sentence[0]) == [
        f"Python {project['requires-python'].removeprefix('>=')}",
        f"pandas {floors['pandas'].removesuffix('.0')}",
        f"boto3 {floors['boto3']}",
        f"JupyterLab {floors['jupyterlab']}",
    ]


def test_addresses_of_the_repository_are_those_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    owner_and_name = project["urls"]["Source"].removeprefix("https://github.com/")
    texts = [
        path.read_text(encoding="utf-8")
        for path in [*ROOT.glob("*.md"), *(ROOT / "notebooks").glob("*")]
        if path.is_file()
    ]
    found = re.findall(r"(?:github\.com|mybinder\.org/v2/gh)/([\w.-]+/kvs[\w.-]*)", "\n".join(texts))
    assert set(found) == {owner_and_name}


def test_moto_has_no_signaling_operation() -> None:
    from moto.kinesisvideo.models import KinesisVideoBackend

    assert [name for name in dir(KinesisVideoBackend) if "signaling" in name] == []
