"""A sandbox shared by the tests of a file, and its connection."""

from __future__ import annotations

from tests.shared_sandbox import connection, shared
from tests.unlimited_sandbox import sandbox

__all__ = ["connection", "sandbox", "shared"]  # fixtures of the tests of this folder
