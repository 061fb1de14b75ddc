"""The pages of a listing: all of them, each channel once."""

from __future__ import annotations

import kvs_notebook as kvs
from kvs_notebook.channels import listing


def test_the_pages_of_a_list_are_asked_for_by_a_size_of_our_own(sandbox, connection):
    seen = []
    client = connection.client(purpose="listing", prepare=listing.skip_response_parser)
    client.meta.events.register(
        "provide-client-params.kinesis-video.ListSignalingChannels", lambda params, **_: seen.append(params)
    )
    kvs.list_channels()
    assert seen == [{"MaxResults": 1000}]
