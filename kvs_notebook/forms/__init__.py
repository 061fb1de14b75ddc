"""Forms for JupyterLab: create, update, delete and tag channels, and look up endpoints, without writing code.

Each call gives a form to display, which also may be driven from code:

>>> import kvs_notebook as kvs
>>> sandbox = kvs.use_sandbox(clock="stepped")
>>> form = kvs.forms.create_channel()
>>> form.name.value = "front-door"
>>> form.submit.click()
>>> form.future.result()["channel_name"].item()
'front-door'

A form acts on the connection that it was opened with. What it did is shown with the line of Python that does the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvs_notebook.errors import MissingExtra

if TYPE_CHECKING:
    from kvs_notebook.aws.connection import Connection
    from kvs_notebook.channels.reference import Channel
    from kvs_notebook.forms.connection_form import ConnectionForm
    from kvs_notebook.forms.console_view import Console
    from kvs_notebook.forms.create_form import CreateForm
    from kvs_notebook.forms.delete_form import DeleteForm
    from kvs_notebook.forms.endpoints_form import EndpointsForm
    from kvs_notebook.forms.tags_form import TagsForm
    from kvs_notebook.forms.update_form import UpdateForm

__all__ = [
    "connection",
    "console",
    "create_channel",
    "delete_channel",
    "edit_tags",
    "get_endpoints",
    "update_channel",
]


def __dir__() -> list[str]:
    """Name what is public, and not what this room itself imports."""
    return [*__all__]


def create_channel(*, connection: Connection | None = None) -> CreateForm:
    """Open a form that creates a channel.

    Its fields are ``name``, ``message_ttl_seconds`` and ``tags``. Submitting spends what :func:`kvs_notebook.create_channel`
    spends; ``future.result()`` is its one-row channels frame.

    Parameters
    ----------
    connection
        Where to create it; None takes the current connection.

    Raises
    ------
    MissingExtra
        When the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> form = kvs.forms.create_channel()
    >>> form.name.value = "front-door"
    >>> form.tags.value = {"Site": "hq"}
    >>> form.submit.click()
    >>> form.future.result()["channel_status"].item()
    'ACTIVE'
    """
    return _form("create_form").CreateForm(connection=connection)  # type: ignore[no-any-return]


def update_channel(channel: Channel | None = None, *, connection: Connection | None = None) -> UpdateForm:
    """Open a form that changes a channel's message TTL.

    Its fields are ``channel``, with the button ``load``, and ``message_ttl_seconds``. The version that was loaded is sent: where
    someone has changed the channel since, nothing is overwritten, and what was seen, is there and was wanted is shown. Loading
    spends what :func:`kvs_notebook.describe_channel` spends, and submitting what :func:`kvs_notebook.update_channel` does.

    Parameters
    ----------
    channel
        A name, an ARN or a row to load at once; None leaves the field to the user.
    connection
        Where the channel is; None takes the current connection.

    Raises
    ------
    MissingExtra
        When the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> form = kvs.forms.update_channel("front-door")
    >>> form.message_ttl_seconds.value = 90
    >>> form.submit.click()
    >>> int(form.future.result()["message_ttl_seconds"].item())
    90
    """
    return _form("update_form").UpdateForm(channel, connection=connection)  # type: ignore[no-any-return]


def delete_channel(channel: Channel | None = None, *, connection: Connection | None = None) -> DeleteForm:
    """Open a form that deletes a channel, once its name is typed.

    Its fields are ``channel``, with the button ``load``, and ``confirmation``. The version that was loaded is sent. Loading
    spends what :func:`kvs_notebook.describe_channel` and :func:`kvs_notebook.list_tags` spend, and submitting what
    :func:`kvs_notebook.delete_channel` does.

    Parameters
    ----------
    channel
        A name, an ARN or a row to load at once; None leaves the field to the user.
    connection
        Where the channel is; None takes the current connection.

    Raises
    ------
    MissingExtra
        When the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> form = kvs.forms.delete_channel("front-door")
    >>> form.confirmation.value = "front-door"
    >>> form.submit.click()
    >>> form.future.result()["channel_status"].item()
    'DELETING'
    """
    return _form("delete_form").DeleteForm(channel, connection=connection)  # type: ignore[no-any-return]


def edit_tags(channel: Channel | None = None, *, connection: Connection | None = None) -> TagsForm:
    """Open a form that adds, changes and removes a channel's tags.

    Its fields are ``channel``, with the button ``load``, and ``tags``, whose value is a mapping. Tags have no version: they are
    read again before anything is sent, only the difference is sent, and what someone else has changed is kept. Loading
    spends what :func:`kvs_notebook.describe_channel` and :func:`kvs_notebook.list_tags` spend, and submitting what list_tags,
    :func:`kvs_notebook.tag_channel` and :func:`kvs_notebook.untag_channel` do, where there is something to send.

    Parameters
    ----------
    channel
        A name, an ARN or a row to load at once; None leaves the field to the user.
    connection
        Where the channel is; None takes the current connection.

    Raises
    ------
    MissingExtra
        When the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door", tags={"Site": "hq", "Owner": "ops"})
    >>> form = kvs.forms.edit_tags("front-door")
    >>> loaded = form.future.result()
    >>> form.tags.value = {"Site": "annex"}
    >>> form.submit.click()
    >>> form.future.result()[["key", "value"]]
        key  value
    0  Site  annex
    """
    return _form("tags_form").TagsForm(channel, connection=connection)  # type: ignore[no-any-return]


def get_endpoints(channel: str | None = None, *, connection: Connection | None = None) -> EndpointsForm:
    """Open a form that looks up where a channel's peers connect.

    Its fields are ``channel``, ``role`` and ``protocols``. Submitting spends what :func:`kvs_notebook.get_endpoints` spends, and
    the button that tries whether a viewer can connect what :func:`kvs_notebook.open_signaling` does.

    Parameters
    ----------
    channel
        A name or an ARN; None leaves the field to the user.
    connection
        Where the channel is; None takes the current connection.

    Raises
    ------
    MissingExtra
        When the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> form = kvs.forms.get_endpoints("front-door")
    >>> form.submit.click()
    >>> form.future.result()["protocol"].tolist()
    ['WSS', 'HTTPS']
    """
    return _form("endpoints_form").EndpointsForm(channel, connection=connection)  # type: ignore[no-any-return]


def connection(*, connection: Connection | None = None) -> ConnectionForm:
    """Open a form that connects to an account and region, or to a sandbox, and makes that connection the current one.

    Its fields are ``profile`` (those of this machine, and the sandbox), ``region`` and ``allow_changes``. Submitting asks STS who
    that is; ``future.result()`` is the Connection. No key is ever asked for.

    Parameters
    ----------
    connection
        The one that the form begins with; None takes the current connection.

    Raises
    ------
    MissingExtra
        When the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> form = kvs.forms.connection()
    >>> form.region.value = "eu-west-1"
    >>> form.submit.click()
    >>> form.future.result().region
    'eu-west-1'
    """
    return _form("connection_form").ConnectionForm(connection=connection)  # type: ignore[no-any-return]


def console(prefix: str | None = None, *, connection: Connection | None = None) -> Console:
    """Open a live table of the channels, with all forms around it.

    The channel that is selected in the table is the one that the forms act on. The table is listed anew after each change, and
    once a second while a channel is in transition; each time that spends one ListSignalingChannels call for each 1,000 channels.

    Parameters
    ----------
    prefix
        Only channels whose name begins with this.
    connection
        Where to look; None takes the current connection.

    Raises
    ------
    MissingExtra
        When the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> console = kvs.forms.console()
    >>> console.future.result()["channel_name"].tolist()
    ['front-door']
    """
    return _form("console_view").Console(prefix, connection=connection)  # type: ignore[no-any-return]


def _form(room: str) -> Any:
    """Import the room of a form; what only forms need is imported nowhere else."""
    import importlib

    try:
        return importlib.import_module(f"kvs_notebook.forms.{room}")
    except ModuleNotFoundError as error:
        raise MissingExtra(f"Forms need more than the core ({error}): pip install 'kvs-notebook[lab]'") from error
