"""HTML of the forms: escaped text, tables, and the styles of the light and the dark theme."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from kvs_notebook.aws.connection import Connection
from kvs_notebook.formatting import printable_lines

STYLE = """<style>
.kvs-form { --kvs-error: #b3261e; --kvs-success: #1b5e20; --kvs-quiet: var(--jp-ui-font-color2, #616161);
  max-width: 60em; padding: 4px 0 8px; overflow-wrap: anywhere; }
[data-jp-theme-light="false"] .kvs-form { --kvs-error: #ff8a80; --kvs-success: #81c784; }
.kvs-console { max-width: 100%; }
.kvs-form .widget-vbox, .kvs-form .widget-hbox { overflow: visible; }
.kvs-form .widget-html, .kvs-form .widget-button, .kvs-form .widget-checkbox { margin-left: 0; }
.kvs-form .widget-text, .kvs-form .widget-dropdown {
  flex-direction: column; align-items: stretch; height: auto; width: auto; margin: 4px 0 0; max-width: 40em; }
.kvs-form .widget-text > .widget-label, .kvs-form .widget-dropdown > .widget-label {
  width: auto; max-width: none; text-align: left; height: auto; line-height: 1.4; white-space: normal; }
.kvs-form .widget-text input { width: 100%; box-sizing: border-box; flex: none; }
.kvs-form .widget-dropdown select { width: 100%; flex: none; height: 28px; }
[data-jp-theme-light="false"] .kvs-form .widget-dropdown select { background-image: url("data:image/svg+xml,%3Csvg \
xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E%3Cpath d='M5 7l4 4 4-4' fill='none' stroke='%23e0e0e0' \
stroke-width='1.6'/%3E%3C/svg%3E"); }
.kvs-form .widget-checkbox { width: auto; height: auto; margin-right: 1em; }
.kvs-form .widget-checkbox .widget-label-basic {
  display: flex; align-items: center; width: auto; height: auto; line-height: 1.4; white-space: normal; overflow: visible; }
.kvs-form .widget-checkbox input { flex: none; align-self: center; margin: 0 8px 0 0; }
.kvs-form .widget-checkbox span { overflow: visible; white-space: normal; }
.kvs-form .widget-button.mod-warning { color: #212121; }
.kvs-form .widget-html, .kvs-form .widget-html-content { line-height: 1.5; height: auto; }
.kvs-form .widget-button { width: auto; min-width: 7em; height: auto; min-height: 28px; white-space: normal; }
.kvs-form :is(button, input, select, summary):focus-visible {
  outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 1px; }
.kvs-form .kvs-field { max-width: 40em; }
.kvs-form .kvs-field > .widget-html { margin: 0; }
.kvs-form .kvs-field > .widget-html:first-child { margin-top: 4px; }
.kvs-form .kvs-buttons { flex-wrap: wrap; gap: 8px; margin-top: 4px; overflow: visible; }
.kvs-form .kvs-help { color: var(--kvs-quiet); font-size: 0.92em; }
.kvs-form .kvs-invalid input { border-color: var(--kvs-error); box-shadow: 0 0 0 1px var(--kvs-error); }
.kvs-form .kvs-row > .widget-vbox { flex: 1 1 12em; width: auto; }
.kvs-form .kvs-row { flex-wrap: wrap; align-items: flex-end; width: auto; }
.kvs-form .kvs-tag { flex-wrap: nowrap; gap: 8px; align-items: flex-end; }
.kvs-form .kvs-tag > .widget-vbox { flex: 1 1 0; min-width: 0; }
.kvs-form .kvs-tag > .widget-button, .kvs-form .kvs-row > .kvs-clear {
  width: 32px; min-width: 32px; height: 28px; padding: 0; margin: 0; flex: none; font-size: 0; white-space: nowrap;
  overflow: hidden; }
.kvs-form :is(.kvs-tag > .widget-button, .kvs-clear)::before { content: "\\d7" / ""; font-size: 20px; line-height: 28px; }
.kvs-form .kvs-tag .widget-text > .widget-label {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.kvs-header { color: var(--jp-ui-font-color1, #212121); }
.kvs-header span { margin-right: 1em; display: inline-block; }
.kvs-header .kvs-badge { background: #1b5e20; color: #fff; border-radius: 3px; padding: 1px 8px; font-weight: 600; }
.kvs-header .kvs-alias { border: 1px solid currentColor; border-radius: 3px; padding: 0 8px; font-weight: 600; }
.kvs-header .kvs-real { border-left: 4px solid var(--jp-warn-color1, #f57c00); padding-left: 8px; }
.kvs-form .kvs-error { color: var(--kvs-error); }
.kvs-form .kvs-failed, .kvs-form .kvs-done { border-left: 4px solid currentColor; padding-left: 8px; margin: 4px 0; }
.kvs-form .kvs-failed { color: var(--kvs-error); }
.kvs-form .kvs-done { color: var(--kvs-success); }
.kvs-form .kvs-copy { margin-left: 8px; padding: 0 8px; font: inherit; line-height: 1.5; cursor: pointer; border-radius: 3px;
  border: 1px solid var(--jp-border-color1, #bdbdbd); background: var(--jp-layout-color1, #fff);
  color: var(--jp-ui-font-color1, #212121); }
.kvs-form summary { cursor: pointer; width: max-content; color: var(--kvs-quiet); }
.kvs-form code { background: var(--jp-layout-color2, #eee); color: var(--jp-ui-font-color1, #212121); padding: 1px 4px;
  font-family: var(--jp-code-font-family, monospace); white-space: pre-wrap; }
.kvs-form table { border-collapse: collapse; margin: 4px 0; }
.kvs-form .kvs-table th, .kvs-form .kvs-table td { text-align: left; padding: 2px 12px 2px 0; vertical-align: top; }
.kvs-form .kvs-table th { white-space: nowrap; font-weight: 600; }
</style>"""
"""Colours are JupyterLab's variables, each with a default for pages that do not define them."""


def escape_html(value: object) -> str:
    """Return a value as HTML text, without characters that are not shown, or that turn the text around them."""
    return html.escape(printable_lines(str(value)))


def code_html(code: str) -> str:
    """Return a line of Python as HTML."""
    return f"<code>{escape_html(code)}</code>"


def copy_html(text: str, what: str) -> str:
    """Return a button that copies a text to the clipboard; in a form, its keyboard widget does so. ``what`` names it: "ARN"."""
    label = escape_html(f"Copy {what}")
    return f'<button type="button" class="kvs-copy" data-copy="{html.escape(text)}">{label}</button>'


def copied_heading_html(heading: str, text: str) -> str:
    """Return a heading, a button beside it that copies the text, and the text below."""
    button = copy_html(text, heading)
    return f'<div class="kvs-heading"><h4>{escape_html(heading)}</h4>{button}</div><div>{escape_html(text)}</div>'


def folded_python_html(python: str) -> str:
    """Return Python, folded, with a button that copies it."""
    return f"<details><summary>Python</summary><div>{code_html(python)}{copy_html(python, 'Python')}</div></details>"


def alias_html(connection: Connection) -> str:
    """Return the alias of a connection's account as a badge; nothing if it has none, or IAM was not asked yet."""
    alias = connection.known_alias
    return f'<span class="kvs-alias" title="Alias of the account">{escape_html(alias)}</span>' if alias else ""


def help_html(text: str) -> str:
    """Return what a field accepts, in the quiet colour."""
    return f'<div class="kvs-help">{escape_html(text)}</div>'


def error_html(message: object) -> str:
    """Return a message in the colour of errors."""
    return f'<div class="kvs-error">{escape_html(message)}</div>'


def lines_html(texts: Iterable[str]) -> str:
    """Return texts as lines."""
    return "".join(f"<div>{escape_html(text)}</div>" for text in texts)


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


def facts_html(facts: Iterable[Sequence[object]]) -> str:
    """Return the values of a channel as a table; a console hides it, because its own table and Details show them."""
    return f'<div class="kvs-facts">{table_html(facts)}</div>'
