"""Advice to users of a sandbox, which error messages of the toolkit append."""

from __future__ import annotations

from collections.abc import Mapping

from kvs_notebook.aws.error_translation import NEXT_STEP
from kvs_notebook.errors import ChannelNotFound, KVSError

START_AGAIN = (
    "Call kvs.use_sandbox() again (in a walkthrough: run its first code cell), or kvs.Sandbox() with the same arguments, then "
    "repeat the call."
)
SANDBOX_STOPPED = f"The sandbox has stopped: {START_AGAIN[0].lower()}{START_AGAIN[1:]}"
SANDBOX_RUNS = "The sandbox is still running: call again, after sandbox.faults.clear() if a fault cut the connection."
"""A connection that was cut does not tell whether the sandbox has stopped."""

NEXT_STEPS: Mapping[type[KVSError], str] = {
    ChannelNotFound: f"{NEXT_STEP[ChannelNotFound].removesuffix('.')}, and a sandbox that was started again is empty: "
    "run the cell that creates the channel again.",
}
"""Advice per error: a notebook may have started its sandbox again, which is empty then."""
