"""Matplotlib charts of reports, and diagrams of channel state and signaling."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["charts", "diagrams"])
