"""One kernel, shared by the tests that run cells of a walkthrough."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebooks.kernel import NOTEBOOKS, Kernel


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def walkthrough(request: pytest.FixtureRequest) -> Path:
    """Return a notebook's path."""
    path: Path = request.param
    return path


@pytest.fixture(scope="package")
def kernel() -> Iterator[Kernel]:
    """Yield a kernel: starting one costs seconds."""
    with Kernel.started() as kernel:
        yield kernel
