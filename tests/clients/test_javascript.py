"""AWS's JavaScript SignalingClient, unchanged: in both roles under Node, as a viewer in a browser."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import kvs_notebook as kvs

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


@pytest.mark.draw(1)
@pytest.mark.parametrize("order", [("MASTER", "VIEWER"), ("VIEWER", "MASTER")], ids="-".join)
def test_both_roles_exchange_an_offer_an_answer_and_candidates(node, sandbox, in_sandbox, order):
    kvs.create_channel("front-door", connection=sandbox.connection())
    program = [node, "--no-warnings", "--experimental-websocket", "signaling.mjs"]
    arguments = {"MASTER": ["MASTER", "front-door"], "VIEWER": ["VIEWER", "front-door", "tablet"]}
    with ThreadPoolExecutor() as pool:
        started = {role: pool.submit(in_sandbox, *program, *arguments[role]) for role in order}
    seen = {role: [json.loads(line) for line in each.result().splitlines()] for role, each in started.items()}
    servers = [seen[role].pop(0)["iceServers"] for role in ("MASTER", "VIEWER")]
    assert sorted(servers) == [1, 2]  # the sandbox returns two and one in turn
    assert (seen["MASTER"], seen["VIEWER"]) == (MASTER, VIEWER)


def test_page_in_chromium_gets_its_echo_over_a_peer_connection(viewer_page, chromium, in_sandbox):
    seen = json.loads(in_sandbox(sys.executable, "browser.py", chromium, str(viewer_page)))
    assert seen == {"refused": "ResourceNotFoundException", "iceServers": 2, "heard": "echo of page"}
