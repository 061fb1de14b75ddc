"""Residence: the directory that a sandbox lives in, which one process owns; where it is durable, others join."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvs_notebook.errors import SandboxError

if TYPE_CHECKING:
    from filelock import BaseFileLock

OURS_ALONE = 0o700


class StateDirectory:
    """Hold a directory: who owns it, where its owner answers, and where its database is.

    The lock is the system's own, so that it goes with its process however that ends.

    Parameters
    ----------
    directory
        Where to stay; None for a temporary one that goes with the sandbox, and is made when something is to be put there.
    """

    def __init__(self, directory: Path | None) -> None:
        self.durable = directory is not None
        self._directory = directory
        self._lock: BaseFileLock | None = None

    @property
    def directory(self) -> Path:
        """The directory."""
        if self._directory is None:  # most sandboxes need none, and so leave none behind when they are killed
            self._directory = Path(tempfile.mkdtemp(prefix="kvs-notebook-"))
        return self._directory

    @property
    def database(self) -> Path | None:
        """The SQLite file, None for one in memory."""
        return self.directory / "sandbox.sqlite" if self.durable else None

    @property
    def _notice(self) -> Path:
        return self.directory / "sandbox.json"

    def prepare(self) -> None:
        """Make a durable directory where it is missing.

        Raises
        ------
        SandboxError
            Where it cannot be made or used.
        """
        if not self.durable:
            return
        try:
            self.directory.mkdir(mode=OURS_ALONE, parents=True, exist_ok=True)
            if not os.access(self.directory, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise SandboxError(
                f"The sandbox can't keep its state in {self.directory}: {error.strerror}. Give a directory that you may "
                "write to, as state=, or none for a sandbox in memory."
            ) from error

    def take(self) -> bool:
        """Become the owner, if nobody is; the notice of one that has gone is taken down."""
        if not self.durable:
            return True
        from filelock import FileLock, Timeout

        lock = FileLock(self.directory / "sandbox.lock", mode=0o600, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        except OSError as error:
            raise SandboxError(
                f"The sandbox can't lock {self.directory}: {error.strerror}. Give a directory on a local disk as state=."
            ) from error
        self._lock = lock
        self._notice.unlink(missing_ok=True)
        return True

    def leave(self) -> None:
        """Stop being the owner; what is to be kept in a directory that does not last fails from then on."""
        if not self.durable:
            shutil.rmtree(self.directory, ignore_errors=True)
        elif self._lock is not None:
            self._notice.unlink(missing_ok=True)
            self._lock.release()
            self._lock = None

    def announce(self, notice: Mapping[str, Any]) -> None:
        """Say where the owner answers, to be called once it does."""
        fresh = self._notice.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(notice, file)
        fresh.replace(self._notice)

    def announced(self) -> dict[str, Any] | None:
        """Give what the owner has said, None where it has not yet."""
        try:
            notice: dict[str, Any] = json.loads(self._notice.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return notice
