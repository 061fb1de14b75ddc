"""The DataFrame that this package returns: pandas' own, which a terminal shows in blocks of columns."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pandas as pd

from kvs_notebook.formatting import printable_lines

MOST_COLUMNS = 20
"""The number of columns that pandas shows in a notebook; of more, it shows the first and the last ones."""

LEFT_OUT = "..."


class _AnyFrame(type):
    """Take every DataFrame of pandas for an instance, as ``pandas.testing.assert_frame_equal(expected, frame)`` requires."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, pd.DataFrame)


class DataFrame(pd.DataFrame, metaclass=_AnyFrame):
    """A DataFrame whose text in a terminal leaves out no column that users look for, and has no control characters.

    If a frame is wider than the terminal, pandas leaves out its columns from the middle: of a channels frame it shows the name
    and the ARN only. This one breaks its columns into blocks instead, as pandas does in a notebook. A user who has set
    ``display.max_columns`` gets what was set.

    Tags and statuses are texts of others: a terminal would obey their escape sequences, which pandas passes on.
    """

    @property
    def _constructor(self) -> Callable[..., DataFrame]:
        return DataFrame

    def __repr__(self) -> str:
        return printable_lines(self._text())

    def _repr_html_(self) -> str | None:
        shown: str | None = super()._repr_html_()  # type: ignore[misc]
        return None if shown is None else printable_lines(shown)

    def _text(self) -> str:
        text = super().__repr__()
        if pd.get_option("display.max_columns") != 0 or LEFT_OUT not in text.partition("\n")[0].split():
            return text
        width = shutil.get_terminal_size().columns
        with pd.option_context("display.max_columns", MOST_COLUMNS, "display.width", width):
            return super().__repr__()
