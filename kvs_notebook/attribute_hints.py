"""Hints for names that a package does not have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any


def with_suggestions(package: str, load: Callable[[str], Any], names: Sequence[str]) -> Callable[[str], Any]:
    """Return a module's ``__getattr__`` that calls ``load``, and names the nearest public names if there is no such one."""

    def load_or_suggest(name: str) -> Any:
        try:
            return load(name)
        except AttributeError:
            # Only a name that is not public is unknown; private ones are probed by Python itself, without a reader.
            if name in names or name.startswith("_"):
                raise
            import difflib  # an import of the package loads this module, and hardly ever needs it

            near = difflib.get_close_matches(name, names, n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else f" help({package}) lists its names."
            raise AttributeError(f"{package} has no {name}.{hint}", name=name, obj=sys.modules[package]) from None

    return load_or_suggest
