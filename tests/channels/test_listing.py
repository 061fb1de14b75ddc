"""The pages of ListSignalingChannels."""

from __future__ import annotations

import kvs_notebook as kvs
from kvs_notebook.channels import listing


def test_list_requests_pages_of_1000_channels(sandbox, connection):
    seen = []
    client = connection.client(purpose="listing", prepare=listing.skip_response_parser)
    client.meta.events.register(
        "provide-client-params.kinesis-video.ListSignalingChannels", lambda params, **_: seen.append(params)
    )
    kvs.list_channels()
    assert seen == [{"MaxResults": 1000}]
