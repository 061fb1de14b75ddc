"""Hints for names that a package does not have, and for arguments that its functions do not have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from kvs_notebook import error_display


def with_suggestions(package: str, load: Callable[[str], Any], names: Sequence[str]) -> Callable[[str], Any]:
    """Return a module's ``__getattr__`` that calls ``load``, and names the nearest public names if there is no such one.

    An unknown keyword argument of a function that it returns is answered with the right call.
    """
    root = package.partition(".")[0]

    def load_or_suggest(name: str) -> Any:
        try:
            found = load(name)
        except AttributeError:
            # Only a name that is not public is unknown; private ones are probed by Python itself, without a reader.
            if name in names or name.startswith("_"):
                raise
            raise _unknown_name(package, name, names) from None
        # Imported when a name is used, because an import of the package alone must stay cheap.
        from kvs_notebook.keyword_hints import with_keyword_hints

        hinted = with_keyword_hints(root, found)
        vars(sys.modules[package])[name] = hinted  # lazy_loader has put there what it loaded
        return hinted

    return load_or_suggest


def _unknown_name(package: str, name: str, names: Sequence[str]) -> AttributeError:
    error = AttributeError(_suggestion(package, name, names), name=name, obj=sys.modules[package])
    error._render_traceback_ = lambda: error_display.render_in_notebook(error)  # type: ignore[attr-defined] # IPython's
    return error


def _suggestion(package: str, name: str, names: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, names, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else f" help({package}) lists its names."
    return f"{package} has no {name}.{hint}"
