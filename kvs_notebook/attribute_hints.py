"""Hints for names that a package does not have, and for arguments that its functions do not have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from kvs_notebook import error_display
from kvs_notebook.formatting import closest_names


def with_suggestions(package: str, load: Callable[[str], Any], names: Sequence[str]) -> Callable[[str], Any]:
    """Return a module's ``__getattr__`` that calls ``load``; for an unknown name, its error suggests the nearest public names.

    The functions that it returns suggest the right call if a keyword argument is unknown.
    """
    root = package.partition(".")[0]

    def load_or_suggest(name: str) -> Any:
        try:
            found = load(name)
        except AttributeError:
            # No hint for private names: Python itself looks for them, and no user sees the error.
            if name in names or name.startswith("_"):
                raise
            raise _unknown_name(package, name, names) from None
        # Imported when a name is used, because an import of the package alone must stay cheap.
        from kvs_notebook.keyword_hints import with_keyword_hints

        hinted = with_keyword_hints(root, found)
        vars(sys.modules[package])[name] = hinted  # in place of what lazy_loader has stored
        return hinted

    return load_or_suggest


def _unknown_name(package: str, name: str, names: Sequence[str]) -> AttributeError:
    error = AttributeError(_suggestion(package, name, names), name=name, obj=sys.modules[package])
    error._render_traceback_ = lambda: error_display.render_in_notebook(error)  # type: ignore[attr-defined] # IPython's
    return error


def _suggestion(package: str, name: str, names: Sequence[str]) -> str:
    near = closest_names(name, names)
    hint = f" Did you mean {' or '.join(near)}?" if near else f" help({package}) lists its names."
    return f"{package} has no {name}.{hint}"
