"""Matplotlib figures that a notebook displays and that are saved to files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from kvs_notebook.dataframes.files import File, open_output
from kvs_notebook.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito's palette, which people with colour blindness can distinguish too."""

GREY, RED = "#BBBBBB", "#D55E00"
PNG_COLORS = 64
WIDTH = 7.0
"""Inches; the width of every figure."""


class Chart:
    """A figure that a notebook displays.

    Attributes
    ----------
    figure
        The matplotlib Figure.
    title
        What it shows, as text.
    """

    def __init__(self, figure: Figure, title: str) -> None:
        self.figure = figure
        self.title = title

    def __repr__(self) -> str:
        return f"<Chart: {self.title}>"

    def _repr_png_(self) -> bytes:
        return self.to_png()

    def to_png(self) -> bytes:
        """Return the figure as PNG with few colours, which takes a third of the space in a saved notebook or a page."""
        from PIL import Image  # a dependency of matplotlib

        full, reduced = BytesIO(), BytesIO()
        self.figure.savefig(full, format="png", dpi=100)
        with Image.open(full) as picture:
            picture.convert("RGB").quantize(PNG_COLORS).save(reduced, "png", optimize=True)
        return reduced.getvalue()

    def save(self, path: File) -> None:
        """Write the figure to a file, in the format of its name's ending (.png, .svg, .pdf).

        Raises
        ------
        InvalidInput
            If matplotlib does not know the ending.
        ExportFailed
            If it cannot be written; an older file is unchanged.
        """
        target = Path(path)
        known = self.figure.canvas.get_supported_filetypes()
        ending = target.suffix.removeprefix(".").lower()
        if ending not in known:
            raise InvalidInput(f"{target.name!r} does not end with a known format. Expected .{', .'.join(known)}.")
        with open_output(target, "wb") as stream:
            self.figure.savefig(stream, format=ending, dpi=200)


@contextmanager
def open_figure(width: float, height: float) -> Iterator[Figure]:
    """Yield a new Figure, in inches, without pyplot: no figure stays open, and the user's settings are unchanged.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(
            f"Charts and diagrams require matplotlib ({error}). Install it: pip install 'kvs-notebook[lab]'"
        ) from error
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}):
        yield Figure(figsize=(width, height), layout="constrained")
