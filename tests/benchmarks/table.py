"""Benchmarks and the table of their results."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

TITLES = ("NAME", "WORK", "OURS", "BASELINE", "RATIO", "BAR", "HOLDS")
GAP = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a benchmark; ``holds`` is None if there is no bar."""

    ours: str
    baseline: str = ""
    ratio: float | None = None
    holds: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A benchmark: its work, its bar, what it needs, and the function that measures it."""

    name: str
    work: str
    bar: str
    needs: Mapping[str, str]
    """Modules that must be installed, each with the command that installs it."""
    measure: Callable[[], Result]
    programs: Mapping[str, str] = field(default_factory=dict)
    """Programs that must be on PATH, each with the command that installs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table."""

    name: str
    work: str
    ours: str
    baseline: str
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


def run_benchmark(benchmark: Benchmark) -> Row:
    """Run a benchmark, unless something that it needs is missing."""
    missing = [f"{module} ({how})" for module, how in benchmark.needs.items() if not _is_installed(module)]
    missing += [f"{program} ({how})" for program, how in benchmark.programs.items() if shutil.which(program) is None]
    began = time.perf_counter()
    result = _not_run(missing) if missing else _measure(benchmark)
    return Row(
        name=benchmark.name,
        work=benchmark.work,
        ours=result.ours,
        baseline=result.baseline,
        ratio=result.ratio,
        bar=benchmark.bar,
        holds=result.holds,
        note=result.note,
        seconds=round(time.perf_counter() - began, 1),
        missing=missing,
    )


def _measure(benchmark: Benchmark) -> Result:
    try:
        return benchmark.measure()
    except Exception as error:  # noqa: BLE001 - the other rows are measured all the same
        traceback.print_exc()
        return Result(ours="failed", holds=False, note=f"failed: {type(error).__name__}, see standard error")


def _not_run(missing: Sequence[str]) -> Result:
    return Result(ours="not run", note=f"missing: {', '.join(missing)}")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # raised for a submodule if its package is missing
        return False


def format_table(rows: Sequence[Row]) -> str:
    """Return the rows as aligned columns under titles, followed by the notes."""
    cells = [
        (row.name, row.work, row.ours, row.baseline, _format_ratio(row.ratio), row.bar, row.verdict) for row in rows
    ]
    lines = [TITLES, *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    notes = [f"{row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*table, *([""] if notes else []), *notes]) + "\n"


def _format_ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def format_json(rows: Iterable[Row]) -> str:
    """Return the rows, and the machine that they were measured on, as JSON."""
    machine: dict[str, Any] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }
    return json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=2) + "\n"


def format_milliseconds(seconds: float) -> str:
    """Return seconds as text in milliseconds."""
    return f"{seconds * 1000:,.3g} ms" if seconds < 1 else f"{seconds * 1000:,.0f} ms"
