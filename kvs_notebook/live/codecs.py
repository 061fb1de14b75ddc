"""The video codecs that a caller can choose."""

from __future__ import annotations

from typing import Final

from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

CODECS: Final = ("VP8", "H264")
"""What browsers and aiortc both have."""


def check_codec(codec: object) -> None:
    """Raise InvalidInput if ``codec`` is neither None nor one of CODECS."""
    if codec is not None and (not isinstance(codec, str) or codec not in CODECS):
        raise InvalidInput(f"Codec {format_value(codec)} is not supported. Expected one of: {', '.join(CODECS)}.")
