"""Every public name says what its signature cannot, with an example that runs."""

from __future__ import annotations

import doctest
import importlib
from inspect import isfunction
from operator import attrgetter
from pathlib import Path

import pytest

import kvs_notebook as kvs


def examples(name: str) -> list[doctest.DocTest]:
    thing = kvs if name == "kvs_notebook" else attrgetter(name)(kvs)
    finder = doctest.DocTestFinder(recurse=name != "kvs_notebook", exclude_empty=True)
    return [test for test in finder.find(thing, name, globs={}) if test.examples]


FUNCTIONS = [name for name in kvs.__all__ if callable(getattr(kvs, name)) and not isinstance(getattr(kvs, name), type)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_has_an_example(name: str) -> None:
    assert examples(name)


FORMS = [f"forms.{name}" for name in kvs.forms.__all__]
REPORTS = [
    f"{room}.{name}"
    for room in ("reports", "charts")
    for name in getattr(kvs, room).__all__
    if isfunction(getattr(getattr(kvs, room), name))
]


@pytest.mark.parametrize("name", [*FORMS, *REPORTS])
def test_a_form_or_a_report_has_an_example(name: str) -> None:
    assert examples(name)


@pytest.mark.parametrize("name", ["kvs_notebook", *kvs.__all__, *FORMS, *REPORTS])
def test_the_examples_of_a_docstring_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    current = importlib.import_module("kvs_notebook.current")
    monkeypatch.setattr(current, "_current", None)
    for example in examples(name):
        report: list[str] = []
        try:
            doctest.DocTestRunner().run(example, out=report.append, clear_globs=False)
        finally:
            if "sandbox" in example.globs:
                example.globs["sandbox"].stop()
        assert not report, "".join(report)
