"""The log shows what the toolkit does by itself: waits, retries and new attempts."""

from __future__ import annotations

import logging
import subprocess
import sys


def test_package_is_silent_without_logging_configuration():
    code = "import logging, kvs_notebook; logging.getLogger('kvs_notebook.aws.retry').warning('heard')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_throttled_call_logs_each_retry(sandbox, connection, monkeypatch, caplog):
    monkeypatch.setattr(connection.rate_limiter, "sleep", lambda _: None)
    sandbox.faults.add("ListSignalingChannels", "throttle", times=2)
    with caplog.at_level(logging.INFO, "kvs_notebook"):
        connection.call("ListSignalingChannels", {})
    messages = [record.getMessage() for record in caplog.records if record.name == "kvs_notebook.aws.retry"]
    assert [message.partition(", next")[0] for message in messages] == [
        "ListSignalingChannels was throttled (attempt 1 of 8)",
        "ListSignalingChannels was throttled (attempt 2 of 8)",
    ]
