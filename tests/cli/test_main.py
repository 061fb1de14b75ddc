"""The kvs-notebook command: help, version and usage errors."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kvs_notebook.version import __version__
from tests.cli.conftest import Run


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
