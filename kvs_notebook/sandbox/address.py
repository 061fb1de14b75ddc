"""Address of a running sandbox: what clients need to call it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kvs_notebook.sandbox.backend.access_keys import AccessKeys


@dataclass(frozen=True, slots=True)
class Address:
    """Where a sandbox's server listens, the access keys that it accepts, and the settings that it runs with.

    Attributes
    ----------
    endpoint_url
        URL of the control plane.
    keys
        Access keys of every account.
    settings
        All settings in effect, as JSON values.
    """

    endpoint_url: str
    keys: AccessKeys
    settings: Mapping[str, Any]

    @property
    def account_id(self) -> str:
        """The account that connections use by default."""
        return str(self.settings["account_id"])

    @property
    def region(self) -> str:
        """The region that connections use by default."""
        return str(self.settings["region"])

    def to_json(self) -> bytes:
        """Return the address as JSON for other processes; it contains the root secret."""
        return json.dumps(
            {
                "endpoint_url": self.endpoint_url,
                "root_secret": self.keys.root_secret.hex(),
                "settings": dict(self.settings),
            }
        ).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Address:
        """Parse what :meth:`to_json` returned."""
        values = json.loads(text)
        return cls(values["endpoint_url"], AccessKeys(bytes.fromhex(values["root_secret"])), values["settings"])
