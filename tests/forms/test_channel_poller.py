"""The poller: requests made before a listing starts share it."""

from __future__ import annotations

import threading

from kvs_notebook.dataframes.builders import empty
from kvs_notebook.dataframes.schemas import CHANNELS
from kvs_notebook.forms import channel_poller
from kvs_notebook.forms.channel_poller import ChannelPoller
from kvs_notebook.forms.executor import ContextExecutor


def test_waiting_requests_share_one_listing(monkeypatch):
    monkeypatch.setattr(channel_poller, "SECONDS_BETWEEN_LISTS", 0.0)
    go, begun, calls = threading.Event(), threading.Event(), []

    def list_once():
        calls.append(1)
        begun.set()
        assert go.wait(20)
        return empty(CHANNELS)

    with ContextExecutor() as executor:
        poller = ChannelPoller(list_once, calls.append, executor)
        first = poller.request()
        assert begun.wait(20)
        second, third = poller.request(), poller.request()
        go.set()
        assert second is third is not first
        assert first.result(20).empty
        assert second.result(20).empty
        assert len(calls) == 2
        poller.close()
        assert poller.request().cancelled()
