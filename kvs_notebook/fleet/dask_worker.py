"""Prepare the Dask worker that an account-region is read on."""

from __future__ import annotations

import logging
import sys

_logger = logging.getLogger(__name__)

PROFILER_MAY_DEADLOCK = sys.version_info < (3, 12)
"""True if ``sys._current_frames()`` may collect garbage while it holds the lock of the list of threads (gh-106883)."""


def stop_profiler() -> None:
    """Stop the statistical profiler of the Dask worker that this runs on, if Python 3.11 may deadlock in it.

    The profiler reads the stacks of all threads every 10 ms. With 32 threads that read account-regions, workers hung within a
    minute. Outside a Dask worker, nothing happens.
    """
    distributed = sys.modules.get("distributed")
    if not PROFILER_MAY_DEADLOCK or distributed is None:
        return
    try:
        worker = distributed.get_worker()
    except ValueError:  # a task of another executor
        return
    profiler = worker.periodic_callbacks.get("profile")
    if profiler is not None and profiler.is_running():
        _logger.info("Stopped the profiler of Dask worker %s: Python 3.11 may deadlock in it", worker.address)
        worker.loop.add_callback(profiler.stop)
