"""Chart: a picture in a value that shows itself in a notebook and saves itself to a file, and the figure it is drawn on."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from kvs_notebook.dataframes.files import File
from kvs_notebook.errors import ExportFailed, InvalidInput, MissingExtra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito's, which also those tell apart who do not see all colours."""

GREY, RED = "#BBBBBB", "#D55E00"
PALETTE = 64
WIDTH = 7.0
"""Inches, of every figure."""


class Chart:
    """A picture that shows itself in a notebook.

    Attributes
    ----------
    figure
        matplotlib's Figure.
    title
        What it shows, in words.
    """

    def __init__(self, figure: Figure, title: str) -> None:
        self.figure = figure
        self.title = title

    def __repr__(self) -> str:
        return f"<Chart: {self.title}>"

    def _repr_png_(self) -> bytes:
        """Give the picture in few colours: a third of the size, in a notebook that is kept and compared."""
        from PIL import Image  # which matplotlib needs, too

        drawn, small = BytesIO(), BytesIO()
        self.figure.savefig(drawn, format="png", dpi=100)
        with Image.open(drawn) as picture:
            picture.convert("RGB").quantize(PALETTE).save(small, "png", optimize=True)
        return small.getvalue()

    def save(self, path: File) -> None:
        """Write the picture to a file, in the format that its name ends with (.png, .svg, .pdf).

        Raises
        ------
        InvalidInput
            For an ending that matplotlib does not know.
        ExportFailed
            When it cannot be written; what was there before is unchanged.
        """
        target = Path(path)
        known = self.figure.canvas.get_supported_filetypes()
        form = target.suffix.removeprefix(".").lower()
        if form not in known:
            raise InvalidInput(f"Can't tell a picture's format from {target.name!r}: end it with .{', .'.join(known)}.")
        part = target.with_name(f".{secrets.token_hex(8)}.part")
        try:
            self.figure.savefig(part, format=form, dpi=200)
            part.replace(target)
        except OSError as error:
            raise ExportFailed(
                f"Can't write {target}: {error.strerror or error}. Choose a file in a folder that exists and that you may "
                "write to; what was there before is unchanged."
            ) from error
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def figure_of(width: float, height: float) -> Iterator[Figure]:
    """Give a figure in inches, beside pyplot: none stays open, and no style of the user's changes."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(f"Pictures need matplotlib ({error}): pip install 'kvs-notebook[lab]'") from error
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}):
        yield Figure(figsize=(width, height), layout="constrained")
