"""Each message that names a function, an argument, an option or a command has a test that follows it: the error goes away."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import os
import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import click
import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.cli.main import cli
from tests.advice_cases import CASES, ELSEWHERE
from tests.connections import connect_session
from tests.shared_sandbox import connection, shared
from tests.test_advice import NOT_MESSAGES, ROOT
from tests.unlimited_sandbox import sandbox

__all__ = ["connection", "sandbox", "shared"]  # fixtures

NAMES = re.compile(
    r"(?<![\w.])(?!datetime|print|help|re\.)(?:kvs\.|connection\.|sandbox\.|client\.|plan\.|pandas\.)?[a-z_]+[\w.]*\([^)]*\)"
    r"|(?<![\w-])--[a-z][a-z-]+[a-z]"
    r"|\bkvs-notebook [a-z]+\b"
    r"|(?<=.)(?<![\w(.,\"'<-])[a-z_]+=(?![=\w])"  # an argument at the beginning is the one that is not valid
    r"|AWS_[A-Z_]+"
    r"|pip install"
)
"""What a message may tell the user to call, pass, set or run."""

ONLY_A_VALUE = re.compile(r"[a-z_]+=\{\} is (not|too) [^.]*\. Expected [^()]*", re.DOTALL)
"""A message about an argument of the call that failed, which says what is expected of that argument."""


def advice() -> list[str]:
    """Return every text of the package that tells the user to call, pass, set or run something."""
    paths = [path for path in sorted(ROOT.rglob("*.py")) if path.name not in {*NOT_MESSAGES, "text_views.py"}]
    found = [text for path in paths for text in _texts(ast.parse(path.read_text(encoding="utf-8")))]
    return [text for text in found if " " in text and NAMES.search(text) and not ONLY_A_VALUE.fullmatch(text)]


def _texts(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module, ``{}`` for what is filled in, without docstrings and without help of the command."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # noqa: PD011 - of a syntax tree
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield node.value
        elif not _is_no_message(node):
            left += ast.iter_child_nodes(node)


def _is_no_message(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.keyword) and node.arg in {"help", "example"}


def test_every_advice_is_followed():
    texts = advice()
    followed = [*CASES, *(part for parts in ELSEWHERE.values() for part in parts)]
    assert [text for text in texts if not any(part in text for part in followed)] == []
    assert [part for part in followed if not any(part in text for text in texts)] == [], "no message says so"


def test_tests_elsewhere_exist():
    for place in ELSEWHERE:
        path, _, name = place.partition("::")
        assert f"def {name}(" in (Path(__file__).parent / path).read_text(encoding="utf-8"), place


# --- following it


class Reached(Exception):
    """A command has checked its options, and would start what other tests are about."""


STARTS = (
    "console_command.run_jupyterlab",
    "lab_command.run_jupyterlab",
    "picture_command._require_media",
    "inventory_command._connect",
)


class World:
    """What the Python of a case may use, beside modules: a fleet of two channels, and commands on its sandbox."""

    def __init__(
        self, sandbox: kvs.Sandbox, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str], fleet: pd.DataFrame
    ) -> None:
        self.sandbox, self.patch, self.fleet = sandbox, patch, fleet
        self.gate, self.arn = fleet[fleet["channel_name"] == "gate"], fleet["channel_arn"].iloc[0]
        self.other = sandbox.connection("444455556666")
        self.role = "arn:aws:iam::444455556666:role/Reader"
        self.unreachable = connect_session(
            boto3.Session("A", "s"), "us-east-1", endpoint_url="http://127.0.0.1:9", account_id="111122223333"
        )
        self.executor = ThreadPoolExecutor(1)
        self._started: list[kvs.Sandbox] = []
        self._capture = capture
        self._variables = sandbox.environment({})

    def close(self) -> None:
        self.executor.shutdown()
        for started in self._started:
            started.stop()

    def use(self, started: kvs.Sandbox) -> None:
        """Stop a sandbox at the end of the test."""
        self._started.append(started)

    def set_variables(self) -> None:
        """Let programs find the sandbox as a profile."""
        for name, value in self._variables.items():
            self.patch.setenv(name, value)

    def run(self, line: str) -> int:
        """Run the command, and return its exit code."""
        with self.patch.context() as patch:
            for name, value in self._variables.items():
                patch.setenv(name, value)
            return cli.main(shlex.split(line), standalone_mode=False) or 0

    def check(self, line: str) -> None:
        """Run the command until it has checked its options."""

        def reach(*_: object, **__: object) -> None:
            raise Reached

        with self.patch.context() as patch:
            for place in STARTS:
                patch.setattr(f"kvs_notebook.cli.{place}", reach)
            patch.setattr("kvs_notebook.cli.console_command._environment", lambda **_: contextlib.nullcontext({}))
            with pytest.raises(Reached):
                self.run(line)

    def output(self) -> str:
        """Return what was printed since the last call."""
        return "".join(self._capture.readouterr())

    def raise_output(self) -> None:
        """Raise what a command has printed, which did not fail."""
        raise click.UsageError(self.output())

    @staticmethod
    def raise_refusals(plan: kvs.plans.Plan) -> None:
        """Raise why rows of a plan were refused, if any were."""
        if len(plan.refused):
            raise click.UsageError("; ".join(plan.refused["reason"]))

    def names(self) -> dict[str, object]:
        public = {name: getattr(self, name) for name in dir(self) if not name.startswith("_")}
        modules = {"kvs": kvs, "pd": pd, "re": re, "os": os, "errors": errors, "asyncio": asyncio, "Path": Path}
        return public | modules


@pytest.fixture
def names(sandbox, connection, tmp_path, monkeypatch, capsys) -> Iterator[dict[str, object]]:
    """Return the namespace of a case, whose files are in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    for name in ("gate", "roof"):
        kvs.create_channel(name, tags={"Site": "hq"})
    kvs.create_channel("gate", connection=sandbox.connection("444455556666"))
    world = World(sandbox, monkeypatch, capsys, kvs.list_channels(tags=True))
    yield world.names()
    world.close()


@pytest.mark.draw(12)
@pytest.mark.parametrize("part", CASES)
def test_advice_makes_the_error_go_away(part, names):
    case = CASES[part]
    with pytest.raises((errors.KVSError, click.UsageError, TypeError)) as raised:
        exec(case.fail, names)  # noqa: S102 - our own Python
    message = raised.value.message if isinstance(raised.value, click.UsageError) else str(raised.value)
    assert re.search(".*".join(map(re.escape, part.split("{}"))), message), message
    shown = re.findall(r"kvs\.[a-z_.]+\((?:[^()]|\([^()]*\))*\)", message)
    exec(case.follow, names | {"message": message, "shown": lambda: shown[0]})  # noqa: S102 - our own Python
