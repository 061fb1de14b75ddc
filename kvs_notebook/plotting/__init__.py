"""Matplotlib figures: charts of reports and diagrams of what was seen."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["charts", "diagrams"])
