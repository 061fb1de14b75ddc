"""Reply: refuse what something else on the way has answered in the service's place.

botocore takes a body that is no JSON for an answer without members: behind a proxy's sign-in page a channel would be created
that is not there, and an account would have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from kvs_notebook.aws.error_translation import NO_NETWORK
from kvs_notebook.errors import EndpointUnreachable
from kvs_notebook.formatting import format_value

if TYPE_CHECKING:
    from botocore.model import OperationModel

SUCCESS = range(200, 300)


def watch(client: Any) -> None:
    """Let a boto3 client raise EndpointUnreachable for a reply that is no answer of its service."""
    client.meta.events.register("before-parse.*", partial(_check, where=client.meta.endpoint_url))


def _check(operation_model: OperationModel, response_dict: Mapping[str, Any], where: str, **_: Any) -> None:
    body: bytes = response_dict["body"]
    if not _is_answer(operation_model, body.strip(), succeeded=response_dict["status_code"] in SUCCESS):
        raise not_the_service(operation_model, body, where)


def not_the_service(operation_model: OperationModel, body: bytes, where: str) -> EndpointUnreachable:
    """Return the error for a reply to a call that did not come from its service; the call may have been applied."""
    error = EndpointUnreachable(
        f"{operation_model.name} failed: what answered for {where} is not the service. It sent {_described(body)}: a proxy, or a "
        f"page to sign in at? {NO_NETWORK}",
        operation=operation_model.name,
    )
    error.maybe_applied = True
    return error


def _is_answer(operation_model: OperationModel, body: bytes, *, succeeded: bool) -> bool:
    service = operation_model.service_model
    protocol: str = getattr(service, "resolved_protocol", service.metadata["protocol"])
    if protocol == "query":
        return (f"<{operation_model.name}Result" if succeeded else "<Error").encode() in body
    if not succeeded or "json" not in protocol:
        return True  # of an error botocore makes one whatever the body is
    if not body:  # an operation that tells nothing
        return not (operation_model.output_shape and operation_model.output_shape.members)
    return body.startswith(b"{") and body.endswith(b"}")


def _described(body: bytes) -> str:
    """Say what it was; a page is shown, but not what may be half of an answer that has a password in it."""
    if body.lstrip().startswith(b"<"):
        return format_value(" ".join(body.decode(errors="replace").split()))
    return f"{len(body)} bytes that are no answer"
