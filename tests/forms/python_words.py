"""What a message of a form must not contain: Python."""

from __future__ import annotations

import re

PYTHON = re.compile(
    r"kvs\.|\w\(|\b(?:connection|allow_changes|share|timeout|region|max_delete|max_share|confirm|take_over)="
)
"""A function, or an argument of one."""
