"""A profile's ``credential_process`` with an end: a program that hangs, or prints without end, is killed."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

SECONDS = 60.0
"""How long the program may take; a user who has to sign in does that before, at a terminal."""

MOST_BYTES = 1_000_000
"""How much it may print; credentials are a few kilobytes."""


class BoundedProcess:
    """What botocore needs of subprocess.Popen to run a credential_process, with bounds of time and size.

    The program is killed with the programs that it started, unless it may ask at the terminal: then it stays in the group of
    this process, which may read from the terminal, and Ctrl-C reaches all of them.

    Raises
    ------
    OSError
        If the program cannot be started.
    """

    def __init__(self, command: Sequence[str], **pipes: Any) -> None:
        self._program = command[0] if command else ""
        self._has_own_group = not _has_terminal()
        self._process = subprocess.Popen(command, start_new_session=self._has_own_group, **pipes)  # noqa: S603 - the user's

    @property
    def returncode(self) -> int | None:
        """The exit code, None before communicate() has returned."""
        return self._process.returncode

    def communicate(self) -> tuple[bytes, bytes]:
        """Return what the program printed to standard output and standard error.

        Raises
        ------
        botocore.exceptions.CredentialRetrievalError
            If it did not end in time or printed too much, and was killed.
        """
        deadline = time.monotonic() + SECONDS
        printed: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        for name in ("stdout", "stderr"):
            threading.Thread(target=self._read, args=(name, printed), daemon=True).start()
        found: dict[str, bytes] = {}
        try:
            while len(found) < 2:  # noqa: PLR2004 - both streams
                name, content = printed.get(timeout=max(0.0, deadline - time.monotonic()))
                if len(content) > MOST_BYTES:
                    self._fail(f"printed more than {MOST_BYTES:,} bytes")
                found[name] = content
            self._process.wait(deadline - time.monotonic())
        except (queue.Empty, subprocess.TimeoutExpired):
            self._fail(f"did not end within {SECONDS:g} s")
        except BaseException:
            self._kill()
            raise
        return found["stdout"], found["stderr"]

    def _read(self, name: str, printed: queue.SimpleQueue[tuple[str, bytes]]) -> None:
        with getattr(self._process, name) as pipe:
            printed.put((name, pipe.read(MOST_BYTES + 1)))

    def _fail(self, why: str) -> NoReturn:
        from botocore.exceptions import CredentialRetrievalError

        self._kill()
        raise CredentialRetrievalError(
            provider="credential_process", error_msg=f"{self._program!r} {why} and was killed"
        ) from None

    def _kill(self) -> None:
        if self._has_own_group and hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()


def _has_terminal() -> bool:
    """Return whether a program can ask the user at the terminal of this process; a kernel has none."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True
