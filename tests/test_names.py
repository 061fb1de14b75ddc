"""``help()`` and the Tab key show the public names, and no others."""

from __future__ import annotations

import json
import os
import pydoc
import re
import subprocess
import sys
from inspect import ismodule
from operator import attrgetter
from types import ModuleType

import pytest

import kvs_notebook as kvs

MODULES = ["kvs", *(f"kvs.{name}" for name in kvs.__all__ if ismodule(getattr(kvs, name)))]

TAB = """
import json, sys
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_cell("import kvs_notebook as kvs")
offered = {}
for engine, use_jedi in (("names", False), ("jedi", True)):
    shell.Completer.use_jedi = use_jedi
    for module in json.loads(sys.argv[1]):
        with provisionalcompleter():
            found = shell.Completer.completions(f"{module}.", len(module) + 1)
            offered[f"{module} {engine}"] = sorted(each.text.removeprefix(".") for each in found)
print(json.dumps(offered))
"""


def imported(module: str) -> ModuleType:
    found: ModuleType = kvs if module == "kvs" else attrgetter(module.removeprefix("kvs."))(kvs)
    return found


def public(module: str) -> list[str]:
    return sorted(name for name in imported(module).__all__ if not name.startswith("_"))


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return what IPython completes after each module and a dot, as a kernel sends it to JupyterLab."""
    environment = os.environ | {"IPYTHONDIR": str(tmp_path_factory.mktemp("ipython"))}
    command = [sys.executable, "-c", TAB, json.dumps(MODULES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100)
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("engine", ["names", "jedi"])
@pytest.mark.parametrize("module", MODULES)
def test_tab_offers_only_public_names(module: str, engine: str, offered: dict[str, list[str]]) -> None:
    assert offered[f"{module} {engine}"] == public(module)


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_exists_and_dir_lists_no_other(module: str) -> None:
    found = imported(module)
    assert [name for name in dir(found) if not name.startswith("_")] == public(module)
    assert [name for name in public(module) if not hasattr(found, name)] == []


def sections(text: str) -> dict[str, str]:
    """Split what pydoc prints at its headings."""
    parts = re.split(r"^([A-Z]+(?: [A-Z]+)*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("module", MODULES)
def test_help_describes_only_public_names(module: str) -> None:
    """Python's own list of the package's files, PACKAGE CONTENTS, comes before them."""
    printed = sections(pydoc.render_doc(imported(module), renderer=pydoc.plaintext))
    classes = re.findall(r"^    class (\w+)", printed.get("CLASSES", ""), re.MULTILINE)
    functions = re.findall(r"^    (\w+)\(", printed.get("FUNCTIONS", ""), re.MULTILINE)
    data = re.findall(r"^    (\w+) = ", printed.get("DATA", ""), re.MULTILINE)
    assert classes or functions
    assert {*classes, *functions, *data} - set(public(module)) <= {"__all__"}
