"""Bulk changes: plan them, review the plan, apply it, resume it after an interruption, undo it.

A plan lists each change to each channel, and each row that was refused with its reason, before anything is sent.

>>> import kvs_notebook as kvs
>>> from kvs_notebook.plans.steps import Step
>>> step = Step("111122223333", "eu-west-1", "front-door", None, "create", "message_ttl_seconds", None, "30")
>>> kvs.plans.Plan([step], source="an example").confirmation
'create 1 in 111122223333 eu-west-1'
"""

from __future__ import annotations

import lazy_loader

from kvs_notebook.attribute_hints import with_suggestions

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "plan": ["Plan", "read"],
        "reversal": ["undo"],
    },
)
__getattr__ = with_suggestions(__name__, _load, __all__)
