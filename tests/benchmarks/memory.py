"""Memory: the peak of this process."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path


def peak_bytes() -> int:
    """Give the most bytes that were resident since this program began.

    getrusage() counts what its parent had when it started this program, too: Linux has a number of the program's own.
    """
    if sys.platform == "linux":
        return int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes, on macOS
