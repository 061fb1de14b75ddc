"""Bulk changes: plan, review, apply, resume after an interruption, undo.

A plan lists each change to each channel, and each row that was refused with
its reason, before anything is sent.

>>> import kvs_notebook as kvs
>>> sandbox = kvs.use_sandbox(clock="stepped")
>>> _ = kvs.create_channel("front-door", tags={"Site": "hq"})
>>> plan = kvs.plans.tag(kvs.list_channels(tags=True), {"Site": "annex"})
>>> plan.confirmation
'change 1 in 111122223333 us-east-1'
"""

from __future__ import annotations

import lazy_loader

from kvs_notebook.attribute_hints import with_suggestions

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "edits": ["delete", "set_message_ttl", "tag"],
        "managed": ["mark_managed", "read_cloudformation", "read_terraform"],
        "provisioning": ["ensure"],
        "sheets": ["from_sheet"],
        "plan": ["Plan", "read"],
        "reversal": ["undo"],
    },
)
__getattr__ = with_suggestions(__name__, _load, __all__)
