"""Tests of probe_channel()."""

from __future__ import annotations

from kvs_notebook.signaling.probe import probe_channel
from tests.signaling.event_loop import (
    BOUND_SECONDS,
    run_bounded,
)


def test_probe_connects_once_as_a_viewer_and_disconnects(sandbox, connection, channel):
    seconds = [run_bounded(lambda: probe_channel("front-door", connection)) for _ in range(2)]
    assert all(0 < second < BOUND_SECONDS for second in seconds)
    served = sandbox.requests.query("operation.str.startswith('Connect')")
    assert served["operation"].tolist() == ["ConnectAsViewer"] * 2
    assert sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER") == 0
