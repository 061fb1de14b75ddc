"""Internals of botocore that are used beside its public interface, each for a measured gain."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from kvs_notebook.aws import reply_limits
from kvs_notebook.aws.botocore_data import data_loader
from kvs_notebook.aws.reply_check import Malformed, check_channel_page, check_resource_page, malformed_reply
from kvs_notebook.aws.reply_limits import BoundedResponse
from kvs_notebook.aws.response_guard import FORM_CHECK, not_the_service

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from botocore.model import OperationModel


ENABLED = not os.environ.get("KVS_NOTEBOOK_PLAIN_BOTOCORE")
"""Set the variable to 1 to turn these changes off, for instance if a new botocore breaks them: slower, same results."""

SERVICES = frozenset(
    {"kinesis-video", "kinesis-video-signaling", "resource-groups-tagging-api", "account", "iam", "sts", "*"}
)
"""The services that the toolkit calls, as botocore's events name them."""

PAGE_CHECKS = {"ListSignalingChannels": check_channel_page, "GetResources": check_resource_page}
"""The operations whose pages :func:`skip_response_parser` reads, and the function that checks a page."""


def create_slim_session(**options: Any) -> botocore.session.Session:
    """Create a botocore session without the handlers of other services, which cost each client as much as all the rest.

    Its emitter does not translate event names of botocore's early years, which nothing here uses. Benchmark: fleet-cpu.
    """
    import botocore.session
    from botocore.handlers import BUILTIN_HANDLERS, REGISTER_FIRST, REGISTER_LAST
    from botocore.hooks import HierarchicalEmitter

    class Emitter(HierarchicalEmitter):
        """Return each handler unchanged: inspecting their signatures costs a client a seventh of its CPU."""

        def _verify_accept_kwargs(self, func: object) -> None:
            pass

    if not ENABLED:
        return botocore.session.Session(**options)
    session = botocore.session.Session(include_builtin_handlers=False, **options)
    emitter = Emitter()
    register = {REGISTER_FIRST: emitter.register_first, REGISTER_LAST: emitter.register_last}
    for event, handler, *order in BUILTIN_HANDLERS:
        kind, *service = event.split(".")
        if kind != "docs" and (not service or service[0] in SERVICES):
            register[order[0]](event, handler) if order else emitter.register(event, handler)
    session.register_component("event_emitter", emitter)
    return session


def create_isolated_session() -> botocore.session.Session:
    """Create a slim botocore session that reads neither the user's AWS files nor the profile of the environment."""
    session = create_slim_session(session_vars={"profile": (None, None, None, None)})
    session.set_config_variable("config_file", os.devnull)
    session.set_config_variable("credentials_file", os.devnull)
    return session


def open_session(botocore_session: botocore.session.Session, **options: Any) -> boto3.Session:
    """Create a boto3 session that shares botocore's models and the methods of clients with the others.

    A fleet has many sessions; each would read 8 MB of models of its own, and each client would be a class with dozens of
    functions, which only the garbage collector frees. Benchmarks: fleet-cpu, fleet-memory.
    """
    import boto3

    session = boto3.Session(botocore_session=botocore_session, **options)
    if ENABLED:
        data_path = botocore_session.get_config_variable("data_path")
        botocore_session.register_component("data_loader", data_loader(data_path))
        events = botocore_session.get_component("event_emitter")
        events.register("creating-client-class", partial(_share_methods, data_path))
    return session


def prepare_role_provider(session: botocore.session.Session, prompter: Callable[[str], str]) -> None:
    """Configure a session to ask for MFA codes with ``prompter``, and to load the credentials of a profile's role repeatedly.

    botocore remembers the profiles that it has visited: after a failure, each further attempt would report an infinite loop.
    """
    provider = session.get_component("credential_provider").get_provider("assume-role")
    load, visited = provider.load, list(provider._visited_profiles)  # noqa: SLF001 - botocore has no public way

    def load_anew() -> Any:
        provider._visited_profiles = [*visited]  # noqa: SLF001 - as above
        return load()

    provider._prompter = prompter  # noqa: SLF001 - as above
    provider.load = load_anew


def run_credential_processes_with(session: botocore.session.Session, popen: Callable[..., Any]) -> None:
    """Make a session start the ``credential_process`` of each profile with ``popen``: botocore would wait for it forever."""
    if not ENABLED:
        return
    from botocore.credentials import ProcessProvider

    def create_provider(profile_name: str) -> ProcessProvider:
        return ProcessProvider(profile_name, lambda: session.full_config, popen=popen)

    resolver = session.get_component("credential_provider")
    resolver.get_provider(ProcessProvider.METHOD)._popen = popen  # noqa: SLF001 - botocore has no public way
    of_source_profiles = resolver.get_provider("assume-role")._profile_provider_builder  # noqa: SLF001 - as above
    of_source_profiles._create_process_provider = create_provider  # noqa: SLF001 - as above


def config_variable(session: boto3.Session, name: str) -> Any:
    """Return a setting of a boto3 session, from the environment or its profile."""
    return session._session.get_config_variable(name)  # noqa: SLF001 - boto3 has no public way


