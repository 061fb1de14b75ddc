"""One kernel for each walkthrough, shared by the tests that run its cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebooks.kernel import NOTEBOOKS, Kernel


@pytest.fixture(scope="package", params=NOTEBOOKS, ids=lambda path: path.stem)
def walkthrough(request: pytest.FixtureRequest) -> Path:
    """Return a notebook's path."""
    path: Path = request.param
    return path


@pytest.fixture(scope="package")
def kernel(walkthrough: Path) -> Iterator[Kernel]:  # one for each
    """Yield the kernel of this walkthrough."""
    with Kernel.started() as kernel:
        yield kernel
