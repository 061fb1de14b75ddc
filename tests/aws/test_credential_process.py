"""A credential_process that hangs, or prints without end, is killed with all that it started, and named in the error."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws import credential_process
from kvs_notebook.aws.credential_process import BoundedProcess

ROLE = "role_arn = arn:aws:iam::444455556666:role/Reader\nsource_profile = base\n"


@pytest.fixture(autouse=True)
def short_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credential_process, "SECONDS", 0.3)
    monkeypatch.setattr(credential_process, "_has_terminal", lambda: False)


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes a program; those in HANGS hold the pipe ``alive`` open, and so do their children."""

    def _write(script: str) -> Path:
        path = tmp_path / "vault-helper"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        return path

    return _write


@pytest.fixture
def all_ended(tmp_path: Path) -> Iterator[Callable[[], bool]]:
    """Return a function that waits until no program has the pipe ``alive`` open for writing."""
    os.mkfifo(tmp_path / "alive")
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)

    def _wait() -> bool:
        os.set_blocking(reader, True)
        return os.read(reader, 100) == b""  # blocks while a writer lives

    yield _wait
    os.close(reader)


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    def _write(path: Path) -> None:
        process = f"credential_process = {path} --secret s3cr3t\n"
        sections = {"base": process, "lab": f"region = us-east-1\n{process}", "reader": f"region = us-east-1\n{ROLE}"}
        text = "".join(f"[profile {name}]\n{lines}" for name, lines in sections.items())
        (tmp_path / "config").write_text(text)

    return _write


HANGS = {
    "sleeps": "exec 9>alive; sleep 600",
    "ignores signals": "trap '' TERM INT HUP; exec 9>alive; while :; do sleep 1; done",
    "leaves a child with its output": "exec 9>alive; sleep 600 & exit 0",
    "closes its output": "exec 9>alive; exec >&- 2>&-; sleep 600",
    "prints without end": "exec 9>alive; yes",
    "complains without end": "exec 9>alive; yes >&2",
}


@pytest.mark.parametrize("name", HANGS)
def test_program_without_end_is_killed_with_its_children(
    name: str,
    program: Callable[[str], Path],
    all_ended: Callable[[], bool],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    from botocore.exceptions import CredentialRetrievalError

    monkeypatch.chdir(tmp_path)
    if "without end" in name:
        monkeypatch.setattr(credential_process, "SECONDS", 60.0)
    process = BoundedProcess([str(program(HANGS[name]))], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pytest.raises(CredentialRetrievalError, match=r"vault-helper' .* and was killed"):
        process.communicate()
    assert all_ended()


@pytest.mark.parametrize("profile", ["lab", "reader"])
def test_hanging_program_is_named_with_what_to_do(
    profile: str, program: Callable[[str], Path], profiles: Callable[[Path], None]
) -> None:
    profiles(program("sleep 600"))
    with pytest.raises(errors.ExpiredCredentials) as caught:
        kvs.list_channels(connection=kvs.connect(profile))
    message = str(caught.value)
    assert "vault-helper' did not end within 0.3 s and was killed" in message
    owner = "lab" if profile == "lab" else "base"
    assert f"Sign in with the program that it runs, or correct credential_process of profile '{owner}' in" in message
    assert "s3cr3t" not in message


def test_hanging_program_is_gap_of_inventory(program: Callable[[str], Path], profiles: Callable[[Path], None]) -> None:
    profiles(program("sleep 600"))
    with kvs.Sandbox() as sandbox, warnings.catch_warnings(action="ignore"):
        found = kvs.inventory(profiles=["lab"], connection=sandbox.connection())
    assert found.coverage["status"].tolist() == ["expired"]
    assert "vault-helper' did not end within 0.3 s" in found.gaps["message"][0]


OUTPUTS = {
    "null": "not a JSON object with AccessKeyId and SecretAccessKey",
    "[]": "not a JSON object with AccessKeyId and SecretAccessKey",
    "7": "not a JSON object with AccessKeyId and SecretAccessKey",
    '"s3cr3t"': "not a JSON object with AccessKeyId and SecretAccessKey",
    "": "not JSON",
    "s3cr3t": "not JSON",
    "<html>s3cr3t</html>": "not JSON",
    r"\377": "not UTF-8 text",
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_output_that_is_no_credentials_is_described_without_it(
    output: str, program: Callable[[str], Path], profiles: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential_process, "SECONDS", 60.0)
    profiles(program(f"printf '{output}'"))
    with pytest.raises(errors.NoCredentials) as caught:
        kvs.connect("lab")
    message = str(caught.value)
    assert (
        f"credential_process of profile 'lab' returned no usable credentials "
        f"(what the program printed is {OUTPUTS[output]}). Sign in with the program that it runs"
    ) in message
    assert "s3cr3t" not in message
    assert "Error:" not in message


def test_output_and_exit_code_are_those_of_the_program(
    program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program("printf out; printf err >&2; exit 3")
    monkeypatch.setattr(credential_process, "SECONDS", 60.0)
    process = BoundedProcess([str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.communicate() == (b"out", b"err")
    assert process.returncode == 3


def test_program_stays_in_the_group_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credential_process, "SECONDS", 60.0)
    monkeypatch.setattr(credential_process, "_has_terminal", lambda: True)
    command = [sys.executable, "-c", "import os; print(os.getpgrp())"]
    printed, _ = BoundedProcess(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE).communicate()
    assert int(printed) == os.getpgrp()


def test_interrupt_ends_the_program(
    program: Callable[[str], Path], all_ended: Callable[[], bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Interrupted(queue.SimpleQueue):  # type: ignore[type-arg]
        def get(self, *_: object, **__: object) -> None:
            raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(credential_process.queue, "SimpleQueue", Interrupted)
    process = BoundedProcess([str(program(HANGS["sleeps"]))], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pytest.raises(KeyboardInterrupt):
        process.communicate()
    assert all_ended()
