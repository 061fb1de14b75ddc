"""Standard streams: terminals get no control characters, and closed or full streams cause no traceback."""

from __future__ import annotations

import io
import json
import os
import pty
import shlex
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.cli.inventory_command import Options
from kvs_notebook.cli.standard_streams import ClosedStream, OutputStream
from kvs_notebook.errors import ExportFailed
from tests.cli.conftest import COMMAND, Run
from tests.hostile_texts import is_shown_only

EVIL = "\x1b]0;pwned\x07\x1b[2J\x9b31m\r\x08\u202e"


MARK = b"\0"
"""A byte that the streams never write to a terminal."""


class Terminal:
    """A pseudo-terminal that passes on what is written to it unchanged."""

    def __init__(self) -> None:
        self._reader, self.number = pty.openpty()
        attributes = termios.tcgetattr(self.number)
        attributes[1] &= ~termios.OPOST  # or each newline is preceded by a carriage return
        termios.tcsetattr(self.number, termios.TCSANOW, attributes)

    def read(self) -> str:
        """Return all that was written so far, to a mark that this writes after it."""
        os.write(self.number, MARK)
        data = b""
        while not data.endswith(MARK):
            data += os.read(self._reader, 4096)
        return data.removesuffix(MARK).decode(errors="replace")

    def read_to_end(self) -> str:
        """Return all that is written until each process has closed the terminal, which Linux reports as an error."""
        os.close(self.number)
        data = b""
        try:
            while part := os.read(self._reader, 4096):
                data += part
        except OSError:
            pass
        os.close(self._reader)
        return data.decode()

    def close(self) -> None:
        os.close(self.number)
        os.close(self._reader)


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def screen(terminal: Terminal) -> Iterator[OutputStream]:
    with OutputStream(open(terminal.number, "wb", closefd=False), "utf-8", None) as stream:
        yield stream


@given(text=st.text(st.characters(), max_size=60) | st.just(EVIL))
def test_terminal_gets_printable_characters_from_every_writer(
    terminal: Terminal, screen: OutputStream, text: str
) -> None:
    assert screen.write(f"> {text}") == len(text) + 2
    screen.flush()
    expected = "".join(each if is_shown_only(each) else "\N{REPLACEMENT CHARACTER}" for each in f"> {text}")
    assert terminal.read() == expected


def test_progress_bar_overwrites_its_line_on_a_terminal(terminal: Terminal, screen: OutputStream) -> None:
    screen.write("\rInventory: 50%")
    screen.flush()
    assert terminal.read() == "\rInventory: 50%"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_pipe_gets_texts_unchanged(text: str) -> None:
    """A program that reads CSV or JSON decides itself what to show."""
    pipe = io.BytesIO()
    stream = OutputStream(pipe, "utf-8", None)
    stream.write(text)
    stream.flush()
    assert pipe.getvalue().decode() == text.replace("\n", os.linesep)
    stream.detach()


class FullDisk(io.RawIOBase):
    """A file on a full disk, or a pipe that is closed."""

    def __init__(self, error: OSError) -> None:
        self._error = error

    def writable(self) -> bool:
        return True

    def write(self, _: Any, /) -> int:
        raise self._error


@pytest.mark.parametrize(
    ("name", "error", "raised"),
    [
        ("standard output", OSError(28, "No space left on device"), ExportFailed),
        ("standard output", BrokenPipeError(32, "Broken pipe"), BrokenPipeError),
        (None, OSError(28, "No space left on device"), None),
        (None, BrokenPipeError(32, "Broken pipe"), None),
    ],
)
def test_failure_to_write_is_raised_once_unless_on_standard_error(
    name: str | None, error: OSError, raised: type[OSError] | None
) -> None:
    stream = OutputStream(io.BufferedWriter(FullDisk(error)), "utf-8", name)
    stream.write("a table")
    if raised is None:
        stream.flush()
    else:
        with pytest.raises(raised, match=error.strerror or ""):
            stream.flush()
    stream.write("more")
    stream.flush()  # Python does so at exit


def test_line_on_standard_error_is_written_at_once() -> None:
    """A program that is killed, or that ends without cleaning up, has still said why."""
    pipe = io.BytesIO()
    stream = OutputStream(pipe, "utf-8", None)
    stream.write("a warning\n")
    assert pipe.getvalue() == b"a warning\n"
    stream.detach()


# --- the command

COMMANDS = {"--version": 0, "policy --unknown": 2}
"""One writes to standard output, one to standard error; neither imports pandas."""
RUNS = [
    *(("--version", redirection) for redirection in ["<&- >&- 2>&-", "<&-", ">&-", ">/dev/full", "| :"]),
    *(("policy --unknown", redirection) for redirection in ["<&- >&- 2>&-", "2>&-", "2>/dev/full"]),
]
"""Each command with what its own stream may be."""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_closed_or_full_stream_causes_no_traceback(tmp_path: Path, environment: dict[str, str]) -> None:
    """Some schedulers start a command with closed streams."""
    lines = [
        f"{{ {shlex.quote(COMMAND)} {command} {redirection}; }} >out{number} 2>err{number}; echo $? >code{number}"
        for number, (command, redirection) in enumerate(RUNS)
    ]
    subprocess.run(["bash", "-c", "\n".join(lines)], cwd=tmp_path, env=environment, check=True)
    for number, (command, redirection) in enumerate(RUNS):
        output, problem, code = ((tmp_path / f"{name}{number}").read_text() for name in ("out", "err", "code"))
        assert "Traceback" not in output + problem, (command, problem)
        assert "Exception" not in output + problem, (command, problem)
        wrote_to_full = redirection == ">/dev/full" and command == "--version"
        assert int(code) == (1 if wrote_to_full else COMMANDS[command]), (command, problem)
        if wrote_to_full:
            assert problem == (
                "kvs-notebook: Can't write to standard output: No space left on device. Free space, or redirect it elsewhere.\n"
            )


