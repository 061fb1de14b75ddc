"""The versions that binder/requirements.txt pins, that the base image ships, and that an environment contains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "binder" / "requirements.txt"

BASE = {"ipywidgets": "8.1.7", "jupyterlab": "4.4.9", "pip": "25.2"}
"""Packages of Binder's base image that the walkthroughs use, in the versions that it ships."""

REPLACED = {"ipykernel", "jupyter-client", "tornado"}
"""Packages of the base image in place of which the requirements name newer ones: its ipykernel 7.0.1 loses messages."""

PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[0-9][\w.!+-]*)")
"""A name and one version, without range, extra, marker, option, path or URL."""


def lines(text: str) -> list[str]:
    """Return the lines that pip would read, without comments."""
    stripped = [line.partition("#")[0].strip() for line in text.splitlines()]
    return [line for line in stripped if line]


def pins(text: str) -> dict[str, str]:
    """Return the version by canonical name; raise ValueError at the first line that is not an exact pin, or pins a name again."""
    found: dict[str, str] = {}
    for line in lines(text):
        pin = PIN.fullmatch(line)
        name = canonicalize_name(pin["name"]) if pin else ""
        if pin is None or name in found:
            raise ValueError(
                f"{line!r} is not an exact pin, or pins a package again. Write name==version, once for each package."
            )
        found[name] = pin["version"]
    return found


def installed(site_packages: Path) -> dict[str, str]:
    """Return the version by canonical name of each package in an environment."""
    return {canonicalize_name(found.name): found.version for found in distributions(path=[str(site_packages)])}


def unpinned(before: Mapping[str, str], after: Mapping[str, str], pinned: Mapping[str, str]) -> list[str]:
    """Return the packages that changed in an environment although they are not pinned, or are pinned to another version."""
    return sorted(
        f"{name}=={version}"
        for name, version in after.items()
        if before.get(name) != version and pinned.get(name) != version
    )


def moved(after: Mapping[str, str], names: Iterable[tuple[str, str]]) -> list[str]:
    """Return the packages that an environment does not contain in the given version."""
    return sorted(f"{name}=={version}, not {after.get(name)}" for name, version in names if after.get(name) != version)
