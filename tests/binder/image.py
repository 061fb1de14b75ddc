"""Build what repo2docker builds from binder/, without a container: a checkout and an environment, entered through `start`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.binder.pins import BASE, REQUIREMENTS, ROOT, installed, moved, pins, unpinned

NOT_COPIED = (".*", "__pycache__", "node_modules", "build", "dist", "*.egg-info")
USER_VARIABLES = ("AWS_", "JUPYTER", "IPYTHON", "PYTHON", "VIRTUAL_ENV")
TOOLS = (
    *("pytest>=9", "pytest-cov", "pytest-randomly", "pytest-timeout", "pytest-xdist"),
    *("nbval", "hypothesis", "playwright", "axe-playwright-python"),
)
"""For the tests in this environment: not part of the image; they change no version in it."""


@dataclass(frozen=True, slots=True)
class Image:
    """A virtual environment with the checkout in it."""

    folder: Path

    @property
    def python(self) -> Path:
        """Return its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def checkout(self) -> Path:
        """Return the copy of this project, which is the home directory, as on Binder."""
        return self.folder / "checkout"

    @property
    def start(self) -> Path:
        """Return the entry point, which executes the command in its arguments."""
        return self.checkout / "binder" / "start"

    def environment(self) -> dict[str, str]:
        """Return the image's variables: its programs come first on the PATH, and the user's settings are left out."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(USER_VARIABLES)}
        prefixes = dict.fromkeys(("NB_PYTHON_PREFIX", "KERNEL_PYTHON_PREFIX"), str(self.folder))
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return kept | prefixes | {"PATH": path, "HOME": str(self.checkout), "REPO_DIR": str(self.checkout)}

    def versions(self) -> dict[str, str]:
        """Return the installed versions by name."""
        (site_packages,) = self.folder.glob("lib/python*/site-packages")
        return installed(site_packages)

    def install(self, *arguments: str) -> None:
        """Run its own pip."""
        self.run(self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments)

    def run(self, *command: str | Path) -> None:
        """Run a step of the build with the user's own home directory, because it may configure another package index for pip."""
        subprocess.run(command, cwd=self.checkout, env=self.environment() | {"HOME": str(Path.home())}, check=True)


def python_of_the_runtime() -> Path:
    """Return the Python that runtime.txt names if it runs here, else the one below this environment."""
    name = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip().replace("-", "")
    named = shutil.which(name)
    if named and subprocess.run([named, "-c", ""], capture_output=True, check=False).returncode == 0:
        return Path(named)
    return Path(sys.base_prefix) / "bin" / "python3"


def build(folder: Path, python: Path) -> Image:
    """Create the image: base, requirements, checkout, postBuild and the test tools; an older one is replaced."""
    if folder.exists() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").is_file():
        raise SystemExit(f"{folder} is not empty and is not a virtual environment. Name another folder.")
    image = Image(folder)
    with _step(f"{python}: the base image's {' '.join(f'{name} {version}' for name, version in BASE.items())}"):
        _create(image, python)
    with _step("pip install -r binder/requirements.txt"):
        _install_requirements(image)
    with _step("binder/postBuild"):
        image.run(image.checkout / "binder" / "postBuild")
    with _step("the test tools"):
        _install_tools(image)
    return image


def _create(image: Image, python: Path) -> None:
    if image.folder.exists():
        shutil.rmtree(image.folder)
    # With --without-pip a Debian system Python needs no python3-venv package; the pip below this environment fills it.
    subprocess.run([python, "-m", "venv", "--without-pip", image.folder], check=True)
    shutil.copytree(ROOT, image.checkout, ignore=_ignore(image.folder))
    pip = [Path(sys.base_prefix) / "bin" / "python3", "-m", "pip", "--python", image.python, "install", "--quiet"]
    subprocess.run([*pip, *_pinned(BASE)], check=True)


def _ignore(folder: Path) -> Callable[[str, list[str]], set[str]]:
    """Return copytree's filter: leave out what a clone does not have, and the image itself if it is inside the checkout."""
    patterns = shutil.ignore_patterns(*NOT_COPIED)

    def ignore(directory: str, names: list[str]) -> set[str]:
        return patterns(directory, names) | {name for name in names if Path(directory, name) == folder}

    return ignore


def _install_requirements(image: Image) -> None:
    before, pinned = image.versions(), pins(REQUIREMENTS.read_text(encoding="utf-8"))
    image.install("--requirement", "binder/requirements.txt")
    after = image.versions()
    if wrong := unpinned(before, after, pinned) + moved(after, [*pinned.items(), *BASE.items()]):
        raise SystemExit(
            f"pip installed versions that binder/requirements.txt does not pin. Pin there: {', '.join(wrong)}"
        )


def _install_tools(image: Image) -> None:
    before = image.versions()
    constraints = image.folder / "installed.txt"
    constraints.write_text("\n".join(_pinned(before)), encoding="utf-8")
    image.install("--constraint", str(constraints), *TOOLS)
    assert not moved(image.versions(), before.items())


def _pinned(versions: Mapping[str, str]) -> Sequence[str]:
    return [f"{name}=={version}" for name, version in versions.items()]


@contextmanager
def _step(step: str) -> Iterator[None]:
    sys.stderr.write(f"{step} ...\n")
    began = time.monotonic()
    yield
    sys.stderr.write(f"  {time.monotonic() - began:.0f} s\n")
