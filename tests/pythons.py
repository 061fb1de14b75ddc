"""Install the wheel on every supported CPython of this machine and run the smoke test there: ``python -m tests.pythons``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
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


def try_wheel(wheel: Path, python: Path, folder: Path) -> None:
    """Install a wheel in a virtual environment of a Python and run the smoke test outside the checkout."""
    environment = folder / "environment"
    subprocess.run([python, "-m", "venv", "--without-pip", environment], check=True)
    program = environment / "bin" / "python"
    pip("--python", program, "install", "-qq", "--no-compile", f"{wheel}[lab,sandbox]")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([program, SMOKE], cwd=folder, env=variables, check=True)


def main() -> int:
    """Try the wheel on each Python; return 1 if there is none."""
    found = pythons()
    with tempfile.TemporaryDirectory() as built:
        pip("wheel", "-qq", "--no-deps", "--wheel-dir", built, ROOT)
        (wheel,) = Path(built).glob("*.whl")
        for version, program in found.items():
            sys.stdout.write(f"{version}: {program}\n")
            sys.stdout.flush()
            folder = Path(tempfile.mkdtemp())
            try:
                try_wheel(wheel, program, folder)
            finally:
                shutil.rmtree(folder)
    claimed = {Version(each.rpartition(" ")[2]) for each in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", each)}
    missing = claimed - {Version(f"{version.major}.{version.minor}") for version in found}
    sys.stdout.write(f"not on this machine: {', '.join(map(str, sorted(missing))) or 'none of the classifiers'}\n")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
