"""Inventories of many accounts and regions, daily snapshots, comparisons and reports."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["reports"])
