"""Session: boto3 sessions that threads may use together, and that share what botocore has read of its services."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from botocore.loaders import Loader


OURS = frozenset({"kinesis-video", "kinesis-video-signaling", "resource-groups-tagging-api", "account", "sts", "*"})
"""The services that the toolkit calls, as botocore's events name them."""


def slim(**options: Any) -> botocore.session.Session:
    """Make a botocore session without what it does for other services, which costs each client as much as all the rest.

    Its emitter does not translate the names that events had in botocore's early years: nothing here uses those.
    """
    import botocore.session
    from botocore.handlers import BUILTIN_HANDLERS, REGISTER_FIRST, REGISTER_LAST
    from botocore.hooks import HierarchicalEmitter

    made = botocore.session.Session(include_builtin_handlers=False, **options)
    emitter = HierarchicalEmitter()
    register = {REGISTER_FIRST: emitter.register_first, REGISTER_LAST: emitter.register_last}
    for event, handler, *order in BUILTIN_HANDLERS:
        kind, *service = event.split(".")
        if kind != "docs" and (not service or service[0] in OURS):
            register[order[0]](event, handler) if order else emitter.register(event, handler)
    made.register_component("event_emitter", emitter)
    return made


def opened(botocore_session: botocore.session.Session, **options: Any) -> boto3.Session:
    """Make a boto3 session of a botocore session; a fleet has many, and each would read 8 MB of models of its own.

    Its clients share their methods, too: botocore makes each client a class with dozens of functions, which only the garbage
    collector takes away again.
    """
    import boto3

    made = boto3.Session(botocore_session=botocore_session, **options)
    data_path = botocore_session.get_config_variable("data_path")
    botocore_session.register_component("data_loader", _models(data_path))
    events = botocore_session.get_component("event_emitter")
    events.register("creating-client-class", partial(_share_methods, data_path))
    return made


@cache
def _models(data_path: str | None) -> Loader:
    from botocore.loaders import create_loader

    return create_loader(data_path)


_METHODS: dict[tuple[str | None, str], type] = {}
"""The methods of a service's clients, by where its model was found and botocore's name of the event that a class is made."""


def _share_methods(
    data_path: str | None, *, event_name: str, class_attributes: dict[str, Any], base_classes: list[type], **_: Any
) -> None:
    place = (data_path, event_name)
    if place not in _METHODS:
        _METHODS[place] = type("Methods", (), {**class_attributes})
    class_attributes.clear()
    base_classes.insert(0, _METHODS[place])


def close(client: Any) -> None:
    """Close a client, and let go of its operations: botocore has them in cycles, which wait for the garbage collector."""
    client.close()
    vars(client.meta.service_model).get("_instance_cache", {}).clear()


class SharedSession:
    """Hold a boto3 session, opened at first use, for every connection made of it: it is not safe for threads, so it is locked."""

    def __init__(self, session: boto3.Session | Callable[[], boto3.Session]) -> None:
        self._session = session
        self._lock = threading.RLock()

    def opened(self) -> boto3.Session:
        """Give the session."""
        with self._lock:
            if callable(self._session):
                self._session = self._session()
            return self._session

    def client(self, service_name: str, **options: Any) -> Any:
        """Make a client."""
        with self._lock:
            return self.opened().client(service_name, **options)  # type: ignore[call-overload]
