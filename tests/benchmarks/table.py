"""The table of the benchmarks: what is measured, what came out, and whether its bar holds."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

TITLES = ("NAME", "WORK", "OURS", "BESIDE IT", "RATIO", "BAR", "HOLDS")
GAP = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a benchmark has measured; ``holds`` is None where there is no bar."""

    ours: str
    beside: str = ""
    ratio: float | None = None
    holds: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One row: a piece of work, its bar, the modules that it needs, and how it is measured."""

    name: str
    work: str
    bar: str
    needs: Mapping[str, str]
    """By module, what installs it."""
    measure: Callable[[], Finding]
    programs: Mapping[str, str] = field(default_factory=dict)
    """By program that it needs beside them, what installs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    work: str
    ours: str
    beside: str
    ratio: float | None
    bar: str
    holds: bool | None
    note: str
    seconds: float
    missing: Sequence[str] = ()

    @property
    def verdict(self) -> str:
        if self.missing:
            return "MISSING"
        return {True: "yes", False: "NO", None: ""}[self.holds]

    @property
    def fails(self) -> bool:
        return bool(self.missing) or self.holds is False


def measured(benchmark: Benchmark) -> Row:
    """Run one benchmark, if all that it needs is there."""
    missing = [f"{module} ({how})" for module, how in benchmark.needs.items() if not _is_there(module)]
    missing += [f"{program} ({how})" for program, how in benchmark.programs.items() if shutil.which(program) is None]
    began = time.perf_counter()
    finding = _not_run(missing) if missing else benchmark.measure()
    return Row(
        name=benchmark.name,
        work=benchmark.work,
        ours=finding.ours,
        beside=finding.beside,
        ratio=finding.ratio,
        bar=benchmark.bar,
        holds=finding.holds,
        note=finding.note,
        seconds=round(time.perf_counter() - began, 1),
        missing=missing,
    )


def _not_run(missing: Sequence[str]) -> Finding:
    return Finding(ours="not run", note=f"missing: {', '.join(missing)}")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a submodule, the package around it
        return False


def laid_out(rows: Sequence[Row]) -> str:
    """Give the rows as lines under titles, the notes below them."""
    cells = [(row.name, row.work, row.ours, row.beside, _shown(row.ratio), row.bar, row.verdict) for row in rows]
    lines = [TITLES, *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    notes = [f"{row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*table, *([""] if notes else []), *notes]) + "\n"


def _shown(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def as_json(rows: Iterable[Row]) -> str:
    """Give the rows, and the machine that they were measured on, as JSON."""
    machine: dict[str, Any] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }
    return json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=2) + "\n"


def milliseconds(seconds: float) -> str:
    """Show a time of any length in milliseconds."""
    return f"{seconds * 1000:,.3g} ms" if seconds < 1 else f"{seconds * 1000:,.0f} ms"
