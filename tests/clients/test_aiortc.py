"""Real peer connections with a data channel, over the sandbox's signaling and over loopback."""

from __future__ import annotations

import json
import sys

import pytest


@pytest.mark.parametrize("viewers", [1, 10])
def test_viewers_that_call_before_the_camera_is_there_each_hear_their_own_echo(in_sandbox, viewers):
    heard = json.loads(in_sandbox(sys.executable, "echo.py", str(viewers)))
    assert heard == [f"echo of viewer-{number}" for number in range(viewers)]
