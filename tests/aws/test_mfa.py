"""An MFA code is requested if a user can enter one: at a terminal, or in a cell of a frontend with input."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

import kvs_notebook as kvs
from kvs_notebook.aws.mfa import CodeCannotBeEnteredError, ask_for_code

ROLE = "arn:aws:iam::444455556666:role/Reader"

CONNECT = """
import kvs_notebook as kvs
try:
    print(kvs.connect("guarded").account_id)
except kvs.errors.NoCredentials as error:
    print(error)
"""


def test_code_is_asked_for_at_a_terminal():
    terminal, slave = pty.openpty()
    program = "from kvs_notebook.aws.mfa import ask_for_code; print(ask_for_code('Code: '))"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=slave, stdout=subprocess.PIPE, stderr=slave, start_new_session=True
    )
    os.close(slave)
    assert os.read(terminal, 100) == b"Code: "
    os.write(terminal, b"123456\n")
    printed, _ = process.communicate(timeout=20)
    os.close(terminal)
    assert printed == b"123456\n"


@pytest.mark.parametrize("stdin", [None, io.StringIO("123456\n"), "closed"])
def test_code_is_not_asked_for_without_terminal(stdin, monkeypatch, capfd):
    if stdin == "closed":
        stdin = io.StringIO()
        stdin.close()
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(CodeCannotBeEnteredError):
        ask_for_code("Code: ")
    assert capfd.readouterr() == ("", "")


def test_code_is_not_asked_for_on_other_threads(monkeypatch, capfd):
    terminal, slave = pty.openpty()
    raised: list[Exception] = []

    def ask() -> None:
        try:
            ask_for_code("Code: ")
        except CodeCannotBeEnteredError as error:
            raised.append(error)

    with os.fdopen(slave) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    os.close(terminal)
    assert len(raised) == 1
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingKernelClient]:
    """Yield the client of a kernel in which the profile ``guarded`` requires an MFA code."""
    with kvs.Sandbox(quotas=False) as sandbox:
        environment = sandbox.environment()
        text = Path(environment["AWS_CONFIG_FILE"]).read_text(encoding="utf-8")
        config = tmp_path_factory.mktemp("mfa") / "config"
        config.write_text(
            f"{text}\n[profile guarded]\nregion = us-east-1\nrole_arn = {ROLE}\nsource_profile = sandbox\n"
            "mfa_serial = arn:aws:iam::111122223333:mfa/me\n"
        )
        manager, client = start_new_kernel(env=environment | {"AWS_CONFIG_FILE": str(config)})
        yield client
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(kernel: BlockingKernelClient, *, code: str | None) -> tuple[str, list[str]]:
    """Run the cell; return what it printed, and the prompts, which are answered with a code if the frontend has input."""
    printed: list[str] = []
    prompts: list[str] = []

    def answer(message: dict[str, dict[str, str]]) -> None:
        prompts.append(message["content"]["prompt"])
        kernel.input(code)

    def collect(message: dict[str, dict[str, str]]) -> None:
        printed.append(message["content"].get("text", ""))

    kernel.execute_interactive(
        CONNECT, allow_stdin=code is not None, stdin_hook=answer, output_hook=collect, timeout=60
    )
    return "".join(printed), prompts


def test_unattended_cell_says_how_to_enter_code(kernel):
    printed, prompts = run(kernel, code=None)
    assert "profile 'guarded' requires an MFA code" in printed
    assert "kvs.connect('guarded') in a cell or at a terminal" in printed
    assert prompts == []


def test_cell_with_input_asks_for_code(kernel):
    printed, prompts = run(kernel, code="123456")
    assert printed.strip() == "444455556666"
    assert len(prompts) == 1
