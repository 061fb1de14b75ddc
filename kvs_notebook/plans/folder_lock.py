"""Lock the folder of a plan, so that one process at a time applies it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kvs_notebook.atomic_file import OWNER_ONLY
from kvs_notebook.errors import ExportFailed, InvalidInput

LOCK_FILE = ".lock"


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the operating system releases it when the process ends, however it ends.

    Raises
    ------
    InvalidInput
        If another process, or another call, applies the plan of this folder.
    ExportFailed
        If the file system cannot lock files.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK_FILE, mode=OWNER_ONLY, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InvalidInput(
            f"{folder} is being applied by another process. Wait until it has ended, then call "
            f"kvs.resume_plan({str(folder)!r})."
        ) from error
    except OSError as error:
        raise ExportFailed(
            f"Can't lock {folder}: {error.strerror or error}. Save the plan to a folder on a local disk that you may write to."
        ) from error
    try:
        yield
    finally:
        lock.release()
