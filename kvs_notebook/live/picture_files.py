"""Names of the files of pictures: each camera's own, on every file system."""

from __future__ import annotations

from collections.abc import Sequence

from kvs_notebook.live.cameras import Camera

SHEET = "contact-sheet.jpg"
FAILURES = "failures.csv"
SUFFIX = ".jpg"

LONGEST_STEM = 200
"""File systems take 255 bytes; a channel's name may have 256 characters."""

RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{device}{n}" for device in ("com", "lpt") for n in range(1, 10))})
"""Names of devices of Windows, also with a suffix."""


def picture_file_names(cameras: Sequence[Camera]) -> list[str]:
    """Return a file name for each camera: its channel's name, after its account and region if there are several.

    Names that a file system may take for the same, such as ``Door`` and ``door``, are numbered.
    """
    places = {(camera.account_id, camera.region) for camera in cameras}
    taken = {SHEET, FAILURES}
    names = []
    for camera in cameras:
        place = f"{camera.account_id}_{camera.region}_" if len(places) > 1 else ""
        name = _first_free(_safe_stem(f"{place}{camera.channel_name}"), taken)
        taken.add(name.casefold())
        names.append(name)
    return names


def _safe_stem(name: str) -> str:
    """Return a name without what hides a file, or means a device or a folder; channels have letters, digits and ``_ . -``."""
    stem = name[:LONGEST_STEM]
    is_special = stem.startswith(".") or stem.split(".")[0].casefold() in RESERVED
    return f"_{stem}" if is_special else stem


def _first_free(stem: str, taken: set[str]) -> str:
    name, number = f"{stem}{SUFFIX}", 2
    while name.casefold() in taken:
        name, number = f"{stem}-{number}{SUFFIX}", number + 1
    return name
