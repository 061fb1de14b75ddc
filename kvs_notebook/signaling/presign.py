"""Sign the URLs with which clients connect to a channel."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from kvs_notebook.aws.botocore_internals import secret_signer
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.validation import check_client_id, check_expires, check_role
from kvs_notebook.channels.reference import Channel, one_channel_ref, resolve_arn
from kvs_notebook.secret import Secret
from kvs_notebook.signaling.endpoints import request_endpoint

SERVICE_NAME = "kinesisvideo"
"""What a signature is for, of either endpoint."""


def sign_url(
    channel: Channel,
    *,
    role: str = "VIEWER",
    client_id: str | None = None,
    expires: int = 299,
    connection: Connection | None = None,
) -> Secret:
    """Sign a WSS URL with which a client connects to a channel for signaling, without credentials of its own.

    Parameters
    ----------
    channel
        A name, an ARN, or a row.
    role
        VIEWER or MASTER: what whoever has the URL may be.
    client_id
        A viewer's id, which it needs: 1 to 256 letters, digits and ``. _ -``. A MASTER has none.
    expires
        Seconds for which the URL can be used to connect, 299 as AWS's own clients sign; a connection outlasts it.
    connection
        Where the channel is; None takes the current connection.

    Returns
    -------
    Secret
        The URL; ``.reveal()`` gives it. Whoever has it can connect until it expires, so it is not shown.

    Raises
    ------
    InvalidInput
        For a role, client id or time that the service would refuse.
    ChannelNotFound, ChannelBusy
        When the channel is not there, or not yet available.
    NoCredentials, ExpiredCredentials
        Where there is nothing to sign with.

    Notes
    -----
    Signing itself costs nothing; the endpoint spends one GetSignalingChannelEndpoint call, and one
    DescribeSignalingChannel call where only a name is given. The form of the URL is that of AWS's clients (query
    parameters, host signed, a session token among what is signed).

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> url = kvs.sign_url(channel, client_id="lobby-tablet")
    >>> url
    <Secret: .reveal() gives it>
    >>> url.reveal().partition("?")[0].startswith("wss://127.0.0.1:")
    True
    """
    connection = current_connection(connection)
    role = check_role(role)
    client_id = check_client_id(client_id, role)
    expires = check_expires(expires)
    arn = resolve_arn(one_channel_ref(channel, connection), connection)
    endpoint = request_endpoint(arn, role, "WSS", connection)
    return presign_websocket_url(endpoint, arn, client_id, connection, expires=expires)


def presign_websocket_url(
    endpoint: str, arn: str, client_id: str | None, connection: Connection, *, expires: int = 299
) -> Secret:
    """Sign the URL of a WSS endpoint."""
    parameters = {"X-Amz-ChannelARN": arn} | ({"X-Amz-ClientId": client_id} if client_id is not None else {})
    return presign_url(endpoint, parameters, connection, expires)


def presign_url(url: str, parameters: Mapping[str, str], connection: Connection, expires: int) -> Secret:
    """Sign a URL with these parameters in its query."""
    from botocore.awsrequest import AWSRequest

    request = AWSRequest("GET", f"{url}?{urlencode(parameters)}")
    secret_signer()(connection.credentials(), SERVICE_NAME, connection.region, expires).add_auth(request)
    return Secret(str(request.url))
