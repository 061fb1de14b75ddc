"""Install the wheel on every supported CPython of this machine and run the smoke test there: ``python -m tests.pythons``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SMOKE = ROOT / "tests" / "smoke.py"
VERSION = "import platform; print(platform.python_implementation(), platform.python_version())"


def pythons() -> dict[Version, Path]:
    """Return each version of CPython that the package supports, of pyenv's and of those on the PATH."""
    supported, found = SpecifierSet(PROJECT["requires-python"]), {}
    for program in candidates():
        asked = subprocess.run([program, "-c", VERSION], capture_output=True, text=True, check=False)
        implementation, _, version = asked.stdout.strip().partition(" ")
        if asked.returncode == 0 and implementation == "CPython" and version in supported:
            found.setdefault(Version(version), program)
    return dict(sorted(found.items()))


def candidates() -> Iterator[Path]:
    """Yield the programs that may be a CPython: a shim of pyenv's is one only if its version is enabled."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from pyenv.glob("versions/*/bin/python3")
    for folder in map(Path, os.get_exec_path()):
        yield from (path for path in folder.glob("python3*") if re.fullmatch(r"python3(\.\d+)?", path.name))


def pip(*arguments: str | Path) -> None:
    """Run the pip below this environment, which has none itself."""
    program = Path(sys.base_prefix) / "bin" / "python3"
    subprocess.run([program, "-m", "pip", "--disable-pip-version-check", *arguments], check=True)


def try_wheel(wheel: Path, programs: dict[Version, Path]) -> list[str]:
    """Install a wheel once for Pythons of one minor version, run the smoke test on each, and return what it printed."""
    printed, variables = [], {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    installed: Path | None = None
    with tempfile.TemporaryDirectory() as folder:
        for version, python in programs.items():
            environment = Path(folder) / str(version)
            subprocess.run([python, "-m", "venv", "--without-pip", environment], check=True)
            (site_packages,) = environment.glob("lib/python*/site-packages")
            if installed is None:
                installed = site_packages
                options = ("-qq", "--no-compile", f"{wheel}[lab,sandbox]")
                pip("--python", environment / "bin" / "python", "install", *options)
            else:
                site_packages.rmdir()
                site_packages.symlink_to(installed)
            smoke = [environment / "bin" / "python", SMOKE]
            done = subprocess.run(smoke, cwd=folder, env=variables, check=True, stdout=subprocess.PIPE, text=True)
            printed.append(f"{version}: {python}\n{done.stdout}")
    return printed


def main() -> int:
    """Try the wheel on each Python; return 1 if there is none."""
    found = pythons()
    minors = [dict(group) for _, group in groupby(found.items(), lambda item: item[0].release[:2])]
    with tempfile.TemporaryDirectory() as built:
        pip("wheel", "-qq", "--no-deps", "--wheel-dir", built, ROOT)
        (wheel,) = Path(built).glob("*.whl")
        with ThreadPoolExecutor(2) as pool:  # one often waits for the disk
            for printed in pool.map(partial(try_wheel, wheel), minors):
                sys.stdout.write("".join(printed))
                sys.stdout.flush()
    claimed = {Version(each.rpartition(" ")[2]) for each in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", each)}
    missing = claimed - {Version(f"{version.major}.{version.minor}") for version in found}
    sys.stdout.write(f"not on this machine: {', '.join(map(str, sorted(missing))) or 'none of the classifiers'}\n")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
