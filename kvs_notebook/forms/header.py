"""The header of a form: the account, region, profile and endpoint that it acts on."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future

import ipywidgets as widgets

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.connection_text import line_allowing_changes
from kvs_notebook.errors import KVSError
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.html import STYLE, alias_html, error_html, escape_html, folded_python_html


class Header(widgets.HTML):
    """Show the connection of a form, and whether it is a sandbox's.

    Attributes
    ----------
    identified
        The future of the request for the identity, which is sent on another thread if the identity is not known yet.
    named
        The future of the request for the account's alias, None before show_alias().
    """

    named: Future[None] | None = None

    def __init__(self, connection: Connection, executor: ContextExecutor) -> None:
        super().__init__()
        self._executor = executor
        self.show(connection)

    def show(self, connection: Connection) -> None:
        """Show another connection."""
        self._connection = connection
        self._render(connection)
        self.identified: Future[None]
        if connection.known_identity is None:
            self.identified = self._executor.submit(self._identify, connection)
        else:
            self.identified = Future()
            self.identified.set_result(None)
        self.named = None

    def _identify(self, connection: Connection) -> None:
        problem = ""
        try:
            connection.identity()
        except KVSError as error:
            problem = in_words(str(error))
        if connection is self._connection:  # another one may have been shown meanwhile
            self._render(connection, problem)

    def show_alias(self) -> None:
        """Show the alias of a real account as soon as IAM returns it, on another thread; if it does not, nothing changes."""
        if self.named is None:
            with contextlib.suppress(RuntimeError):  # the form was closed, which has ended its threads
                self.named = self._executor.submit(self._read_alias, self._connection, self.identified)

    def _read_alias(self, connection: Connection, identified: Future[None]) -> None:
        identified.result()
        with contextlib.suppress(KVSError):  # the header shows it
            is_real = connection.known_identity is not None and not connection.is_sandbox()
            if is_real and connection.account_alias() and connection is self._connection:
                self._render(connection)

    def _render(self, connection: Connection, problem: str = "") -> None:
        try:
            endpoint = connection.endpoint()
        except KVSError as error:
            endpoint, problem = "", problem or in_words(str(error))
        badge, note = _kind_of_account(connection)  # first: it may ask for the identity that the next line shows
        known = connection.known_identity
        account = known.account_id if known else "not known" if problem else "..."
        parts = [f"account {account}", connection.region or "region not known"]
        if connection.profile:
            parts.append(f"profile {connection.profile}")
        if endpoint:
            parts.append(endpoint)
        spans = "".join(f"<span>{escape_html(part)}</span>" for part in parts)
        if problem:
            note = f'<div role="alert">{error_html(problem)}</div>'
        self.value = f'{STYLE}<div class="kvs-header">{badge}{spans}{note}</div>'


def _kind_of_account(connection: Connection) -> tuple[str, str]:
    """Return the badge of a sandbox, or a real account's alias and the note about what may be changed there."""
    try:
        if connection.is_sandbox():
            return '<span class="kvs-badge">SANDBOX</span>', ""
        if connection.may_change():
            real = '<div class="kvs-real">This is a real account: changes take effect at once.</div>'
            return alias_html(connection), real
    except KVSError as error:
        return "", error_html(in_words(str(error)))
    note = "This is a real account, read-only here. To allow changes, connect again with Allow changes ticked."
    python = folded_python_html(line_allowing_changes(connection.config))
    return alias_html(connection), f'<div class="kvs-real">{note}{python}</div>'
