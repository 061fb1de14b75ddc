"""Memory that is free goes back to the operating system."""

from __future__ import annotations

import ctypes

import psutil
import pytest

from kvs_notebook.live import free_memory

FREED = 100_000_000


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library keeps no free memory that it can return"
)
def test_memory_below_a_block_in_use_is_returned():
    blocks = [bytes(1_000) for _ in range(FREED // 1_000)]
    last = blocks.pop()
    blocks.clear()
    before = psutil.Process().memory_info().rss
    free_memory.return_free_memory()
    assert before - psutil.Process().memory_info().rss > FREED / 2
    assert len(last) == 1_000
