"""Public docstrings describe parameters, errors and the API calls spent, and have examples that run.

The format of every docstring is checked by ``numpydoc lint``, whose checks are chosen in pyproject.toml.
"""

from __future__ import annotations

import builtins
import doctest
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import wraps
from inspect import isclass, isfunction, ismodule
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from numpydoc.docscrape import get_doc_object

import kvs_notebook as kvs
from kvs_notebook.sandbox.sandbox import SandboxFaults, sandbox_in_use

PACKAGE = "kvs_notebook"
MODULES = [name for name in kvs.__all__ if ismodule(getattr(kvs, name))]
PUBLIC = [
    *(name for name in kvs.__all__ if isfunction(getattr(kvs, name)) or isclass(getattr(kvs, name))),
    *(f"{module}.{name}" for module in MODULES for name in getattr(kvs, module).__all__ if name != "Message"),
]
"""All but Message, an alias, which has no docstring."""

SPENT_ONCE = {"GetCallerIdentity"}
"""Sent to STS once for a connection, not for each call; the docstrings of connect() and Connection say so."""


def public(name: str) -> Any:
    return kvs if name == PACKAGE else attrgetter(name)(kvs)


FUNCTIONS = [name for name in PUBLIC if isfunction(public(name))]
CLASSES = [name for name in PUBLIC if isclass(public(name)) and not name.startswith("errors.")]
RETURNED_BY_FUNCTIONS = {"Connection", "Inventory", "charts.Chart", "plans.Plan"}
"""Users do not call these classes: their attributes are described, and the functions that return them have the examples."""

METHODS = {
    f"{owner}.{name}": method
    for owner in [*CLASSES, "Sandbox.faults"]
    for name, method in vars(SandboxFaults if owner == "Sandbox.faults" else public(owner)).items()
    if isfunction(method) and not name.startswith("_")
}


def docstring(name: str) -> str:
    return inspect.getdoc(public(name)) or ""


def parameters(name: str) -> set[str]:
    return set(inspect.signature(public(name)).parameters) if callable(public(name)) else set()


def described(name: str, section: str) -> set[str]:
    """Return the names that a section of a docstring describes; numpydoc takes those of Raises, and prose there, for types."""
    entries = get_doc_object(public(name))[section]
    listed = [(entry.name or entry.type).replace("*", "").split(", ") for entry in entries]
    return {name for names in listed if all(map(str.isidentifier, names)) for name in names}


# --- text


def test_every_parameter_is_described_and_no_other() -> None:
    called = {*FUNCTIONS, *CLASSES} - RETURNED_BY_FUNCTIONS
    wrong = {
        name: (described(name, "Parameters") or described(name, "Attributes")) ^ parameters(name) for name in called
    }
    assert {name: names for name, names in wrong.items() if names} == {}


def test_method_docstrings_name_their_parameters() -> None:
    unnamed = [
        f"{name}({parameter})"
        for name, method in METHODS.items()
        for parameter in inspect.signature(method).parameters
        if parameter not in {"self", "path"} and not re.search(rf"\b{parameter}\b", inspect.getdoc(method) or "")
    ]
    assert unnamed == []


def test_help_fits_a_terminal_of_eighty_columns() -> None:
    """Pydoc indents a docstring by four columns; only an example and the tree of errors may be wider."""
    docstrings = {name: docstring(name) for name in [*PUBLIC, *MODULES]}
    docstrings |= {name: inspect.getdoc(method) or "" for name, method in METHODS.items()}
    wide = [
        f"{name}: {line}"
        for name, text in docstrings.items()
        for paragraph in text.split("\n\n")
        if ">>>" not in paragraph and not (name in MODULES and paragraph.startswith(" "))
        for line in paragraph.splitlines()
        if len(line) > (79 if name in MODULES else 75)
    ]
    assert wide == []


def test_every_error_named_in_a_docstring_exists() -> None:
    raised = {each for name in PUBLIC for section in ("Raises", "Warns") for each in described(name, section)}
    assert [each for each in raised if not hasattr(kvs.errors, each) and not hasattr(builtins, each)] == []


