"""binder/ follows repo2docker's rules: pins, scripts and settings, and what repo2docker itself makes of them.

``python -m tests.binder`` builds the environment and runs the walkthroughs in it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.binder.image import build
from tests.binder.pins import BASE, REPLACED, REQUIREMENTS, moved, pins, unpinned
from tests.binder.walkthrough import MEGABYTES, SECONDS, Result

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SCRIPTS = ("postBuild", "start")


# --- requirements


def pinned() -> dict[str, str]:
    return pins(REQUIREMENTS.read_text(encoding="utf-8"))


def wanted(extra: str) -> list[Requirement]:
    """Return the requirements of an extra, with those of the extras that it includes; '' stands for the package itself."""
    found = []
    for line in PROJECT["dependencies"] if extra == "" else PROJECT["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if requirement.name == PROJECT["name"]:
            found += [each for inner in sorted(requirement.extras) for each in wanted(inner)]
        else:
            found.append(requirement)
    return found


@pytest.mark.parametrize("extra", ["", "lab", "sandbox", "signaling", "all"])
def test_every_requirement_is_pinned_to_an_accepted_version(extra: str) -> None:
    versions = pinned()
    asked = wanted(extra)
    assert asked
    for requirement in asked:
        version = versions.get(canonicalize_name(requirement.name))
        assert version, f"pin {requirement.name} in binder/requirements.txt"
        assert requirement.specifier.contains(version), f"{requirement} in pyproject.toml, {version} pinned"


def test_imports_of_the_walkthroughs_are_pinned() -> None:
    distributions = packages_distributions()
    names = {module for path in (ROOT / "notebooks").glob("*.ipynb") for module in imported(path)}
    assert {"kvs_notebook", "pandas"} <= names
    for name in names - set(sys.stdlib_module_names) - {"kvs_notebook"}:
        assert pinned().keys() & {canonicalize_name(found) for found in distributions[name]}, (
            f"pin the distribution of {name}"
        )


def imported(path: Path) -> set[str]:
    """Return the modules that the cells of a notebook import, without lines for IPython."""
    found: set[str] = set()
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            source = re.sub(r"(?m)^\s*[%!].*$", "", cell.source)
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Import):
                    found.update(alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.partition(".")[0])
    return found


def test_packages_of_the_base_image_keep_their_versions() -> None:
    assert moved(pinned(), [(name, version) for name, version in BASE.items() if name != "pip"]) == []


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        ".",
        "./kvs_notebook",
        "kvs-notebook @ file:///home/jovyan",
        "git+https://github.com/kvs-notebook/kvs-notebook",
        "-r more.txt",
        "--pre",
        "pandas",
        "pandas>=3",
        "pandas==3.*",
        "pandas==3.1.1,<4",
        "itables[widget]==2.9.1",
        "zipp==3.23.0; python_version < '3.12'",
        "boto3==1.44.8\nBoto3==1.44.9",
    ],
)
def test_line_that_is_not_an_exact_pin_is_rejected(line: str) -> None:
    with pytest.raises(ValueError, match=r"is not an exact pin"):
        pins(f"# comment\nwebsockets==17.4  # reason\n\n{line}\n")


def test_packages_that_pip_adds_or_changes_unpinned_are_reported() -> None:
    before = {"jupyterlab": "4.4.9", "six": "1.17.0"}
    after = {"jupyterlab": "4.6.6", "six": "1.17.0", "boto3": "1.44.8", "botocore": "1.44.8", "pandas": "3.1.1"}
    assert unpinned(before, after, {"boto3": "1.44.8", "pandas": "3.0.0"}) == [
        "botocore==1.44.8",
        "jupyterlab==4.6.6",
        "pandas==3.1.1",
    ]


def test_folder_that_is_not_an_environment_is_not_replaced(tmp_path: Path) -> None:
    kept = tmp_path / "thesis.txt"
    kept.write_text("years of work", encoding="utf-8")
    with pytest.raises(SystemExit, match="is not a virtual environment"):
        build(tmp_path, Path(sys.executable))
    assert kept.read_text(encoding="utf-8") == "years of work"


# --- runtime, scripts and settings


def test_runtime_is_a_supported_python() -> None:
    name, _, version = (BINDER / "runtime.txt").read_text(encoding="utf-8").strip().partition("-")
    assert name == "python"
    assert Version(version) in SpecifierSet(PROJECT["requires-python"])
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_is_executable_bash_that_stops_at_errors(name: str) -> None:
    script = BINDER / name
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    assert "\nset -euo pipefail\n" in script.read_text(encoding="utf-8")


def test_post_build_ends_if_pip_is_missing(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    ended = subprocess.run([bash, BINDER / "postBuild"], cwd=ROOT, env={"PATH": str(tmp_path)}, check=False)
    assert ended.returncode == 127


def test_start_executes_its_command_without_the_metadata_service() -> None:
    names = ("AWS_EC2_METADATA_DISABLED", "PYTHONSTARTUP")
    shown = f"import os, sys; print(os.getpid(), *map(os.environ.get, {names}), sys.argv[1:], sep='\\n'); sys.exit(3)"
    command = [BINDER / "start", sys.executable, "-c", shown, "two words", "*"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as started:
        output, _ = started.communicate(timeout=60)
    pid, disabled, startup, arguments = output.splitlines()
    assert (pid, disabled, arguments) == (str(started.pid), "true", "['two words', '*']")
    assert Path(startup).samefile(ROOT / "kvs_notebook" / "jupyter" / "ipython_startup.py")
    assert started.returncode == 3


def test_settings_turn_the_news_off() -> None:
    settings = json.loads((BINDER / "overrides.json").read_text(encoding="utf-8"))
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
    assert "binder/overrides.json" in (BINDER / "postBuild").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("result", "holds"),
    [
        (Result("quick and small", 10.0, 300.0), True),
        (Result("slow", SECONDS, 300.0), False),
        (Result("large", 10.0, MEGABYTES), False),
        (Result("failed", 10.0, 300.0, "NameError"), False),
        (Result("never seen", 0.0, 0.0), False),
    ],
)
def test_result_holds_only_within_time_and_memory(result: Result, *, holds: bool) -> None:
    assert result.holds is holds
    assert ("DOES NOT HOLD" in str(result)) is not holds
    assert result.errors in str(result)


# --- repo2docker, which prints what it would build without a container engine


@pytest.fixture(scope="module")
def repo2docker() -> Path:
    """Return its command, in this environment or on the PATH."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    found = shutil.which("jupyter-repo2docker", path=places)
    if found is None:
        pytest.skip("jupyter-repo2docker is not installed (it is in the extra test: pip install jupyter-repo2docker)")
    return Path(found)


