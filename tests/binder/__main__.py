"""Run the walkthroughs as Binder would: ``python -m tests.binder [FOLDER] [--python PYTHON] [--picture FILE]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.binder.image import build, python_of_the_runtime
from tests.binder.visit import visit
from tests.binder.walkthrough import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Print time and memory of each walkthrough; return 1 if one fails or takes too much of either."""
    options = _options(arguments)
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "image"
        image = build(folder.absolute(), options.python or python_of_the_runtime())
        results = []
        for notebook in sorted((image.checkout / "notebooks").glob("*.ipynb")):
            results.append(run(image, notebook))
            sys.stdout.write(f"{results[-1]}\n")
        results.append(visit(image, (options.picture or image.folder / "00-start-here.png").absolute()))
        sys.stdout.write(f"{results[-1]}\n")
    return 0 if all(each.holds for each in results) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.binder",
        description="Run the walkthroughs as Binder would.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="keep the environment there, in place of an older one"
    )
    parser.add_argument(
        "--python",
        type=Path,
        help="the interpreter to build on; the default is that of runtime.txt, if it is installed",
    )
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="save the picture of the first walkthrough there (PNG)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
