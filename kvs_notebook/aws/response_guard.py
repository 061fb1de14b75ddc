"""Reject responses that did not come from AWS (proxies, captive portals).

botocore parses a body that is not JSON as a reply without members: behind a captive portal, create_channel() would return a
channel that does not exist, and list_channels() an empty list.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from kvs_notebook.aws.error_translation import NO_NETWORK
from kvs_notebook.aws.reply_check import Malformed, check_form, malformed_reply
from kvs_notebook.errors import EndpointUnreachable
from kvs_notebook.formatting import format_count, format_value

if TYPE_CHECKING:
    from botocore.model import OperationModel

SUCCESS = range(200, 300)

FORM_CHECK = "kvs_notebook.form"
"""The id of the handler that checks a reply's structure; a client that checks it in another way removes the handler."""

ERROR_MEMBERS = ("__type", "code", "Code", "message", "Message")
"""The members of an error that botocore reads: the services write them in different ways."""


def watch(client: Any) -> None:
    """Configure a boto3 client to raise an error for a response that did not come from its service, or is malformed."""
    events, endpoint_url = client.meta.events, client.meta.endpoint_url
    events.register("before-parse.*", partial(_check_origin, endpoint_url=endpoint_url))
    events.register("before-parse.*", partial(_check_form, endpoint_url=endpoint_url), unique_id=FORM_CHECK)


def _check_origin(operation_model: OperationModel, response_dict: dict[str, Any], endpoint_url: str, **_: Any) -> None:
    body: bytes = response_dict["body"]
    succeeded = response_dict["status_code"] in SUCCESS
    if not _is_service_reply(operation_model, body.strip(), succeeded=succeeded):
        raise not_the_service(operation_model, body, endpoint_url)
    if not succeeded and body.strip() and "json" in _protocol(operation_model):
        response_dict["body"] = _readable_error(body)


def _check_form(operation_model: OperationModel, response_dict: dict[str, Any], endpoint_url: str, **_: Any) -> None:
    import orjson

    body: bytes = response_dict["body"]
    is_json = "json" in _protocol(operation_model)
    if not is_json or not body.strip() or response_dict["status_code"] not in SUCCESS:
        return
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise not_the_service(operation_model, body, endpoint_url) from error
    if operation_model.output_shape is None:
        return
    try:
        check_form(operation_model.output_shape, reply)
    except Malformed as error:
        raise malformed_reply(operation_model.name, error) from error


def _readable_error(body: bytes) -> bytes:
    """Return the body of an error as one that botocore can parse: an object whose code and message are texts."""
    import orjson

    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        members = None
    if not isinstance(members, dict):
        return orjson.dumps({"message": body.decode(errors="replace")})
    texts = {name: members.get(name) for name in ERROR_MEMBERS if isinstance(members.get(name), str)}
    return orjson.dumps(texts)


def not_the_service(operation_model: OperationModel, body: bytes, endpoint_url: str) -> EndpointUnreachable:
    """Return the error for a response that did not come from the service; the call may have been applied."""
    error = EndpointUnreachable(
        f"{operation_model.name} failed: the response from {endpoint_url} did not come from the service, but possibly from a "
        f"proxy or a sign-in page: {_describe_body(body)}. {NO_NETWORK}",
        operation=operation_model.name,
    )
    error.maybe_applied = True
    return error


def _is_service_reply(operation_model: OperationModel, body: bytes, *, succeeded: bool) -> bool:
    protocol = _protocol(operation_model)
    if protocol == "query":
        return (f"<{operation_model.name}Result" if succeeded else "<Error").encode() in body
    if not succeeded or "json" not in protocol:
        return True  # botocore raises an error whatever the body is
    if not body:  # valid if the operation returns nothing
        return not (operation_model.output_shape and operation_model.output_shape.members)
    return body.startswith(b"{") and body.endswith(b"}")


def _protocol(operation_model: OperationModel) -> str:
    service = operation_model.service_model
    protocol: str = getattr(service, "resolved_protocol", service.metadata["protocol"])
    return protocol


def _describe_body(body: bytes) -> str:
    """Describe a body: show an HTML page, but not other text, which may be part of a reply with a password."""
    if body.lstrip().startswith(b"<"):
        return format_value(" ".join(body.decode(errors="replace").split()))
    return f"{format_count(len(body), 'byte')} that are not HTML or JSON"
