"""Write a file beside its target and rename it, so that a reader sees the old content or the new one, never a part."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

OWNER_ONLY = 0o600
"""Permissions of a file that holds secrets, or what an account owns."""

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def replace_file(path: Path, *, binary: bool = False, permissions: int | None = None) -> Iterator[IO[Any]]:
    """Open a stream for a new content of ``path``, which takes its place when the block ends without an error.

    If ``path`` is a symbolic link, the link itself is replaced.

    Parameters
    ----------
    path
        The target; its folder must exist.
    binary
        Open a stream of bytes instead of UTF-8 text without translation of newlines.
    permissions
        Permissions of the file from its first byte on; None keeps those of the file that is replaced, else the umask decides.

    Raises
    ------
    OSError
        If the file cannot be written or renamed; ``path`` is unchanged.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    if permissions is None:
        permissions = _permissions_of(path)
    descriptor = os.open(
        part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666 if permissions is None else permissions
    )
    try:
        with (
            os.fdopen(descriptor, "wb")
            if binary
            else os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream
        ):
            if permissions is not None:
                part.chmod(permissions)  # whatever the umask says
            yield stream
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


LINK_ERRORS = (errno.ELOOP, errno.EMLINK)
"""The error numbers of a symbolic link and of a hard link that open_regular() refuses."""


def open_regular(
    path: str | os.PathLike[str], flags: int, *, follow_links: bool = True, only_name: bool = False
) -> int:
    """Open a file of a folder that others may have changed, and return its descriptor; a new file is for the owner alone.

    Parameters
    ----------
    path, flags
        As for os.open().
    follow_links
        Whether ``path`` may be a symbolic link.
    only_name
        Whether to refuse a file that has another name, a hard link: what is written to it would change there, too.

    Raises
    ------
    OSError
        If it is a pipe, which would be waited for, a device or a folder, or a link that is not allowed.
    """
    if not follow_links:
        if Path(path).is_symlink():  # for its own message, and on systems without O_NOFOLLOW
            raise OSError(errno.ELOOP, "It is a symbolic link", os.fspath(path))
        flags |= _NO_FOLLOW
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0), OWNER_ONLY)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and not (only_name and found.st_nlink > 1):
        return descriptor
    os.close(descriptor)
    if stat.S_ISREG(found.st_mode):
        raise OSError(errno.EMLINK, "It is a hard link to a file with another name", os.fspath(path))
    raise OSError(errno.EINVAL, "It is not a regular file", os.fspath(path))


def check_regular(path: Path) -> None:
    """Raise OSError if a path does not exist, or is a pipe, a device or a folder: a library may wait for a pipe for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "It is not a regular file", str(path))


def _permissions_of(path: Path) -> int | None:
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return None
    return stat.S_IMODE(found) if stat.S_ISREG(found) else None
