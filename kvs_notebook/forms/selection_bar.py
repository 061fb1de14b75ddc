"""The bar of a console that says how many channels are selected, and opens the panel for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import ipywidgets as widgets

from kvs_notebook.forms.html import escape_html


class SelectionBar(widgets.HBox):
    """Show the number of selected channels and the buttons that act on them.

    Attributes
    ----------
    buttons
        The buttons by the name of their tab.
    clear
        The button that selects nothing.
    """

    def __init__(
        self,
        names: Sequence[str],
        for_several: Sequence[str],
        opened: Callable[[str], object],
        cleared: Callable[[], object],
    ) -> None:
        self._for_several = set(for_several)
        self._count = widgets.HTML()
        self.buttons = {name: widgets.Button(description=name) for name in names}
        for name, button in self.buttons.items():
            button.on_click(partial(self._clicked, opened, name))
        self.clear = widgets.Button(description="Clear", tooltip="Select no channel")
        self.clear.on_click(lambda _: cleared())
        spacer = widgets.Box()
        spacer.add_class("kvs-spacer")
        super().__init__([self._count, *self.buttons.values(), spacer, self.clear])
        self.add_class("kvs-row")
        self.add_class("kvs-selection")
        self.show(0, 0)

    @staticmethod
    def _clicked(opened: Callable[[str], object], name: str, _: widgets.Button) -> None:
        opened(name)

    def show(self, count: int, hidden: int) -> None:
        """Show how many channels are selected, and how many of them the filter hides."""
        note = f" ({hidden:,} not shown by the filter)" if hidden else ""
        text = f"{count:,} selected{note}" if count else "None selected"
        self._count.value = f"<span>{escape_html(text)}</span>"
        for name, button in self.buttons.items():
            button.disabled = not count or (count > 1 and name not in self._for_several)
        self.clear.disabled = not count
