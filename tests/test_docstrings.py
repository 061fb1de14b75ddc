"""Every public name says what its signature cannot: its parameters, what it raises and spends, and an example that runs."""

from __future__ import annotations

import builtins
import doctest
import importlib
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from inspect import isclass, isfunction, ismodule
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

import kvs_notebook as kvs
from kvs_notebook.sandbox.sandbox import SandboxFaults, sandbox_in_use

ROOMS = [name for name in kvs.__all__ if ismodule(getattr(kvs, name))]
PUBLIC = [
    *(name for name in kvs.__all__ if isfunction(getattr(kvs, name)) or isclass(getattr(kvs, name))),
    *(f"{room}.{name}" for room in ROOMS for name in getattr(kvs, room).__all__ if name != "Message"),
]
"""Message is an alias, which has no docstring of its own."""

ASKED_ONCE = {"GetCallerIdentity"}
"""Of STS, once for each connection and not for each call; connect() and Connection.identity say so."""


def thing(name: str) -> Any:
    return kvs if name == "kvs_notebook" else attrgetter(name)(kvs)


FUNCTIONS = [name for name in PUBLIC if isfunction(thing(name))]
CLASSES = [name for name in PUBLIC if isclass(thing(name)) and not name.startswith("errors.")]
MADE_BY_FUNCTIONS = {"Connection", "Inventory", "charts.Chart"}
"""Nobody makes these by hand: their attributes are described, and the functions that make them have the examples."""


def parameters(name: str) -> set[str]:
    return set(inspect.signature(thing(name)).parameters) if callable(thing(name)) else set()


def said(name: str) -> str:
    return inspect.getdoc(thing(name)) or ""


def section(name: str, heading: str) -> str:
    """What stands under one of numpydoc's headings."""
    found = re.search(rf"^{heading}\n-+\n(.*?)(?=^\w+\n-+$|\Z)", said(name), re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def named(text: str) -> set[str]:
    """The names that a section describes: those on the lines that are not indented."""
    return {name for line in re.findall(r"^(\w[\w, ]*)$", text, re.MULTILINE) for name in line.split(", ")}


# --- what is said


@pytest.mark.parametrize("name", PUBLIC)
def test_a_docstring_begins_with_one_sentence(name: str) -> None:
    first, _, rest = said(name).partition("\n")
    assert first.endswith(".")
    assert not rest.splitlines() or rest.startswith("\n")


@pytest.mark.parametrize("name", sorted({*FUNCTIONS, *CLASSES} - MADE_BY_FUNCTIONS))
def test_every_parameter_is_described_and_no_other(name: str) -> None:
    assert named(section(name, "Parameters") or section(name, "Attributes")) == parameters(name)


METHODS = [
    f"{name}.{method}"
    for name in [*CLASSES, "Sandbox.faults"]
    for method, each in vars(SandboxFaults if name == "Sandbox.faults" else thing(name)).items()
    if isfunction(each) and not method.startswith("_")
]


@pytest.mark.parametrize("name", METHODS)
def test_a_methods_parameters_are_named(name: str) -> None:
    owner, _, method = name.rpartition(".")
    described = getattr(SandboxFaults if owner == "Sandbox.faults" else thing(owner), method)
    parameters = [each for each in inspect.signature(described).parameters if each not in {"self", "path"}]
    assert [each for each in parameters if not re.search(rf"\b{each}\b", inspect.getdoc(described) or "")] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_the_errors_that_a_docstring_names_are_there(name: str) -> None:
    raised = named(section(name, "Raises")) | named(section(name, "Warns"))
    assert [each for each in raised if not hasattr(kvs.errors, each) and not hasattr(builtins, each)] == []


# --- examples


def examples(name: str) -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(recurse=name != "kvs_notebook", exclude_empty=True)
    return [test for test in finder.find(thing(name), name, globs={}) if test.examples]


@pytest.mark.parametrize("name", sorted({*FUNCTIONS, *CLASSES, *ROOMS} - MADE_BY_FUNCTIONS))
def test_a_public_name_has_an_example(name: str) -> None:
    assert re.search(r"^>>> ", said(name), re.MULTILINE)


def served() -> Counter[str]:
    """How many requests of each kind the sandbox has answered so far."""
    sandbox = sandbox_in_use()
    return Counter() if sandbox is None else Counter(sandbox.requests["operation"])


GOES_ON = {"open_signaling", *(name for name in FUNCTIONS if name.startswith("forms."))}
"""What these give sends its calls after they have returned."""


@pytest.fixture
def sent_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterable[str]], Counter[str]]:
    """Count what public functions send from their call to their return, where they are called by their public names."""

    def counted(names: Iterable[str]) -> Counter[str]:
        sent: Counter[str] = Counter()

        def counting(function: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                before = served()
                result = function(*args, **kwargs)
                sent.update(served() - before)
                return result

            return call

        for name in names:
            room, _, function = name.rpartition(".")
            monkeypatch.setattr(thing(room or "kvs_notebook"), function, counting(thing(name)))
        return sent

    return counted


@pytest.fixture
def nothing_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin without a connection, in an empty folder; end without the sandbox that an example has started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.import_module("kvs_notebook.aws.default_connection"), "_current", None)
    yield
    sandbox = sandbox_in_use()
    if sandbox is not None:
        sandbox.stop()


def run(example: doctest.DocTest) -> None:
    report: list[str] = []
    doctest.DocTestRunner().run(example, out=report.append, clear_globs=False)
    assert not report, "".join(report)


def spends(name: str) -> str:
    """What a docstring says of calls, and what those say that it refers to."""
    text = said(name)
    referred = re.findall(r":func:`kvs_notebook\.([\w.]+)`", text)
    return "\n".join([text, *(said(each) for each in referred)]) if re.search(r"\b[Ss]pends?\b", text) else ""


@pytest.mark.usefixtures("nothing_current")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_runs_and_sends_no_call_that_its_docstring_does_not_name(
    name: str, sent_by: Callable[[Iterable[str]], Counter[str]]
) -> None:
    by_others = sent_by(other for other in FUNCTIONS if other != name) if name in GOES_ON else Counter()
    by_itself = Counter() if name in GOES_ON else sent_by([name])
    for example in examples(name):
        run(example)
    sent = set(served() - by_others if name in GOES_ON else by_itself) - ASKED_ONCE
    assert [call for call in sent if call not in spends(name)] == []
    assert not sent or section(name, "Raises")


ARGUMENTS = {"tags": {"Site": "hq"}, "keys": ["Site"], "message_ttl_seconds": 90, "client_id": "tablet"}


@pytest.mark.parametrize("name", [name for name in kvs.__all__ if "channel" in parameters(name)])
def test_a_call_by_name_sends_no_call_that_the_docstring_does_not_name(name: str, sandbox: kvs.Sandbox) -> None:
    connection = sandbox.connection()
    kvs.create_channel("front-door", connection=connection)
    before = Counter(sandbox.requests["operation"])
    given = {each: ARGUMENTS[each] for each in parameters(name) if each in ARGUMENTS}
    thing(name)("front-door", **given, connection=connection)
    sent = set(Counter(sandbox.requests["operation"]) - before) - ASKED_ONCE
    assert [call for call in sent if call not in spends(name)] == []


@pytest.mark.usefixtures("nothing_current")
@pytest.mark.parametrize("name", ["kvs_notebook", *ROOMS, *CLASSES])
def test_the_examples_of_a_room_or_class_run(name: str) -> None:
    for example in examples(name):
        run(example)
