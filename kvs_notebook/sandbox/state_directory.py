"""State directory of a sandbox: its lock, its database and its files, shared by the processes that name it."""

from __future__ import annotations

import errno
import os
import shlex
import stat
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from kvs_notebook.atomic_file import OWNER_ONLY, replace_file
from kvs_notebook.errors import SandboxError
from kvs_notebook.sandbox.address import Address
from kvs_notebook.sandbox.temporary_directory import TemporaryDirectory, remove_abandoned_directories

if TYPE_CHECKING:
    from filelock import BaseFileLock

DIRECTORY_MODE = 0o700
DATABASE_FILE = "sandbox.sqlite"
ADDRESS_FILE = "sandbox.json"
LOCK_FILE = "sandbox.lock"
CERTIFICATE_FILE, KEY_FILE = "ca.pem", "ca-key.pem"
CONFIG_FILE, CREDENTIALS_FILE, BUNDLE_FILE = "config", "credentials", "bundle.pem"
FILES = (
    *(DATABASE_FILE + suffix for suffix in ("", "-wal", "-shm", "-journal")),
    *(ADDRESS_FILE, LOCK_FILE, CERTIFICATE_FILE, KEY_FILE, CONFIG_FILE, CREDENTIALS_FILE, BUNDLE_FILE),
)
"""Every file of a state directory."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk and of a used-up quota."""


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
        self._temporary: TemporaryDirectory | None = None
        self._released = False
        self._lock: BaseFileLock | None = None

    @property
    def path(self) -> Path:
        """The directory; raise SandboxError if a temporary one cannot be created, or the sandbox has stopped."""
        if self._path is not None:
            return self._path
        with self._creation:  # threads that ask at the same time get one directory
            if self._released:  # else a write would leave a new directory behind
                raise SandboxError("The sandbox has stopped, and its files are removed. Start another one.")
            if self._temporary is None:  # most sandboxes write no file, so that a killed one leaves nothing behind
                try:
                    self._temporary = TemporaryDirectory.create()
                except OSError as error:
                    folder = tempfile.gettempdir()
                    raise SandboxError(
                        f"Cannot create a temporary directory in {folder}: {reason(error)}. {advice(error, folder)}, or set "
                        "the variable TMPDIR."
                    ) from error
            return self._temporary.path

    @property
    def database(self) -> Path | None:
        """The SQLite file; None if the state is kept in memory."""
        return self.path / DATABASE_FILE if self.durable else None

    def create(self) -> None:
        """Create a durable directory if it does not exist, and make its files readable by their owner alone.

        Remove temporary directories that killed processes left.

        Raises
        ------
        SandboxError
            If the directory cannot be created or is not writable, if another user may write to it, or if one of its files is a
            symbolic link or belongs to another user.
        """
        remove_abandoned_directories()
        if not self.durable:
            return
        try:
            self.path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
            if os.name == "posix":
                _check_owner(self.path)
                for name in FILES:
                    _make_private(self.path / name)
        except (OSError, ValueError) as error:  # a name with a zero byte or a lone surrogate is a ValueError
            raise SandboxError(
                f"Cannot keep the sandbox's state in {self.path}: {reason(error)}. {advice(error, self.path)}, pass a writable "
                "directory as state=, or None to keep the state in memory."
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

        lock = FileLock(self.path / LOCK_FILE, mode=OWNER_ONLY, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        except OSError as error:
            raise SandboxError(
                f"Cannot lock {self.path}: {reason(error)}. {advice(error, self.path)}, or pass a directory on a local disk as "
                "state=."
            ) from error
        self._lock = lock
        self._remove_address()  # of a server that was killed
        return True

    def release(self) -> None:
        """Unlock the directory; remove a temporary one."""
        if not self.durable:
            with self._creation:
                self._released = True
            if self._temporary is not None:
                self._temporary.remove()
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
        """Write a file atomically, readable by its owner alone from its first byte.

        Raises
        ------
        SandboxError
            If the file cannot be written, as on a full disk; it is unchanged.
        """
        path = self.path / name
        try:
            with replace_file(path, binary=True, permissions=OWNER_ONLY) as file:
                file.write(data)
        except OSError as error:
            raise SandboxError(
                f"Cannot write {path}: {reason(error)}. {advice(error, path)}, then call again."
            ) from error


def reason(error: OSError | ValueError) -> str:
    """Return why a file operation failed, in the words of the operating system."""
    return getattr(error, "strerror", None) or str(error)


def advice(error: OSError | ValueError, path: object) -> str:
    """Return what to do about a file operation that failed, as the beginning of a sentence."""
    return (
        f"Free space on the disk of {path}"
        if getattr(error, "errno", None) in FULL
        else f"Check the permissions of {path}"
    )


def _check_owner(directory: Path) -> None:
    """Raise SandboxError if another user may write to a directory, and with it replace the sandbox's keys."""
    found = directory.stat()
    owners = {found.st_uid, directory.lstat().st_uid} - {0, os.geteuid()}
    if owners:
        raise SandboxError(
            f"{directory} belongs to another user (uid {owners.pop()}), who could read the sandbox's keys. Pass a directory of "
            "your own as state=."
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o022:
        raise SandboxError(
            f"Other users may write to {directory} (mode {mode:04o}), and replace the sandbox's files. Run: chmod 700 "
            f"{shlex.quote(str(directory))}, or pass another directory as state=."
        )


def _make_private(path: Path) -> None:
    """Remove the permissions of others from a file; raise SandboxError if it is a link or belongs to another user."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a file"
        raise SandboxError(
            f"{path} is {kind}, which a sandbox does not follow. Remove it, or pass another directory as state=."
        )
    if found.st_nlink > 1:
        raise SandboxError(
            f"{path} is a hard link to a file with another name, which the sandbox would change, too. Replace it by a copy, or "
            "pass another directory as state=."
        )
    if found.st_uid not in (0, os.geteuid()):
        raise SandboxError(
            f"{path} belongs to another user (uid {found.st_uid}). Remove it, or pass another directory as state=."
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(OWNER_ONLY)
