"""Run a walkthrough under nbval in the image, and measure its time and memory."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.binder.image import Image
from tests.notebooks.kernel import WITHOUT_PROGRESS_BARS

SECONDS = 60.0
MEGABYTES = 1024.0
"""Limits for each walkthrough: Binder guarantees 1 GB; a learner should not wait longer than a minute."""

NBVAL = (
    "-p",
    "nbval",
    "-p",
    "no:randomly",  # cells run in their order
    "--nbval",
    "--nbval-current-env",
    "--nbval-sanitize-with",
    "tests/sanitize.cfg",
    "--nbval-cell-timeout",
    "60",
)


@dataclass(frozen=True, slots=True)
class Result:
    """Time and memory of one run, and its errors."""

    work: str
    seconds: float
    megabytes: float
    errors: str = ""

    @property
    def holds(self) -> bool:
        """Return whether it ran without errors within time and memory; no memory means that no kernel was seen."""
        return not self.errors and self.seconds < SECONDS and 0 < self.megabytes < MEGABYTES

    def __str__(self) -> str:
        """Return a line of the report, and the errors below it."""
        verdict = "holds" if self.holds else "DOES NOT HOLD"
        line = f"{self.work:<36}{self.seconds:>7.1f} s{self.megabytes:>8.0f} MB  {verdict}"
        return "\n".join([line, self.errors] if self.errors else [line])


def run(image: Image, notebook: Path) -> Result:
    """Run a notebook from top to bottom, and measure its kernel from its start to its end."""
    command = [image.start, image.python, "-m", "pytest", "-n0", "-p", "no:cacheprovider", *NBVAL, notebook]
    began, peak = 0.0, 0.0
    with tempfile.TemporaryFile("w+") as log, tempfile.TemporaryDirectory() as left:
        environment = image.environment() | WITHOUT_PROGRESS_BARS | {"TMPDIR": left}  # nbval kills its kernels
        with subprocess.Popen(
            command, cwd=image.checkout, env=environment, stdout=log, stderr=subprocess.STDOUT
        ) as running:
            while running.poll() is None:
                peak = max(peak, sum(megabytes(kernel) for kernel in kernels(running.pid)))
                began = began or (time.monotonic() if peak else 0.0)
                time.sleep(0.05)
        seconds = time.monotonic() - began if began else 0.0
        log.seek(0)
        errors = log.read()[-20_000:] if running.returncode else ""
    return Result(notebook.stem, seconds, peak, errors)


def kernels(pid: int) -> Iterator[psutil.Process]:
    """Yield the kernels below a process."""
    for child in family(pid):
        try:
            if any("ipykernel_launcher" in part for part in child.cmdline()):
                yield child
        except psutil.Error:  # it has ended
            continue


def megabytes(process: psutil.Process) -> float:
    """Return the memory of a process and all below it in MB; shared pages count for each process."""
    memory = 0
    for member in family(process.pid):
        try:
            memory += member.memory_info().rss
        except psutil.Error:  # it has ended
            continue
    return memory / 2**20


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all below it; none if it has ended."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