def test_repo2docker_installs_requirements_before_it_copies_the_checkout(repo2docker: Path) -> None:
    done = subprocess.run([repo2docker, "--no-build", ROOT], capture_output=True, text=True, check=True)
    assert "Building conda environment for python=3.12" in done.stderr
    steps = [
        'RUN ${KERNEL_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r "binder/requirements.txt"',
        "src/ ${REPO_DIR}/",  # after the requirements: a change of the checkout keeps their layer
        "RUN ./binder/postBuild",
        'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
    ]
    places = [done.stdout.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)
    assert "pip install --no-cache-dir .\n" not in done.stdout


REPORT = """
import json, pathlib, re
from repo2docker.app import Repo2Docker
pack = next(found for found in (each("base") for each in Repo2Docker().buildpacks) if found.detect())
pack.platform = "linux/amd64"
conda = pathlib.Path(__import__("repo2docker").__file__).parent / "buildpacks" / "conda"
lock = (conda / f"environment.py-{pack.python_version}-linux-64.lock").read_text()
ships = dict(re.findall(r"/([a-z0-9_.-]+?)-([0-9][^-/]*)-[^-/]+[.]conda", lock))
print(json.dumps({"pack": type(pack).__name__, "python": pack.python_version, "ships": ships}))
"""


def test_base_image_has_older_versions_of_replaced_packages_only(repo2docker: Path) -> None:
    done = subprocess.run(
        [repo2docker.parent / "python", "-c", REPORT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    report = json.loads(done.stdout)
    assert (report["pack"], report["python"]) == ("PythonBuildPack", "3.12")
    ships = {canonicalize_name(name): version for name, version in report["ships"].items()}
    assert ships.keys() >= BASE.keys()
    newer = {name for name, version in pinned().items() if name in ships and Version(version) > Version(ships[name])}
    assert newer == REPLACED, "Binder's base image has older versions, which pip would replace"
