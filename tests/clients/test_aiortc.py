"""aiortc peer connections with a data channel, over the sandbox's signaling and loopback."""

from __future__ import annotations

import json
import sys


def test_viewers_that_call_before_the_camera_get_their_own_echo(in_sandbox):
    viewers = 4
    heard = json.loads(in_sandbox(sys.executable, "echo.py", str(viewers)))
    assert heard == [f"echo of viewer-{number}" for number in range(viewers)]
