"""Fixtures that run the ``kvs-notebook`` command on real sandboxes: in this process, or installed and in its own."""

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
from kvs_notebook.cli.main import main

COMMAND = str(Path(sys.executable).with_name("kvs-notebook"))

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a user without AWS credentials and JupyterLab settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "JUPYTER")) and name != "COLUMNS"
    }
    (tmp_path / "home").mkdir()
    return {**kept, "HOME": str(tmp_path / "home"), "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str], run_here: Run) -> Run:
    """Return a function that runs the command until it ends: in its own process if it runs another program."""

    def _run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        if arguments[0] not in {"sandbox", "lab"}:
            return run_here(*arguments, env=env or environment)
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
def run_here(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Yield a function that runs the command in this process, which has imported already what a new one takes 1.5 s for."""
    written = tmp_path_factory.mktemp("written")

    def _run_here(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patch:
            for name in os.environ.keys() - env.keys():
                patch.delenv(name)
            for name, value in env.items():
                patch.setenv(name, value)
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", [COMMAND, *arguments])
            patch.setattr(sys, "stdin", sys.stdin)  # the command replaces all three
            files = [(written / name).open("w", encoding="utf-8") for name in ("stdout", "stderr")]
            patch.setattr(sys, "stdout", files[0])
            patch.setattr(sys, "stderr", files[1])
            with pytest.raises(SystemExit) as ended:
                main()
            for stream, file in zip((sys.stdout, sys.stderr), files, strict=True):
                stream.flush()
                stream.detach()
                file.close()
        printed, said = ((written / name).read_text("utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), printed, said)

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.getsignal(getattr(signal, name)) for name in names}
    yield _run_here
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    """Start the command in a process group of its own; every process of it must have ended at the end of the test."""
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
    left = [process.pid for process in processes if process_group_exists(process.pid)]
    for pid in left:
        os.killpg(pid, signal.SIGKILL)
    for process in processes:
        process.communicate(timeout=10)
    assert left == []


@pytest.fixture
def account() -> Iterator[kvs.Sandbox]:
    """Yield an account that the command reads through a profile, as it would a real one."""
    with kvs.Sandbox() as sandbox:
        sandbox.seed()
        yield sandbox


@pytest.fixture
def profile(account: kvs.Sandbox, environment: dict[str, str]) -> dict[str, str]:
    return dict(account.environment(environment))


def process_group_exists(pid: int) -> bool:
    """Return whether a process of the group exists after 5 s: one that has just ended takes a moment to be reaped."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"timed out after {seconds} s"
        time.sleep(0.02)


def accepts_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


PROGRESS = ("Connecting: ", "Inventory: ", "Reading tags: ")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text without progress bars, which appear on a slow machine only."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith(PROGRESS)]


def single_line(text: str) -> str:
    """Return the only line of a text."""
    lines = lines_of(text)
    assert len(lines) == 1, text
    assert text.endswith("\n")
    return f"{lines[0]}\n"
