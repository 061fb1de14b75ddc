"""Presign the URLs with which clients connect to a channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.validation import check_client_id, check_expires, check_role
from kvs_notebook.channels.reference import Channel, one_channel_ref, resolve_arn
from kvs_notebook.secret import Secret
from kvs_notebook.signaling.endpoints import request_endpoint

SERVICE_NAME = "kinesisvideo"
"""The service that a signature is for, for both WSS endpoints."""


def sign_url(
    channel: Channel,
    *,
    role: str = "VIEWER",
    client_id: str | None = None,
    expires: int = 299,
    connection: Connection | None = None,
) -> Secret:
    """Return a presigned WSS URL of a channel.

    A client without AWS credentials can connect with it.

    Parameters
    ----------
    channel
        A name, an ARN, or a row.
    role
        VIEWER or MASTER: the role in which the client connects.
    client_id
        Required for a viewer: 1 to 256 letters, digits and ``. _ -``. A MASTER
        has none.
    expires
        Seconds for which the URL can be used to connect, 299 as in AWS's own
        clients; an open connection stays open after that.
    connection
        The connection to use; None takes the current connection.

    Returns
    -------
    Secret
        The URL; ``.reveal()`` returns it. Every holder of the URL can connect
        until it expires, so it is not shown.

    Raises
    ------
    InvalidInput
        If the service would refuse the role, client id or ``expires``.
    ChannelNotFound
        If the channel does not exist.
    ChannelBusy
        If the channel is not yet ACTIVE.
    NoCredentials
        If the connection has no credentials.
    ExpiredCredentials
        If the credentials cannot be refreshed.

    Notes
    -----
    Signing makes no call; looking up the endpoint spends one
    GetSignalingChannelEndpoint call, and one DescribeSignalingChannel call if
    only a name is given. The URL has the form of AWS's own clients: the
    signature and a session token are query parameters, and the host header is
    signed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> url = kvs.sign_url(channel, client_id="lobby-tablet")
    >>> url
    <Secret: use .reveal()>
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
    """Return the presigned URL of a WSS endpoint; without a client id, for a MASTER."""
    parameters = {"X-Amz-ChannelARN": arn} | ({"X-Amz-ClientId": client_id} if client_id is not None else {})
    return presign_url(endpoint, parameters, connection, expires)


def presign_url(url: str, parameters: Mapping[str, str], connection: Connection, expires: int) -> Secret:
    """Return a URL with ``parameters`` and a signature in its query."""
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest("GET", f"{url}?{urlencode(parameters)}")
    credentials: Any = connection.credentials()  # not botocore's class, which displays the secret key
    SigV4QueryAuth(credentials, SERVICE_NAME, connection.region, expires).add_auth(request)
    return Secret(str(request.url))
