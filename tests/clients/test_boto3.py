"""boto3's own clients of the data plane, in a process that does not import this package."""

from __future__ import annotations

import json
import sys


def test_boto3_gets_endpoints_and_ice_servers(in_sandbox):
    found = json.loads(in_sandbox(sys.executable, "camera.py"))
    assert found["endpoints"] == ["HTTPS", "WSS"]
    assert len(found["uris"]) == 6
    assert all(uri.startswith(("turn:", "turns:")) for uri in found["uris"])
