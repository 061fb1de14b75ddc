"""Fixtures that run the ``kvs-notebook`` command on real sandboxes: in this process, or installed and in its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

import kvs_notebook as kvs
from kvs_notebook.cli.main import main
from tests.aws.fake_service import REGION, SECRET_KEY, FakeService, fake_service

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


@pytest.fixture(scope="module")
def service() -> Iterator[FakeService]:
    """Yield one service for the file, whose replies a test sets."""
    with fake_service() as started:
        yield started


@pytest.fixture
def user(environment: dict[str, str], service: FakeService) -> dict[str, str]:
    """Return the environment of a user whose endpoint is the service, on a wide terminal."""
    service.reset()
    return environment | {
        "AWS_ENDPOINT_URL": service.url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "COLUMNS": "4000",
    }


@pytest.fixture
def run(environment: dict[str, str], run_here: Run) -> Run:
    """Return a function that runs the command until it ends."""

    def _run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return run_here(*arguments, env=env or environment)

    return _run


@pytest.fixture
def run_here(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Yield a function that runs the command in this process, which has imported already what a new one takes 1.5 s for.

    A program that the command runs writes to the same two files. ``stdout`` and ``stderr`` are descriptors to write to instead,
    which are closed.
    """
    written = tmp_path_factory.mktemp("written")

    def _run_here(
        *arguments: str,
        env: dict[str, str],
        encoding: str = "utf-8",
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> subprocess.CompletedProcess[str]:
        paths = [written / name for name in ("stdout", "stderr")]
        for path in paths:
            path.write_bytes(b"")
        with monkeypatch.context() as patch:
            for name in os.environ.keys() - env.keys():
                patch.delenv(name)
            for name, value in env.items():
                patch.setenv(name, value)
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", [COMMAND, *arguments])
            patch.setattr(sys, "stdin", sys.stdin)  # the command replaces all three
            files = [
                open(path if given is None else given, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - a path or a descriptor, closed below
                for path, given in zip(paths, (stdout, stderr), strict=True)
            ]
            patch.setattr(sys, "stdout", files[0])
            patch.setattr(sys, "stderr", files[1])
            with redirected(files), pytest.raises(SystemExit) as ended:
                main()
            for stream, file in zip((sys.stdout, sys.stderr), files, strict=True):
                stream.flush()
                stream.detach()
                file.close()
        printed, said = (path.read_bytes().decode(encoding) for path in paths)
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), printed, said)

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.getsignal(getattr(signal, name)) for name in names}
    yield _run_here
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@contextmanager
def redirected(files: Iterable[IO[str]]) -> Iterator[None]:
    """Redirect the standard output and error of child processes to two files."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    try:
        for (number, _), file in zip(kept, files, strict=True):
            os.dup2(file.fileno(), number)
        yield
    finally:
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)


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


@pytest.fixture(scope="package")
def shared() -> Iterator[kvs.Sandbox]:
    """Yield one sandbox for the package: starting it takes longer than most of its tests."""
    with kvs.Sandbox(clock="stepped", quotas=False) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def variables(shared: kvs.Sandbox) -> dict[str, str]:
    """Return the variables of the shared sandbox, made once: writing its CA bundle again would mean loading it again."""
    return dict(shared.environment({}))


@pytest.fixture
def account(shared: kvs.Sandbox) -> kvs.Sandbox:
    """Return an account that the command reads through a profile, as it would a real one."""
    shared.reset()
    shared.seed()
    return shared


@pytest.fixture
def profile(account: kvs.Sandbox, environment: dict[str, str], variables: dict[str, str]) -> dict[str, str]:
    return environment | variables


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


def wait_until(condition: Callable[[], object], seconds: float = 30, interval: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"timed out after {seconds} s"
        time.sleep(interval)


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
