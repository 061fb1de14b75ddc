"""A button that downloads a text as a file, in the browser."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import anywidget
import traitlets

from kvs_notebook.forms.executor import ContextExecutor


class DownloadButton(anywidget.AnyWidget):
    """Download the text that a function returns when the button is clicked; the function runs on the executor.

    Attributes
    ----------
    file_name
        The name that the browser proposes.
    """

    _esm = pathlib.Path(__file__).parent / "download_button.js"
    description = traitlets.Unicode().tag(sync=True)
    tooltip = traitlets.Unicode().tag(sync=True)
    file_name = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, description: str, tooltip: str, file_name: str, make_text: Callable[[], str], executor: ContextExecutor
    ) -> None:
        super().__init__(description=description, tooltip=tooltip, file_name=file_name)
        self.on_msg(lambda *_: executor.submit(lambda: self.send(make_text())))