PRINT_TO_CHILD = """
import os, subprocess, sys
from kvs_notebook.cli.standard_streams import open_standard_streams
open_standard_streams()
with open("table.csv", "w") as table:
    table.write("a table")
    child = "import os; files = [open(f'{n}.csv', 'w') for n in range(3)]; os.write(1, b'a'); os.write(2, b'b')"
    subprocess.run([sys.executable, "-c", child], check=True)
    os.write(1, b"c")
"""


def test_file_is_not_opened_in_place_of_a_closed_stream(tmp_path: Path) -> None:
    program = f"{shlex.quote(sys.executable)} -c {shlex.quote(PRINT_TO_CHILD)} <&- >&- 2>&-"
    subprocess.run(["bash", "-c", program], cwd=tmp_path, check=True)
    assert (tmp_path / "table.csv").read_text() == "a table"
    assert [(tmp_path / f"{number}.csv").read_text() for number in range(3)] == ["", "", ""], "a child's files"


@pytest.mark.parametrize("file_format", ["csv", "excel", "json", "parquet"])
def test_data_for_a_closed_standard_output_is_a_usage_error(file_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ClosedStream(io.BytesIO()) as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        with pytest.raises(
            click.UsageError, match=f"Standard output is closed. Pass a path to --{file_format} instead of -"
        ):
            inventory_options(**{file_format: "-"}).check()


@pytest.mark.parametrize(("option", "name"), [("parquet", "Parquet"), ("excel", "A workbook")])
def test_binary_is_not_written_to_a_terminal(
    screen: OutputStream, monkeypatch: pytest.MonkeyPatch, option: str, name: str
) -> None:
    monkeypatch.setattr(sys, "stdout", screen)
    inventory_options(csv="-").check()
    with pytest.raises(click.UsageError, match=f"{name} is binary, and standard output is a terminal"):
        inventory_options(**{option: "-"}).check()


@pytest.mark.parametrize(
    ("option", "path", "message"),
    [
        ("csv", "out/fleet.XLSX", "out/fleet.XLSX is the name of a workbook. Write it with --excel out/fleet.xlsx"),
        ("csv", "fleet.ods", "fleet.ods is the name of a workbook. Write it with --excel fleet.xlsx"),
        ("excel", "fleet.csv", "fleet.csv is not the name of an Excel workbook. End it with .xlsx"),
    ],
)
def test_name_of_another_kind_of_file_is_a_usage_error(option: str, path: str, message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        inventory_options(**{option: path}).check()


def inventory_options(**given: str) -> Options:
    defaults: dict[str, Any] = {field.name: () if field.type.startswith("tuple") else None for field in fields(Options)}  # type: ignore[union-attr]
    return Options(**defaults | given)


# --- a service that replies with control characters

ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/cam/1700000000000"
INFO = {
    "ChannelName": "cam",
    "ChannelARN": ARN,
    "ChannelType": "SINGLE_MASTER",
    "ChannelStatus": "ACTIVE",
    "CreationTime": 1700000000.0,
    "SingleMasterConfiguration": {"MessageTtlSeconds": 60},
    "Version": "abc",
}
IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::111122223333:user/me</Arn><UserId>AIDA</UserId><Account>111122223333</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""

Reply = tuple[int, dict[str, Any]]

REPLIES: dict[str, Callable[[str], Reply]] = {
    "error": lambda _: (400, {"__type": f"Access{EVIL}", "Message": f"no {EVIL}", EVIL: EVIL}),
    "error about tags": lambda operation: (
        (200, {"ChannelInfoList": [INFO]})
        if operation == "listSignalingChannels"
        else (403, {"__type": "AccessDeniedException", "message": EVIL})
    ),
    "channel and tags": lambda operation: (
        (
            200,
            {
                "ChannelInfoList": [
                    INFO | dict.fromkeys(("ChannelName", "ChannelStatus", "ChannelType", "Version"), EVIL)
                ]
            },
        )
        if operation == "listSignalingChannels"
        else (200, {"ResourceTagMappingList": [{"ResourceARN": ARN, "Tags": [{"Key": EVIL, "Value": EVIL}]}]})
    ),
}


@contextmanager
def service(reply: Callable[[str], Reply]) -> Iterator[str]:
    """Serve replies that no sandbox gives, on loopback; yield the endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if b"Action=GetCallerIdentity" in body:
                self._send(200, IDENTITY.encode(), "text/xml")
            else:
                status, parsed = reply(self.path.strip("/"))
                self._send(status, json.dumps(parsed).encode(), "application/json")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", REPLIES)
def test_no_reply_brings_control_characters_to_the_terminal(
    name: str, run_here: Run, environment: dict[str, str]
) -> None:
    screen = Terminal()
    with service(REPLIES[name]) as endpoint:
        variables = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAQQQQWWWWEEEERRRR",
            "AWS_SECRET_ACCESS_KEY": "x" * 40,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        streams = {"stdout": os.dup(screen.number), "stderr": os.dup(screen.number)}
        run_here("inventory", "--require", "Owner", env=environment | variables, **streams)
    shown = screen.read_to_end()
    assert "kvs-notebook: " in shown or "1 channel in 1 region" in shown
    assert "Traceback" not in shown
    assert is_shown_only(shown)
