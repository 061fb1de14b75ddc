"""boto3's own clients of the data plane, in a process that knows nothing of this package."""

from __future__ import annotations

import json
import sys


def test_boto3_finds_endpoints_and_ice_servers(in_sandbox):
    found = json.loads(in_sandbox(sys.executable, "camera.py"))
    assert found["endpoints"] == ["HTTPS", "WSS"]
    assert len(found["uris"]) == 6
    assert all(uri.startswith(("turn:", "turns:")) for uri in found["uris"])
