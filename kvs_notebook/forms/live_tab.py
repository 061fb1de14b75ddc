"""The picture of one channel's camera in a console."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.live.views import viewer


class LiveTab(widgets.VBox):
    """Play a channel's camera after its Start was pressed; the page ends the call 3 s after another tab is opened.

    Attributes
    ----------
    view
        The viewer, as kvs.live.viewer() returns it.
    """

    def __init__(self, row: pd.DataFrame, *, connection: Connection, **_: Any) -> None:
        self.view = viewer(row, connection=connection)
        self._arn = row["channel_arn"].item()
        super().__init__([self.view])

    def shows(self, channels: pd.DataFrame) -> bool:
        """Return whether the view is one of this channel."""
        return channels["channel_arn"].tolist() == [self._arn]

    def unapplied_edits(self) -> str:
        """Return nothing: there is nothing to edit."""
        return ""

    def close(self) -> None:
        """End the call, and remove the view."""
        if hasattr(self, "view"):  # ipywidgets also closes a tab whose __init__ has failed
            self.view.close()
        super().close()
