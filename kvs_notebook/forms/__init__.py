"""Forms for JupyterLab: manage channels without writing code.

They create, update, delete and tag channels, and look up endpoints.

Each function returns a form to display, which can also be used from code:

>>> import kvs_notebook as kvs
>>> sandbox = kvs.use_sandbox(clock="stepped")
>>> form = kvs.forms.create_channel()
>>> form.name.value = "front-door"
>>> form.submit.click()
>>> form.future.result()["channel_name"].item()
'front-door'

A form keeps the connection that it was opened with. After a success it shows
the line of Python that does the same.
"""

from __future__ import annotations

from typing import Any

import lazy_loader

from kvs_notebook.attribute_hints import with_suggestions
from kvs_notebook.errors import MissingExtra

# The stub names the modules, so that type checkers see the same names as Python. None of those modules may have the name of
# a function here: importing it would set that name in this package to the module. Hence console_view and the suffix _form.
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_load_or_suggest = with_suggestions(__name__, _load, __all__)


def __getattr__(name: str) -> Any:
    """Import a form with the libraries that only forms need."""
    try:
        return _load_or_suggest(name)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"Forms require optional dependencies ({error}). Run: pip install 'kvs-notebook[lab]'"
        ) from error
