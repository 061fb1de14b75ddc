"""Temporary directories of sandboxes: each is locked by its owner, so that the next start removes those of killed processes."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kvs_notebook.atomic_file import OWNER_ONLY

if TYPE_CHECKING:
    from filelock import BaseFileLock

PREFIX = "kvs-notebook-"
LOCK_FILE = "owner.lock"
ATTEMPTS = 10

_logger = logging.getLogger(__name__)


class TemporaryDirectory:
    """A directory for the files of one sandbox, which this process created.

    Attributes
    ----------
    path
        The directory.
    """

    def __init__(self, path: Path, lock: BaseFileLock) -> None:
        self.path = path
        self._lock = lock
        self._process_id = os.getpid()

    @classmethod
    def create(cls) -> TemporaryDirectory:
        """Create a directory that only this user can read, and lock it.

        Raises
        ------
        OSError
            If the directory cannot be created or locked.
        """
        for _ in range(ATTEMPTS):
            path = Path(tempfile.mkdtemp(prefix=PREFIX))
            lock = _lock(path)
            # Until it is locked, a sandbox that starts may take the directory for one that a killed process left, and remove it;
            # the lock then creates it again, but not for this user alone.
            if lock is not None:
                if (path / LOCK_FILE).exists() and _is_private(path):
                    return cls(path, lock)
                _remove(path)
                lock.release()
        raise OSError(f"no directory in {tempfile.gettempdir()} could be locked")

    def remove(self) -> None:
        """Remove the directory; in a forked child do nothing, because its parent uses it."""
        if os.getpid() == self._process_id:
            _remove(self.path)
            self._lock.release()


def remove_abandoned_directories() -> None:
    """Remove the temporary directories of this user whose owner was killed: no process holds their lock any more."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            lock = _lock(path) if _is_private(path) and (path / LOCK_FILE).exists() else None
            if lock is not None:
                _remove(path)
                lock.release()
        except OSError as error:  # another process removes it at the same time
            _logger.debug("Temporary directory %s was not removed: %s", path, error)


def _lock(directory: Path) -> BaseFileLock | None:
    """Return the lock of a directory, acquired; None if another process holds it or has just removed the directory."""
    from filelock import FileLock, Timeout

    lock = FileLock(directory / LOCK_FILE, mode=OWNER_ONLY, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except (Timeout, FileNotFoundError):
        return None
    return lock


def _remove(directory: Path) -> None:
    """Remove a directory, its lock last: if this process is killed meanwhile, the next start removes the rest."""
    for path in directory.iterdir() if directory.exists() else ():
        if path.name != LOCK_FILE:
            path.unlink(missing_ok=True)
    shutil.rmtree(directory, ignore_errors=True)


def _is_private(path: Path) -> bool:
    """Return whether a path is a directory, no link to one, that belongs to this user alone."""
    found = path.lstat()
    owner = getattr(os, "geteuid", lambda: found.st_uid)()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not stat.S_IMODE(found.st_mode) & 0o077
