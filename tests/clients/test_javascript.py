"""AWS's JavaScript SignalingClient, unchanged: in both roles under Node, as a viewer in a browser."""

from __future__ import annotations

import json
import sys

TALK = """
import kvs_notebook as kvs, subprocess, sys
kvs.connect(region="us-east-1", allow_changes=True)
node = [sys.argv[1], "--no-warnings", "--experimental-websocket", "signaling.mjs"]
for order in (["MASTER", "VIEWER"], ["VIEWER", "MASTER"]):
    channel = f"{order[0].lower()}-first"
    kvs.create_channel(channel)
    arguments = {"MASTER": ["MASTER", channel], "VIEWER": ["VIEWER", channel, "tablet"]}
    started = [subprocess.Popen([*node, *arguments[role]], stdout=subprocess.PIPE, text=True) for role in order]
    for role, process in zip(order, started):
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, (role, output)
        print(channel, role, "[" + ",".join(output.split("\\n")[:-1]) + "]")
"""

MASTER = [
    {"open": "MASTER"},
    {"offer": "offer of tablet", "from": "tablet"},
    {"candidate": "candidate of tablet", "from": "tablet"},
    {"closed": "MASTER"},
]
VIEWER = [
    {"open": "VIEWER"},
    {"answer": "answer to tablet"},
    {"candidate": "candidate of the camera"},
    {"closed": "VIEWER"},
]


def test_both_roles_exchange_an_offer_an_answer_and_candidates(node, in_sandbox):
    printed = [line.split(" ", 2) for line in in_sandbox(sys.executable, "-c", TALK, node).splitlines()]
    seen = {(channel, role): json.loads(events) for channel, role, events in printed}
    for channel in ("master-first", "viewer-first"):
        servers = [seen[channel, role].pop(0)["iceServers"] for role in ("MASTER", "VIEWER")]
        assert sorted(servers) == [1, 2]  # the sandbox returns two and one in turn
        assert (seen[channel, "MASTER"], seen[channel, "VIEWER"]) == (MASTER, VIEWER)


def test_page_in_chromium_gets_its_echo_over_a_peer_connection(viewer_page, chromium, in_sandbox):
    seen = json.loads(in_sandbox(sys.executable, "browser.py", chromium, str(viewer_page)))
    assert seen == {"refused": "ResourceNotFoundException", "iceServers": 2, "heard": "echo of page"}
