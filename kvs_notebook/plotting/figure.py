"""Matplotlib figures that a notebook displays and that are saved to files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from kvs_notebook.arguments import check_path
from kvs_notebook.dataframes.files import File, open_output
from kvs_notebook.errors import InvalidInput, MissingExtra
from kvs_notebook.formatting import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito's palette, which people with colour blindness can distinguish too."""

GREY, RED = "#BBBBBB", "#D55E00"
INK = "#797979"
"""The colour of text and lines on a transparent background: as readable on JupyterLab's white as on its black."""

PNG_COLORS = 64
WIDTH = 7.0
"""Inches; the width of every figure."""

MAX_TEXT_LENGTH = 40
"""Characters of a tag key or an account that a figure shows uncut: a longer one would leave no space for its bar."""


class Chart:
    """A figure that a notebook displays.

    Attributes
    ----------
    figure
        The matplotlib Figure.
    title
        What it shows, as text.
    follows_theme
        Whether a notebook displays it without a background of its own, so that
        it fits a light and a dark theme.
    """

    def __init__(self, figure: Figure, title: str, *, follows_theme: bool = False) -> None:
        self.figure = figure
        self.title = printable(title)
        self.follows_theme = follows_theme

    def __repr__(self) -> str:
        return f"<Chart: {self.title}>"

    def _repr_png_(self) -> bytes:
        return self.to_png()

    def to_png(self) -> bytes:
        """Return the figure as PNG with few colours.

        It takes a third of the space in a saved notebook or a page.
        """
        from PIL import Image  # a dependency of matplotlib

        full, reduced = BytesIO(), BytesIO()
        self._write(full, "png", dpi=100, transparent=self.follows_theme)
        with Image.open(full) as picture:
            if self.follows_theme:
                # the only method that keeps transparency
                few = picture.quantize(4 * PNG_COLORS, Image.Quantize.FASTOCTREE)
            else:
                few = picture.convert("RGB").quantize(PNG_COLORS)
            few.save(reduced, "png", optimize=True)
        return reduced.getvalue()

    def show(self) -> None:
        """Display the figure in the notebook, also from the middle of a cell.

        In a terminal, open it in an image viewer.
        """
        from IPython import get_ipython
        from IPython.display import display
        from PIL import Image

        if get_ipython() is not None:
            display(self)  # type: ignore[no-untyped-call]
            return
        with BytesIO() as stream:
            self._write(stream, "png", dpi=100)
            Image.open(stream).show(self.title)

    def save(self, path: File) -> None:
        """Write the figure to a file, on white.

        The file's ending is the format: .png, .svg or .pdf.

        Raises
        ------
        InvalidInput
            If matplotlib does not know the ending.
        ExportFailed
            If it cannot be written; an older file is unchanged.
        """
        target = check_path("path", path)
        known = self.figure.canvas.get_supported_filetypes()
        ending = target.suffix.removeprefix(".").lower()
        if ending not in known:
            raise InvalidInput(f"{target.name!r} does not end with a known format. Expected .{', .'.join(known)}.")
        with open_output(target, "wb") as stream:
            self._write(stream, ending, dpi=200)

    def _write(self, stream: IO[Any], file_format: str, **options: Any) -> None:
        """Draw the figure; a character that the font lacks is drawn as a box, without a warning for each."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
            self.figure.savefig(stream, format=file_format, **options)


def drawn_text(text: str, longest: int = MAX_TEXT_LENGTH) -> str:
    """Return a text of the service as a figure shows it: in one line of printable characters, cut at its end."""
    shown = printable(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."


@contextmanager
def open_figure(width: float, height: float, ink: str = "black") -> Iterator[Figure]:
    """Yield a new Figure, in inches, without pyplot: no figure stays open, and the user's settings are unchanged.

    ``ink`` is the colour of text, axes and ticks.

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
            f"Charts and diagrams require matplotlib ({error}). Run: pip install 'kvs-notebook[lab]'"
        ) from error
    with mpl.rc_context(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "font.size": 9,
            "text.color": ink,
            "axes.edgecolor": ink,
            "axes.labelcolor": ink,
            "xtick.color": ink,
            "ytick.color": ink,
            "text.parse_math": False,  # a tag key may have dollar signs
            "text.usetex": False,
        }
    ):
        yield Figure(figsize=(width, height), layout="constrained")
