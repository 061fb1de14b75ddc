"""Signaling: endpoints, presigned URLs, and peers that exchange offers, answers and candidates."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["messages"])
