"""The CPU time of a command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence


def cpu_seconds_of(command: Sequence[str], environment: Mapping[str, str] = os.environ) -> float:
    """Run a command without its output, and return the user and system time of its process and of those it waited for."""
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawn(command[0], list(command), environment, file_actions=silent)
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        raise RuntimeError(f"{shlex.join(command)} failed. Its error is on standard error above.")
    return usage.ru_utime + usage.ru_stime
