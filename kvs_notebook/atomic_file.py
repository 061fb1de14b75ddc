"""Write a file beside its target and rename it, so that a reader sees the old content or the new one, never a part."""

from __future__ import annotations

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


def _permissions_of(path: Path) -> int | None:
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return None
    return stat.S_IMODE(found) if stat.S_ISREG(found) else None
