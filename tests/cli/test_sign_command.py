"""kvs-notebook sign: a viewer's URL for a terminal or a private file, and for nothing else that was not asked for."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pexpect
import pytest
import websockets
from nbclient import NotebookClient

import kvs_notebook as kvs
from tests.cli.conftest import COMMAND, Run, single_line

SIGN = ("sign", "front-door", "--client-id", "tablet")


@pytest.fixture(scope="module")
def shared() -> Iterator[kvs.Sandbox]:
    """Yield one sandbox for the file: starting it takes longer than most of its tests."""
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(creating_seconds=0)) as sandbox:
        kvs.create_channel("front-door", connection=sandbox.connection())
        yield sandbox


@pytest.fixture
def account(shared: kvs.Sandbox) -> kvs.Sandbox:
    shared.clear_denials()
    return shared


def connects(url: str, account: kvs.Sandbox) -> bool:
    async def connect() -> None:
        async with websockets.connect(url, ssl=account.connection().tls_context(url), proxy=None):
            pass

    asyncio.run(connect())
    return True


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_url_is_written_to_a_private_file(
    run: Run, profile: dict[str, str], account: kvs.Sandbox, tmp_path: Path
) -> None:
    older = tmp_path / "viewer.url"
    older.write_text("older")
    older.chmod(0o644)
    done = run(*SIGN, "-o", "viewer.url", env=profile)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        "Wrote viewer.url, which only you may read.\nThe URL can be used to connect for 299 s, by everyone who has it.\n"
    )
    assert permissions(older) == 0o600
    assert connects(older.read_text().strip(), account)
    assert "X-Amz-ClientId=tablet" in older.read_text()


def test_ice_servers_are_written_beside_the_url(run: Run, profile: dict[str, str], tmp_path: Path) -> None:
    done = run(*SIGN, "-o", "viewer.url", "--with-ice", "--expires", "60", env=profile)
    assert done.stderr.splitlines() == [
        "Wrote viewer.url, which only you may read.",
        "Wrote viewer-ice.json, which only you may read.",
        "The URL can be used to connect for 60 s, the ICE servers for 300 s, by everyone who has them.",
    ]
    assert {permissions(tmp_path / name) for name in ("viewer.url", "viewer-ice.json")} == {0o600}
    servers = json.loads((tmp_path / "viewer-ice.json").read_text())
    assert {key for server in servers for key in server} == {"urls", "username", "credential"}
    assert [uri.partition(":")[0] for uri in servers[0]["urls"]] == ["turn", "turns", "turns"]


def test_failed_file_leaves_neither_of_both(run: Run, profile: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "viewer-ice.json").mkdir()
    done = run(*SIGN, "-o", "viewer.url", "--with-ice", env=profile)
    assert done.returncode == 1
    assert "Can't write viewer-ice.json" in single_line(done.stderr)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_pipe_gets_a_url_only_if_asked_for(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    before = len(account.requests)
    refused = run(*SIGN, env=profile)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "standard output is not a terminal. Pass -o FILE, or -o - to print it anyway." in refused.stderr
    assert len(account.requests) == before
    asked = run(*SIGN, "-o", "-", "--with-ice", env=profile)
    url, servers = asked.stdout.splitlines()
    assert connects(url, account)
    assert json.loads(servers)[0]["credential"]


def test_terminal_gets_the_url(profile: dict[str, str], account: kvs.Sandbox) -> None:
    printed = pexpect.run(f"{COMMAND} {' '.join(SIGN)}", env={**profile, "COLUMNS": "80"}, encoding="utf-8", timeout=60)
    url, note = printed.splitlines()
    assert connects(url, account)
    assert note.startswith("The URL can be used")


def test_notebook_cell_does_not_get_the_url(profile: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in profile.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    cells = [nbformat.v4.new_code_cell(f"!{COMMAND} {' '.join(SIGN)}")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    saved = nbformat.writes(notebook)
    assert "X-Amz" not in saved
    assert "Pass -o FILE" in saved


def test_arn_decides_the_region(run: Run, profile: dict[str, str], account: kvs.Sandbox) -> None:
    there = account.connection(region="eu-west-1")
    arn = kvs.create_channel("gate", connection=there)["channel_arn"].item()
    done = run("sign", arn, "--client-id", "tablet", "-o", "-", env=profile)
    assert done.returncode == 0
    assert "%2Feu-west-1%2F" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sign", "no-such", "--client-id", "tablet"], "no-such"),
        (["sign", "front-door", "--client-id", "a b"], "Client id 'a b'"),
        (["sign", "arn:aws:x", "--client-id", "tablet"], "Channel ARN"),
    ],
)
def test_error_of_sign_is_one_line(
    run: Run, profile: dict[str, str], tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = run(*arguments, "-o", "viewer.url", env=profile)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in single_line(done.stderr)
    assert not (tmp_path / "viewer.url").exists()


def test_file_is_private_from_its_first_byte(
    run: Run, profile: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    opened = os.open
    monkeypatch.setattr(
        "kvs_notebook.atomic_file.os.open",
        lambda path, flags, mode=0o777: modes.append(mode) or opened(path, flags, mode),
    )
    assert run(*SIGN, "-o", "viewer.url", env=profile).returncode == 0
    assert 0o600 in modes
    assert not [mode for mode in modes if mode & 0o077 and mode != 0o777]
