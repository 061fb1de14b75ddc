"""Retry a throttled call, a bounded number of times.

botocore makes one attempt on ClientLimitExceededException in every retry mode, so these retries are the toolkit's own:
a loop, since each call would pay for tenacity, and the first one for its import.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TypeVar

from kvs_notebook.errors import Throttled

Result = TypeVar("Result")

MAX_ATTEMPTS = 8
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0

_logger = logging.getLogger(__name__)


def retry_throttled(call: Callable[[], Result], operation: str, sleep: Callable[[float], None]) -> Result:
    """Return what ``call`` returns, after up to 8 attempts; raise Throttled if the last of them is throttled, too.

    The waits between are random up to a bound that doubles (full jitter), so that clients that were throttled together do not
    come back together.
    """
    for attempt in range(1, MAX_ATTEMPTS):
        try:
            return call()
        except Throttled:
            longest = min(FIRST_WAIT_SECONDS * 2 ** (attempt - 1), LONGEST_WAIT_SECONDS)
            wait = random.uniform(0, longest)  # noqa: S311 - not a secret
        _logger.info("%s was throttled (attempt %d of %d), next in %.2f s", operation, attempt, MAX_ATTEMPTS, wait)
        sleep(wait)
    return call()
