"""Hints for keyword arguments that a public function or method does not have: the right name, or the call that takes it."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any, TypeVar

from kvs_notebook import error_display

Class = TypeVar("Class", bound=type)

_OF_CONNECT = ("profile", "region", "session", "endpoint_url", "allow_changes", "share")
"""What belongs to a connection: the keyword arguments of kvs.connect()."""

_SYNONYMS = {
    "region_name": ("region",),
    "profile_name": ("profile",),
    "account": ("account_id", "accounts"),
    "account_id": ("accounts",),
    "channel_name": ("channel", "name"),
    "channel_arn": ("channel",),
    "ttl": ("message_ttl_seconds",),
    "tag_keys": ("keys",),
    "file": ("path",),
    "filename": ("path",),
    "sheet_name": ("sheet",),
}
"""Other names of arguments, as boto3, pandas and the service have them."""

_OF_INVENTORY = (".fleet.", ".plotting.")
"""Packages whose functions take what an inventory has read."""

_OF_SEVERAL_ACCOUNTS = ("regions", "profiles", "accounts", "role_arns")
"""What kvs.inventory() takes, where a call of one connection reads one region of one account."""

_PLURAL_EXAMPLES = {"regions": "['eu-west-1', 'us-east-1']", "profiles": "['my-profile']", "accounts": "'accounts.csv'"}
_LONGEST_VALUE = 40


def with_keyword_hints(package: str, value: Any) -> Any:
    """Return a public function, or a module of them, so that its error for an unknown keyword argument names the right one.

    A function is replaced in its own module: it is one object, wherever it is imported from, as pickle requires. Its signature
    and its documentation stay.
    """
    if isinstance(value, ModuleType):
        for name in vars(value).keys() & set(getattr(value, "__all__", ())):  # a lazy module does it on use
            with_keyword_hints(package, getattr(value, name))
        return value
    if not isinstance(value, FunctionType) or hasattr(value, "__wrapped__"):
        return value
    home = sys.modules[value.__module__]
    is_importable = getattr(home, value.__name__, None) is value
    if not is_importable or not value.__module__.startswith(f"{package}."):
        return value
    hinted = _with_hints(value, value.__name__)
    setattr(home, value.__name__, hinted)
    return hinted


def with_method_hints(cls: Class) -> Class:
    """Decorate a class so that errors for unknown keyword arguments of its constructor and public methods name the right ones."""
    for name, value in list(vars(cls).items()):
        if isinstance(value, FunctionType) and (name == "__init__" or not name.startswith("_")):
            label = cls.__name__ if name == "__init__" else f"{cls.__name__}.{name}"
            setattr(cls, name, _with_hints(value, label))
    return cls


def _with_hints(function: FunctionType, label: str) -> Callable[..., Any]:
    parameters = inspect.signature(function).parameters.values()
    names = [each.name for each in parameters if each.name != "self"]
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return function
    known = frozenset(each.name for each in parameters if each.kind is not each.VAR_POSITIONAL)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not known.issuperset(kwargs):
            unknown = {name: value for name, value in kwargs.items() if name not in known}
            raise _unexpected_keyword(function, label, names, unknown)
        return function(*args, **kwargs)

    return call


def _unexpected_keyword(function: FunctionType, label: str, names: Sequence[str], unknown: dict[str, Any]) -> TypeError:
    keyword, value = next(iter(unknown.items()))
    error = TypeError(
        f"{label}() got an unexpected keyword argument {keyword!r}. {next(_advice(function, names, keyword, value))}"
    )
    error._render_traceback_ = lambda: error_display.render_in_notebook(error)  # type: ignore[attr-defined] # IPython's
    return error


def _advice(function: FunctionType, names: Sequence[str], keyword: str, value: object) -> Iterator[str]:
    """Yield the argument that was meant, the call that takes it, and the arguments that there are: the first is the best."""
    if keyword in inspect.signature(function).parameters:
        yield "Pass its values without its name."
    meant = (keyword, *_SYNONYMS.get(keyword, ()))
    for name in [plural for each in meant for plural in (each, f"{each}s")]:
        if name in names:
            yield f"Pass {name}={_PLURAL_EXAMPLES.get(name, '...')}."
    of_connection = next((each for each in meant if each in _OF_CONNECT), None)
    if of_connection is not None and "connection" in names:
        if of_connection == "region":  # kvs.connect() would leave a sandbox
            yield f"It belongs to the connection: pass connection=kvs.current_connection().in_region({_show(value)})."
        connect = f"kvs.connect({of_connection}={_show(value)})"
        yield f"It belongs to the connection: pass connection={connect}, or call {connect} before."
    is_of_inventory = any(package in function.__module__ for package in _OF_INVENTORY)
    if is_of_inventory and (of_connection in {"region", "profile"} or "accounts" in meant):
        plural = f"{of_connection}s" if of_connection else "accounts"
        yield f"What is read is chosen before: kvs.inventory({plural}={_PLURAL_EXAMPLES.get(plural, '...')})."
    if keyword in _OF_SEVERAL_ACCOUNTS and "connection" in names and "accounts" not in names:
        several = f"kvs.inventory({keyword}={_PLURAL_EXAMPLES.get(keyword, '...')})"
        yield f"It works in one region of one account: to read several, call {several}."
    import difflib

    for near in difflib.get_close_matches(keyword, names, n=1):
        yield f"Did you mean {near}=?"
    yield f"It takes: {', '.join(names)}." if names else "It takes no arguments."


def _show(value: object) -> str:
    is_short = isinstance(value, (str, int, float)) and len(str(value)) <= _LONGEST_VALUE and str(value).isprintable()
    return repr(value) if is_short else "..."
