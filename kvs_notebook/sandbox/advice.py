"""What the toolkit tells the user of a sandbox after an error."""

from __future__ import annotations

from collections.abc import Mapping

from kvs_notebook.aws.error_translation import NEXT_STEP
from kvs_notebook.errors import ChannelNotFound, KVSError

SANDBOX_STOPPED = (
    "The sandbox has stopped. Call kvs.use_sandbox() again (in a walkthrough: run its first code cell), then repeat the "
    "call."
)
NEXT_STEPS: Mapping[type[KVSError], str] = {
    ChannelNotFound: f"{NEXT_STEP[ChannelNotFound]} If the sandbox was started again, "
    "run the cell that creates it again.",
}
"""A notebook may have started its sandbox again, which is empty then."""
