"""Live video of a camera over a signaling channel.

It is shown in JupyterLab, received in a script, or taken as one picture of
each camera.

>>> import kvs_notebook as kvs
>>> sandbox = kvs.use_sandbox(clock="stepped")
>>> channel = kvs.create_channel("front-door")
>>> camera, viewer = kvs.live.camera(channel), kvs.live.viewer(channel)

Display both in a notebook, and press Start in both: the browser carries the
video, the kernel the signaling. Without a browser, ``take_picture`` and
``take_pictures`` return what cameras send, ``contact_sheet`` shows it on one
sheet, and ``serve_test_camera`` is a camera for scripts.
"""

from __future__ import annotations

from typing import Any

import lazy_loader

from kvs_notebook.attribute_hints import with_suggestions
from kvs_notebook.errors import MissingExtra

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "picture_sheet": ["contact_sheet"],
        "pictures": ["take_picture", "take_pictures"],
        "test_camera": ["serve_test_camera"],
        "views": ["camera", "viewer"],
    },
)
_load_or_suggest = with_suggestions(__name__, _load, __all__)

EXTRAS = {"camera": "lab,signaling", "viewer": "lab,signaling"}
"""The extras of functions that do not need ``media``."""


def __getattr__(name: str) -> Any:
    """Import a function with the libraries that only it needs."""
    try:
        return _load_or_suggest(name)
    except ModuleNotFoundError as error:
        extras = EXTRAS.get(name, "media")
        raise MissingExtra(
            f"live.{name} requires optional dependencies ({error}). Run: pip install 'kvs-notebook[{extras}]'"
        ) from error
