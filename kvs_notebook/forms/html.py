"""HTML of the forms: escaped text, tables, and the styles of the light and the dark theme."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

STYLE = """<style>
.kvs-form { max-width: 60em; padding: 4px 0 8px; overflow-wrap: anywhere; }
.kvs-console { max-width: 100%; }
.kvs-stale table { opacity: 0.55; }
.kvs-form .widget-text, .kvs-form .widget-dropdown {
  flex-direction: column; align-items: stretch; height: auto; width: auto; margin: 2px 2px 0; }
.kvs-form .widget-text > .widget-label, .kvs-form .widget-dropdown > .widget-label {
  width: auto; max-width: none; text-align: left; height: auto; line-height: 1.4; white-space: normal; }
.kvs-form .widget-text input { width: 100%; box-sizing: border-box; flex: none; }
.kvs-form .widget-dropdown select { width: 100%; flex: none; height: 28px; }
.kvs-form .widget-checkbox { width: auto; margin-right: 1em; }
.kvs-form .widget-checkbox .widget-label-basic { width: auto; white-space: normal; }
.kvs-form .widget-html, .kvs-form .widget-html-content { line-height: 1.5; height: auto; }
.kvs-form .widget-button { width: auto; min-width: 7em; height: auto; min-height: 28px; white-space: normal; }
.kvs-form :is(button, input, select):focus-visible { outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 1px; }
.kvs-form .kvs-row > .widget-vbox { flex: 1 1 12em; width: auto; }
.kvs-form .kvs-row { flex-wrap: wrap; align-items: flex-end; width: auto; }
.kvs-header { color: var(--jp-ui-font-color1, #212121); }
.kvs-header span { margin-right: 1em; }
.kvs-header .kvs-badge { background: #1b5e20; color: #fff; border-radius: 3px; padding: 1px 8px; font-weight: 600; }
.kvs-header .kvs-real { border-left: 4px solid var(--jp-warn-color1, #f57c00); padding-left: 8px; }
.kvs-error { color: var(--kvs-error); border-left: 4px solid currentColor; padding-left: 8px; }
.kvs-form { --kvs-error: #b3261e; }
[data-jp-theme-light="false"] .kvs-form { --kvs-error: #ff8a80; }
.kvs-form code { background: var(--jp-layout-color2, #eee); color: var(--jp-ui-font-color1, #212121); padding: 1px 4px;
  font-family: var(--jp-code-font-family, monospace); white-space: pre-wrap; }
.kvs-form table { border-collapse: collapse; margin: 4px 0; }
.kvs-form .kvs-table th, .kvs-form .kvs-table td { text-align: left; padding: 2px 12px 2px 0; vertical-align: top; }
.kvs-form .kvs-table th { white-space: nowrap; }
</style>"""
"""Colours are JupyterLab's variables, each with a default for pages that do not define them."""


def escape_html(value: object) -> str:
    """Return a value as HTML text."""
    return html.escape(str(value))


def code_html(code: str) -> str:
    """Return a line of Python as HTML."""
    return f"<code>{escape_html(code)}</code>"


def error_html(message: object) -> str:
    """Return a message in the colour of errors."""
    return f'<div class="kvs-error">{escape_html(message)}</div>'


def table_html(rows: Iterable[Sequence[object]], header: Sequence[object] = ()) -> str:
    """Return rows as a table whose first column names them, with a header if there is one."""
    head = "".join(f'<th scope="col">{escape_html(cell)}</th>' if cell else "<td></td>" for cell in header)
    body = "".join(
        f'<tr><th scope="row">{escape_html(first)}</th>'
        + "".join(f"<td>{escape_html(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f'<table class="kvs-table">{f"<tr>{head}</tr>" if head else ""}{body}</table>'
