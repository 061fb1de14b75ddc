"""Live video of a camera over a signaling channel: in JupyterLab, in a script, or as one picture of each camera."""

from __future__ import annotations

import lazy_loader

from kvs_notebook.attribute_hints import with_suggestions

_load, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={})
__getattr__ = with_suggestions(__name__, _load, __all__)
