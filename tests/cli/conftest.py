"""Fixtures that run the installed ``kvs-notebook`` command in processes of its own, on real sandboxes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import kvs_notebook as kvs

COMMAND = str(Path(sys.executable).with_name("kvs-notebook"))

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