_METHODS: dict[tuple[str | None, str], type] = {}
"""The methods of each service's clients, by the folder of its model and the name of botocore's event."""


def _share_methods(
    data_path: str | None, *, event_name: str, class_attributes: dict[str, Any], base_classes: list[type], **_: Any
) -> None:
    key = (data_path, event_name)
    if key not in _METHODS:
        _METHODS[key] = type("Methods", (), {**class_attributes})
    class_attributes.clear()
    base_classes.insert(0, _METHODS[key])


def close_client(client: Any) -> None:
    """Close a client, and free its operations, which botocore holds in cycles until the garbage collector runs."""
    client.close()
    vars(client.meta.service_model).get("_instance_cache", {}).clear()


def bound_replies(client: Any) -> None:
    """Make a client read each reply within a time and a size, which botocore has no setting for.

    Without it a reply that comes byte by byte has no end. The pools of a client are made on its first request.
    """
    if ENABLED:
        _bound_pools(client._endpoint.http_session)  # noqa: SLF001 - what this module is for


def _bound_pools(http_session: Any) -> None:
    pools = http_session._pool_classes_by_scheme  # noqa: SLF001 - as above
    pools.update({scheme: _bounded_pool(pool) for scheme, pool in pools.items()})


def bound_replies_of_session(session: botocore.session.Session) -> None:
    """Do the same with each client of a session, and with what botocore's credential providers request credentials with."""
    create = session.create_client

    def create_bounded(*arguments: Any, **options: Any) -> Any:
        client = create(*arguments, **options)
        bound_replies(client)
        reply_limits.watch(client)
        return client

    if not ENABLED:
        return
    session.create_client = create_bounded  # type: ignore[method-assign]
    resolver = session.get_component("credential_provider")
    for fetcher in (
        resolver.get_provider("container-role")._fetcher,  # noqa: SLF001 - botocore has no public way
        resolver.get_provider("iam-role")._role_fetcher,  # noqa: SLF001 - as above
    ):
        _bound_pools(fetcher._session)  # noqa: SLF001 - as above


@cache
def _bounded_pool(pool: Any) -> type:
    if issubclass(pool.ConnectionCls.response_class, BoundedResponse):
        return pool  # type: ignore[no-any-return]

    class BoundedConnection(pool.ConnectionCls):  # type: ignore[misc]
        """Send the headers and the body of a request at once: urllib3 would wake the service, and wait for the GIL, twice.

        Benchmark: apply-plan.
        """

        response_class = BoundedResponse
        _held: list[bytes] | None = None

        def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
            if not isinstance(body, bytes) or "Expect" in (headers or {}):
                super().request(method, url, body, headers, **options)
                return
            held: list[bytes] = []
            self._held = held
            try:
                super().request(method, url, body, headers, **options)
            finally:
                self._held = None
            super().send(b"".join(held))

        def send(self, data: Any) -> None:
            if self._held is None:
                super().send(data)
            else:
                self._held.append(data)

    return type("BoundedPool", (pool,), {"ConnectionCls": BoundedConnection})


def lift_retry_quota(client: Any) -> None:
    """Remove the limit on the retries of all calls of a client together; each call still has its three attempts.

    botocore lets a client repeat 35 failed attempts: if accounts share a client, one account could use up all of them.
    """
    from botocore.retries.quota import RetryQuota

    service = client.meta.service_model.service_id.hyphenize()
    emitter = getattr(client.meta.events, "_emitter", client.meta.events)  # of botocore's own session, in an alias
    for handler in emitter._handlers.prefix_search(f"needs-retry.{service}"):  # noqa: SLF001 - no public way
        checker = getattr(getattr(handler, "__self__", None), "_retry_quota", None)
        if checker is not None:
            checker._quota = RetryQuota(initial_capacity=sys.maxsize)  # noqa: SLF001 - as above


def skip_response_parser(client: Any) -> None:
    """Read the pages of ListSignalingChannels and GetResources as JSON alone: botocore's parser takes twenty times as long.

    The client must be used for one of them only, because CreationTime stays a number here, and other replies are not checked.
    Benchmarks: list, fleet-cpu.
    """
    if not ENABLED:
        return
    import orjson

    def read_json(
        operation_model: OperationModel,
        response_dict: dict[str, Any],
        customized_response_dict: dict[str, Any],
        **_: Any,
    ) -> None:
        body = response_dict["body"]
        if response_dict["status_code"] == 200 and body:  # noqa: PLR2004
            try:
                customized_response_dict.update(PAGE_CHECKS[operation_model.name](orjson.loads(body)))
            except orjson.JSONDecodeError as error:
                raise not_the_service(operation_model, body, client.meta.endpoint_url) from error
            except Malformed as error:
                raise malformed_reply(operation_model.name, error) from error
            response_dict["body"] = b"{}"

    client.meta.events.unregister("before-parse.*", unique_id=FORM_CHECK)  # PAGE_CHECKS do it by column
    service = client.meta.service_model.service_id.hyphenize()
    for operation in PAGE_CHECKS:
        client.meta.events.register(f"before-parse.{service}.{operation}", read_json)
