"""AWS's JS SignalingClient, unchanged: in both roles under Node, as a viewer in a browser."""

from __future__ import annotations

import json
import sys

TALK = """
import kvs_notebook as kvs, subprocess, sys
kvs.create_channel("front-door", connection=kvs.connect(region="us-east-1", allow_changes=True))
node = [sys.argv[1], "--no-warnings", "--experimental-websocket", "signaling.mjs"]
roles = {"MASTER": [], "VIEWER": ["tablet"]}
order = sys.argv[2].split(",")
started = [subprocess.Popen([*node, role, "front-door", *roles[role]], stdout=subprocess.PIPE, text=True) for role in order]
for role, process in zip(order, started):
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, (role, output)
    print(role, "[" + ",".join(output.split("\\n")[:-1]) + "]")
"""


def spoken(output: str) -> dict[str, list[dict[str, str]]]:
    lines = (line.partition(" ") for line in output.splitlines())
    return {role: json.loads(said) for role, _, said in lines}


def test_both_roles_exchange_an_offer_an_answer_and_candidates(node, in_sandbox):
    for order in ("MASTER,VIEWER", "VIEWER,MASTER"):
        heard = spoken(in_sandbox(sys.executable, "-c", TALK, node, order))
        assert heard["MASTER"] == [
            {"iceServers": 2},
            {"open": "MASTER"},
            {"offer": "offer of tablet", "from": "tablet"},
            {"candidate": "candidate of tablet", "from": "tablet"},
            {"closed": "MASTER"},
        ]
        assert heard["VIEWER"] == [
            {"iceServers": 2},
            {"open": "VIEWER"},
            {"answer": "answer to tablet"},
            {"candidate": "candidate of the camera"},
            {"closed": "VIEWER"},
        ]


def test_a_page_in_chromium_gets_its_echo_over_a_peer_connection(viewer_page, chromium, in_sandbox):
    seen = json.loads(in_sandbox(sys.executable, "browser.py", chromium, str(viewer_page)))
    assert seen == {"refused": "ResourceNotFoundException", "iceServers": 2, "heard": "echo of page"}
