"""Fleet: many accounts, many regions, many days."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["charts", "reports"])
