"""What binder/requirements.txt pins, beside what the base image ships and what an environment holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "binder" / "requirements.txt"

BASE = {"ipykernel": "7.0.1", "ipywidgets": "8.1.7", "jupyterlab": "4.4.9", "pip": "25.2"}
"""What the walkthroughs meet of Binder's base image, in the versions that it ships."""

PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[0-9][\w.!+-]*)")
"""A name and one version: no range, extra, marker, option, path or address."""


def lines(text: str) -> list[str]:
    """Give the lines that pip would read, comments left out."""
    stripped = [line.partition("#")[0].strip() for line in text.splitlines()]
    return [line for line in stripped if line]


def pins(text: str) -> dict[str, str]:
    """Give the version by canonical name; ValueError names the first line that is no exact pin, or is there twice."""
    found: dict[str, str] = {}
    for line in lines(text):
        pin = PIN.fullmatch(line)
        name = canonicalize_name(pin["name"]) if pin else ""
        if pin is None or name in found:
            raise ValueError(
                f"{line!r} is no exact pin, or pins again what is pinned above: write name==version, once."
            )
        found[name] = pin["version"]
    return found


def installed(site_packages: Path) -> dict[str, str]:
    """Give the version by canonical name of what an environment holds."""
    return {canonicalize_name(found.name): found.version for found in distributions(path=[str(site_packages)])}


def unpinned(before: Mapping[str, str], after: Mapping[str, str], pinned: Mapping[str, str]) -> list[str]:
    """Tell what the requirements added to an environment or moved in it without naming it, or to another version."""
    return sorted(
        f"{name}=={version}"
        for name, version in after.items()
        if before.get(name) != version and pinned.get(name) != version
    )


def moved(after: Mapping[str, str], names: Iterable[tuple[str, str]]) -> list[str]:
    """Tell which of these names an environment does not hold in the version that is said."""
    return sorted(f"{name}=={version}, not {after.get(name)}" for name, version in names if after.get(name) != version)