# --- examples


def examples(name: str) -> list[doctest.DocTest]:
    """Return the examples of a name; those of a class include its methods', those of a module are its own only."""
    finder = doctest.DocTestFinder(recurse=isclass(public(name)), exclude_empty=True)
    return [test for test in finder.find(public(name), name, globs={}) if test.examples]


def run_examples(name: str) -> None:
    report: list[str] = []
    for example in examples(name):
        doctest.DocTestRunner().run(example, out=report.append, clear_globs=False)
    assert not report, "".join(report)


def test_every_public_name_has_an_example() -> None:
    names = {*FUNCTIONS, *CLASSES, *MODULES} - RETURNED_BY_FUNCTIONS
    assert [name for name in names if not re.search(r"^>>> ", docstring(name), re.MULTILINE)] == []


@pytest.fixture
def empty_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin in an empty folder."""
    monkeypatch.chdir(tmp_path)


def answered() -> Counter[str]:
    """Count the requests that the sandbox in use has answered, by operation."""
    sandbox = sandbox_in_use()
    return Counter() if sandbox is None else Counter(sandbox.requests["operation"])


SEND_AFTER_RETURN = {"open_signaling", "watch_channel", *(name for name in FUNCTIONS if name.startswith("forms."))}
"""What these functions return sends requests later; so every request of their example is theirs that no other function sent."""


@pytest.fixture
def count_calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterable[str]], Counter[str]]:
    """Count what public functions send between their call and their return, if they are called by their public names."""

    def count(names: Iterable[str]) -> Counter[str]:
        sent: Counter[str] = Counter()

        def counting(function: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                before = answered()
                result = function(*args, **kwargs)
                sent.update(answered() - before)
                return result

            return call

        for name in names:
            module, _, function = name.rpartition(".")
            monkeypatch.setattr(public(module or PACKAGE), function, counting(public(name)))
        return sent

    return count


def unnamed_calls(name: str, sent: Iterable[str]) -> list[str]:
    """Return the calls that neither a docstring names nor those that it refers to, if it has a sentence on what is spent."""
    text = docstring(name)
    referred = re.findall(r":func:`kvs_notebook\.([\w.]+)`", text)
    spends = "\n".join([text, *map(docstring, referred)]) if re.search(r"\b[Ss]pends?\b|\bAPI calls?\b", text) else ""
    return [call for call in set(sent) - SPENT_ONCE if call not in spends]


@pytest.mark.usefixtures("empty_session")
@pytest.mark.draw(20)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_example_runs_and_spends_only_named_calls(
    name: str, count_calls: Callable[[Iterable[str]], Counter[str]]
) -> None:
    later = name in SEND_AFTER_RETURN
    counted = count_calls(set(FUNCTIONS) - {name} if later else [name])
    run_examples(name)
    sent = answered() - counted if later else counted
    assert unnamed_calls(name, sent) == []
    assert not set(sent) - SPENT_ONCE or described(name, "Raises")


ARGUMENTS = {"tags": {"Site": "hq"}, "keys": ["Site"], "message_ttl_seconds": 90, "client_id": "tablet"}


def test_functions_that_take_a_name_spend_only_named_calls(sandbox: kvs.Sandbox) -> None:
    connection = sandbox.connection()
    unnamed = {}
    for name in kvs.__all__:
        if "channel" in parameters(name):
            kvs.create_channel(channel := name.replace("_", "-"), connection=connection)
            before = Counter(sandbox.requests["operation"])
            arguments = {each: ARGUMENTS[each] for each in parameters(name) if each in ARGUMENTS}
            public(name)(channel, **arguments, connection=connection)
            unnamed[name] = unnamed_calls(name, Counter(sandbox.requests["operation"]) - before)
    assert len(unnamed) > 5
    assert {name: calls for name, calls in unnamed.items() if calls} == {}


@pytest.mark.usefixtures("empty_session")
@pytest.mark.parametrize("name", [PACKAGE, *MODULES, *CLASSES])
def test_examples_of_modules_and_classes_run(name: str) -> None:
    run_examples(name)
