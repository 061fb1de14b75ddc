"""State directory of a sandbox: its lock, its database and its files, shared by the processes that name it."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from kvs_notebook.atomic_file import OWNER_ONLY, replace_file
from kvs_notebook.errors import SandboxError
from kvs_notebook.sandbox.address import Address

if TYPE_CHECKING:
    from filelock import BaseFileLock

DIRECTORY_MODE = 0o700
ADDRESS_FILE = "sandbox.json"


class StateDirectory:
    """A directory in which one process at a time runs a server; if it is durable, other processes join that server.

    Parameters
    ----------
    path
        The directory. None uses a temporary directory, which is created when the first file is written and removed by
        :meth:`release`.
    """

    def __init__(self, path: Path | None) -> None:
        self.durable = path is not None
        self._path = path
        self._creation = threading.Lock()
        self._lock: BaseFileLock | None = None

    @property
    def path(self) -> Path:
        """The directory."""
        with self._creation:  # threads that ask at the same time get one directory
            if self._path is None:  # most sandboxes write no file, so that a killed one leaves nothing behind
                self._path = Path(tempfile.mkdtemp(prefix="kvs-notebook-"))
            return self._path

    @property
    def database(self) -> Path | None:
        """The SQLite file; None if the state is kept in memory."""
        return self.path / "sandbox.sqlite" if self.durable else None

    def create(self) -> None:
        """Create a durable directory if it does not exist.

        Raises
        ------
        SandboxError
            If the directory cannot be created or is not writable.
        """
        if not self.durable:
            return
        try:
            self.path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise SandboxError(
                f"Cannot keep the sandbox's state in {self.path}: {error.strerror}. Pass a writable directory as state=, or "
                "None to keep the state in memory."
            ) from error

    def acquire(self) -> bool:
        """Lock the directory for this process; return False if another process holds the lock.

        The operating system releases the lock when the process ends, however it ends.

        Raises
        ------
        SandboxError
            If the file system cannot lock files.
        """
        if not self.durable:
            return True
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / "sandbox.lock", mode=OWNER_ONLY, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        except OSError as error:
            raise SandboxError(
                f"Cannot lock {self.path}: {error.strerror}. Pass a directory on a local disk as state=."
            ) from error
        self._lock = lock
        self._remove_address()  # of a server that was killed
        return True

    def release(self) -> None:
        """Unlock the directory; remove a temporary one."""
        if not self.durable:
            # A later write fails instead of leaving a new directory behind.
            shutil.rmtree(self.path, ignore_errors=True)
        elif self._lock is not None:
            self._remove_address()
            self._lock.release()
            self._lock = None

    def publish(self, address: Address) -> None:
        """Write the address of a server that answers, for the processes that join it."""
        self.write(ADDRESS_FILE, address.to_json())

    def read_address(self) -> Address | None:
        """Return the address of the running server; None if it has not been published yet."""
        try:
            return Address.from_json((self.path / ADDRESS_FILE).read_bytes())
        except FileNotFoundError:
            return None

    def _remove_address(self) -> None:
        (self.path / ADDRESS_FILE).unlink(missing_ok=True)

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically, readable by its owner alone from its first byte."""
        with replace_file(self.path / name, binary=True, permissions=OWNER_ONLY) as file:
            file.write(data)
