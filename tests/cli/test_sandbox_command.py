"""kvs-notebook sandbox: a command in its environment, and serving until a signal."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.cli.sandbox_command import _shell_lines
from tests.cli.conftest import Run, Start, accepts_connections, single_line, wait_until

CREATE_AND_LIST = """
import boto3, sys
client = boto3.client("kinesisvideo")
client.create_signaling_channel(ChannelName="from-a-program")
print(boto3.client("sts").get_caller_identity()["Account"], client.meta.endpoint_url)
print(len(client.list_signaling_channels()["ChannelInfoList"]))
"""


def read_exports(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return the environment that the command prints, parsed as a shell would."""
    assert process.stdout is not None
    exported: dict[str, str] = {}
    for line in process.stdout:
        words = shlex.split(line)
        assert words[0] == "export", line
        name, _, value = words[1].partition("=")
        exported[name] = value
        if "AWS_ENDPOINT_URL" in exported and len(exported) >= 12:
            break
    return exported


def port_in(exported: dict[str, str]) -> int:
    return int(exported["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])


def test_command_runs_in_the_environment_of_the_sandbox_alone(run: Run, environment: dict[str, str]) -> None:
    """It gets neither the user's credentials nor endpoints; the sandbox ends with it."""
    real = {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL_KINESIS_VIDEO": "http://192.0.2.1",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_PROFILE": "production",
        "HTTP_PROXY": "http://192.0.2.1:3128",
    }
    done = run("sandbox", "--fleet", "--", sys.executable, "-c", CREATE_AND_LIST, env={**environment, **real})
    assert (done.returncode, done.stderr) == (0, "")
    account, endpoint, count = done.stdout.split()
    assert account == "111122223333"
    assert endpoint.startswith("http://127.0.0.1:")
    assert count == "12", "that of the program, and the example fleet's"
    assert not accepts_connections(int(endpoint.rsplit(":", 1)[1]))


@pytest.mark.parametrize(
    ("code", "expected"),
    [("exit 7", 7), ("kill -9 $$", 137)],
)
def test_exit_code_of_the_command_is_returned(run: Run, code: str, expected: int) -> None:
    assert run("sandbox", "--", "sh", "-c", code).returncode == expected


def test_command_that_cannot_run_is_reported(run: Run, tmp_path: Path) -> None:
    done = run("sandbox", "--", "no-such-program")
    assert done.returncode == 127
    assert "Can't run no-such-program: No such file" in single_line(done.stderr)
    (tmp_path / "plain").write_text("")
    assert run("sandbox", "--", str(tmp_path / "plain")).returncode == 126


RECORD_INTERRUPTS = """
import pathlib, signal, time
signal.signal(signal.SIGINT, lambda *_: pathlib.Path("interrupted").touch())
pathlib.Path("started").touch()
time.sleep(60)
"""


def test_signals_are_forwarded_to_the_command(start: Start, tmp_path: Path) -> None:
    process = start("sandbox", "--", sys.executable, "-c", RECORD_INTERRUPTS)
    wait_until((tmp_path / "started").exists)
    process.send_signal(signal.SIGINT)
    wait_until((tmp_path / "interrupted").exists)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=15)
    assert process.returncode == 128 + signal.SIGTERM


def test_sandbox_serves_on_its_port_until_signal_and_cleans_up(start: Start, run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("sandbox", "--port", str(port))
        assert (done.returncode, done.stdout) == (1, "")
        assert str(port) in single_line(done.stderr)
    process = start("sandbox", "--fleet", "--port", str(port))
    exported = read_exports(process)
    assert port_in(exported) == port
    assert accepts_connections(port)
    folder = Path(exported["AWS_CONFIG_FILE"]).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=15)
    assert process.returncode == 0
    assert not accepts_connections(port_in(exported))
    assert not folder.exists()


def test_printed_environment_can_be_sourced_by_a_shell(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    process = start("sandbox", env={**environment, "AWS_SESSION_TOKEN": "real", "NO_PROXY": "a b;$(touch hacked),x"})
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "unset AWS_SESSION_TOKEN\n":
            break
    assert all(line.startswith("export ") for line in lines[:-1])
    (tmp_path / "env.sh").write_text("".join(lines))
    script = '. ./env.sh; printf %s "$AWS_PROFILE|$NO_PROXY|${AWS_SESSION_TOKEN-gone}"'
    shell = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env={**environment, "AWS_SESSION_TOKEN": "real"},
        capture_output=True,
        text=True,
        check=True,
    )
    profile, no_proxy, token = shell.stdout.split("|")
    assert (profile, token) == ("sandbox", "gone")
    assert no_proxy.startswith("a b;$(touch hacked),x")
    assert not (tmp_path / "hacked").exists()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=15) == 0


def test_state_directory_keeps_channels(run: Run, tmp_path: Path) -> None:
    done = run("sandbox", "--state", "kept", "--", sys.executable, "-c", CREATE_AND_LIST)
    assert done.returncode == 0, done.stderr
    with kvs.Sandbox(tmp_path / "kept") as again:
        assert kvs.list_channels(connection=again.connection())["channel_name"].tolist() == ["from-a-program"]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="=\0"), min_size=1).map("AWS_ROLE".__add__)


@given(names=st.sets(NAMES, min_size=1), values=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
@example(names={"AWS_TOKEN;touch /tmp/x;#"}, values="$(touch /tmp/x)`touch /tmp/x`'\"\n")
@settings(max_examples=60)
def test_printed_environment_is_only_identifiers_and_quoted_values(names: set[str], values: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", {**dict.fromkeys(names, "1"), "KEPT": "1"})
        lines = _shell_lines({**dict.fromkeys([*names, "NEW"], values), "KEPT": "1"})
        lines += _shell_lines({"KEPT": "1"})
    for line in lines:
        verb, _, rest = line.partition(" ")
        name, assigned, value = rest.partition("=")
        assert re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name), line
        assert verb == ("export" if assigned else "unset")
        assert not assigned or shlex.split(value) == [values]
    assert sum(line.startswith("export NEW=") for line in lines) == 1
