"""A walkthrough under nbval in the image: whether it shows what was saved, in what time, in how much memory."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.binder.image import Image

SECONDS = 60.0
MEGABYTES = 1024.0
"""What each may take: Binder promises 1 GB, and a learner's patience a minute."""

NBVAL = ("--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/sanitize.cfg", "--nbval-cell-timeout", "60")


@dataclass(frozen=True, slots=True)
class Taken:
    """What one program took, and what it said where it failed."""

    work: str
    seconds: float
    megabytes: float
    said: str = ""

    @property
    def holds(self) -> bool:
        """Tell whether it ran as it should, in time and in memory; a kernel that was never seen took no memory."""
        return not self.said and self.seconds < SECONDS and 0 < self.megabytes < MEGABYTES

    def __str__(self) -> str:
        """Lay it out as a line of the report."""
        verdict = "holds" if self.holds else "DOES NOT HOLD"
        line = f"{self.work:<36}{self.seconds:>7.1f} s{self.megabytes:>8.0f} MB  {verdict}"
        return "\n".join([line, self.said] if self.said else [line])


def run(image: Image, notebook: Path) -> Taken:
    """Run a notebook from top to bottom as .ci/run does, and watch its kernel from its start to the end."""
    command = [image.start, image.python, "-m", "pytest", "-n0", "-p", "no:cacheprovider", *NBVAL, notebook]
    began, peak = 0.0, 0.0
    with tempfile.TemporaryFile("w+") as log, tempfile.TemporaryDirectory() as left:
        environment = image.environment() | {"TMPDIR": left}  # nbval kills its kernels
        with subprocess.Popen(
            command, cwd=image.checkout, env=environment, stdout=log, stderr=subprocess.STDOUT
        ) as running:
            while running.poll() is None:
                peak = max(peak, sum(megabytes(kernel) for kernel in kernels(running.pid)))
                began = began or (time.monotonic() if peak else 0.0)
                time.sleep(0.05)
        seconds = time.monotonic() - began if began else 0.0
        log.seek(0)
        said = log.read()[-20_000:] if running.returncode else ""
    return Taken(notebook.stem, seconds, peak, said)


def kernels(pid: int) -> Iterator[psutil.Process]:
    """Give the kernels below a process."""
    for child in family(pid):
        try:
            if any("ipykernel_launcher" in part for part in child.cmdline()):
                yield child
        except psutil.Error:  # it has ended
            continue


def megabytes(process: psutil.Process) -> float:
    """Give what a process and all below it hold in memory; pages that they share count for each."""
    held = 0
    for member in family(process.pid):
        try:
            held += member.memory_info().rss
        except psutil.Error:  # it has ended
            continue
    return held / 2**20


def family(pid: int) -> list[psutil.Process]:
    """Give a process and all below it, none where it has ended."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
