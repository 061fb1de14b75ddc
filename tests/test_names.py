"""What ``help()`` prints and the Tab key offers is what is public, and no more."""

from __future__ import annotations

import json
import os
import pydoc
import re
import subprocess
import sys
from inspect import ismodule
from operator import attrgetter

import pytest

import kvs_notebook as kvs

ROOMS = ["kvs", *(f"kvs.{name}" for name in kvs.__all__ if ismodule(getattr(kvs, name)))]

TAB = """
import json, sys
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_cell("import kvs_notebook as kvs")
offered = {}
for engine, use_jedi in (("names", False), ("jedi", True)):
    shell.Completer.use_jedi = use_jedi
    for room in json.loads(sys.argv[1]):
        with provisionalcompleter():
            found = shell.Completer.completions(f"{room}.", len(room) + 1)
            offered[f"{room} {engine}"] = sorted(each.text.removeprefix(".") for each in found)
print(json.dumps(offered))
"""


def public(room: str) -> list[str]:
    thing = kvs if room == "kvs" else attrgetter(room.removeprefix("kvs."))(kvs)
    return sorted(name for name in thing.__all__ if not name.startswith("_"))


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Give what IPython completes after each room and a dot, which is what JupyterLab's kernel sends it."""
    environment = os.environ | {"IPYTHONDIR": str(tmp_path_factory.mktemp("ipython"))}
    command = [sys.executable, "-c", TAB, json.dumps(ROOMS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100)
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("engine", ["names", "jedi"])
@pytest.mark.parametrize("room", ROOMS)
def test_tab_offers_the_public_names_only(room: str, engine: str, offered: dict[str, list[str]]) -> None:
    assert offered[f"{room} {engine}"] == public(room)


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_says_is_public_is_there(room: str) -> None:
    thing = kvs if room == "kvs" else attrgetter(room.removeprefix("kvs."))(kvs)
    assert [name for name in dir(thing) if not name.startswith("_")] == public(room)
    assert [name for name in public(room) if not hasattr(thing, name)] == []


def sections(text: str) -> dict[str, str]:
    """Take what pydoc prints apart, by its headings."""
    parts = re.split(r"^([A-Z]+(?: [A-Z]+)*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("room", ROOMS)
def test_help_describes_the_public_names_only(room: str) -> None:
    """Python's own list of the package's files, PACKAGE CONTENTS, stands above them."""
    thing = kvs if room == "kvs" else attrgetter(room.removeprefix("kvs."))(kvs)
    printed = sections(pydoc.render_doc(thing, renderer=pydoc.plaintext))
    classes = re.findall(r"^    class (\w+)", printed.get("CLASSES", ""), re.MULTILINE)
    functions = re.findall(r"^    (\w+)\(", printed.get("FUNCTIONS", ""), re.MULTILINE)
    data = re.findall(r"^    (\w+) = ", printed.get("DATA", ""), re.MULTILINE)
    assert classes or functions
    assert {*classes, *functions, *data} - set(public(room)) <= {"__all__"}
