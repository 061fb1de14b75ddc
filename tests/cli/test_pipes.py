"""Into a pipe, no command prints a line for each channel or a progress bar unless it is asked to."""

from __future__ import annotations

import re
import shlex

import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.rate_limit import RateLimiter
from tests.cli.conftest import Run

CHANNELS = 40
MOST_LINES = 34
PLACE = f"{CHANNELS} in 111122223333 us-east-1"

COMMANDS = {
    "inventory --csv fleet.csv --require Owner": 1,
    "plan tags fleet.csv --set Env=prod": 0,
    "plan delete fleet.csv": 0,
    "plan sheet fleet.csv --original fleet.csv": 0,
    "plan ensure fleet.csv --current fleet.csv": 0,
    "plan ttl fleet.csv 900": 2,
    "plan ttl fleet.csv 90 -o ttl": 0,
    f"apply ttl --confirm 'change {PLACE}'": 0,
    "undo ttl -o undone": 0,
}
"""Each command with its exit code."""


def test_no_command_prints_a_line_for_each_channel(
    run: Run, profile: dict[str, str], account: kvs.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channels have no tags, which their export has to tell from tags that were not read: else no row could be planned."""
    monkeypatch.setattr(RateLimiter, "wait", lambda *_: None)
    account.reset()
    account.seed(CHANNELS)
    for command, code in COMMANDS.items():
        done = run(*shlex.split(command), env=profile)
        assert done.returncode == code, (command, done.stdout, done.stderr)
        printed = done.stdout + done.stderr
        assert 0 < printed.count("\n") <= MOST_LINES, (command, printed)
        assert not re.search("\r|/s[,\\]]", printed), (command, printed)
