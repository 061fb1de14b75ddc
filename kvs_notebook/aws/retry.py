"""Retry a throttled call, a bounded number of times.

botocore makes one attempt on ClientLimitExceededException in every retry mode, so these retries are the toolkit's own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from kvs_notebook.errors import Throttled

if TYPE_CHECKING:
    from tenacity import RetryCallState

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
    import tenacity  # with it comes tornado, if that is installed: not before the first call

    def log(state: RetryCallState) -> None:
        wait = state.next_action.sleep if state.next_action else 0.0
        _logger.info(
            "%s was throttled (attempt %d of %d), next in %.2f s", operation, state.attempt_number, MAX_ATTEMPTS, wait
        )

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Throttled),
        stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
        sleep=sleep,
        before_sleep=log,
        reraise=True,
    )
    return retrying(call)
