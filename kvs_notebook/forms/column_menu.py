"""The menu of a table's columns."""

from __future__ import annotations

import ipywidgets as widgets

from kvs_notebook.forms.channel_table import ChannelTable, column_of


class ColumnMenu(widgets.HBox):
    """Choose the columns of a table, with a checkbox for each; it is hidden until its button is clicked.

    Attributes
    ----------
    button
        The button that shows and hides the menu.
    boxes
        The checkboxes by the key of their column.
    """

    def __init__(self, table: ChannelTable) -> None:
        self._table = table
        self.boxes: dict[str, widgets.Checkbox] = {}
        self.button = widgets.Button(description="Columns", tooltip="Choose the columns of the table")
        self.button.on_click(lambda _: self._toggle())
        super().__init__()
        self.children: tuple[widgets.Widget, ...] = ()
        self.add_class("kvs-columns")
        self.layout.display = "none"

    @property
    def is_open(self) -> bool:
        """True while the menu is shown."""
        return bool(self.layout.display != "none")

    def _toggle(self) -> None:
        self.layout.display = "none" if self.is_open else ""
        self.show_choices()

    def show_choices(self) -> None:
        """Show a checkbox for each column; those of tags that come while the menu is open follow the others, which stay."""
        if not self.is_open:
            self.children = ()
            for box in self.boxes.values():
                box.close()
            self.boxes = {}
            return
        shown = set(self._table.shown_columns())
        for key in self._table.all_columns():
            if key != "channel_name" and key not in self.boxes:
                self.boxes[key] = widgets.Checkbox(
                    value=key in shown, description=column_of(key).heading, tooltip=key, indent=False
                )
                self.boxes[key].observe(lambda _: self._choose(), "value")
        self.children = tuple(self.boxes.values())

    def _choose(self) -> None:
        self._table.show_columns([key for key, box in self.boxes.items() if box.value])
