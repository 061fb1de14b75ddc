"""Client ids of viewers in notebooks: the same after a restart of the kernel, different for views that play at the same time.

A viewer that lost its connection may count toward the channel's 10 viewers for hours, unless it connects again with the same id.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import threading
from pathlib import Path

PREFIX = "kvs-notebook"


def notebook_digest() -> str:
    """Return eight characters that tell this notebook on this machine from others, and nothing about them to the camera."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container whose user has no entry
        user = str(os.getuid()) if hasattr(os, "getuid") else ""
    notebook = os.environ.get("JPY_SESSION_NAME") or str(Path.cwd())
    return hashlib.sha256(f"{platform.node()}\n{user}\n{notebook}".encode()).hexdigest()[:8]


class ClientIds:
    """The client ids that views of this process use, by channel."""

    def __init__(self) -> None:
        self._in_use: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def take(self, channel_name: str) -> str:
        """Return the first client id that no other view of this channel uses, until release()."""
        stem = f"{PREFIX}-{notebook_digest()}"
        with self._lock:
            number = 1
            while (channel_name, f"{stem}-{number}") in self._in_use:
                number += 1
            self._in_use.add((channel_name, f"{stem}-{number}"))
        return f"{stem}-{number}"

    def release(self, channel_name: str, client_id: str) -> None:
        """Release a client id, so that another view of this channel can use it."""
        with self._lock:
            self._in_use.discard((channel_name, client_id))


client_ids = ClientIds()
