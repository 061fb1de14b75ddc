"""Endpoints, presigned URLs, and clients that exchange offers, answers and candidates over a channel."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["messages"])
