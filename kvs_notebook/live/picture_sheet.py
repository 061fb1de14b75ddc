"""All pictures of a frame on one sheet, with their channels' names below, and the reason in the place of one that is missing."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd
from PIL import Image, ImageDraw, ImageFont, ImageOps

from kvs_notebook.dataframes.schemas import PICTURES
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value, printable

TILE = (320, 180)
SMALL_TILE = (160, 90)
MANY = 100
"""Of more pictures than this, the sheet has small tiles: it would have too many pixels."""

GAP = 8
CAPTION_HEIGHT = 24
FONT_SIZE = 14
BACKGROUND = "white"
BORDER = "#dddddd"
"""Beside a picture of another shape than its place."""

TEXT_COLOUR = "#202020"
FAILED_BACKGROUND = "#f3e4e2"
FAILED_COLOUR = "#7a1f17"
"""A contrast of 8:1, which is readable without seeing colours."""

ELLIPSIS = "..."


class Tile(NamedTuple):
    """One place of a sheet."""

    caption: str
    image: Image.Image | None
    error: str


def contact_sheet(pictures: pd.DataFrame) -> Image.Image:
    """Draw all pictures on one sheet, with the channels' names below them.

    A sentence takes the place of a picture that is missing.

    Parameters
    ----------
    pictures
        A frame of :func:`take_pictures`, or some rows of one.

    Returns
    -------
    PIL.Image.Image
        The sheet in RGB: as many rows as columns, as far as possible, of
        pictures of at most 320 x 180 pixels, or 160 x 90 if there are over
        100. Names of channels that are in two places have their account and
        region too.

    Raises
    ------
    InvalidInput
        If the frame has no row, or lacks a column of take_pictures().

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> pictures = kvs.live.take_pictures(channel, timeout=0.5)
    >>> kvs.live.contact_sheet(pictures).size
    (336, 220)
    """
    _check_pictures(pictures)
    if pictures.empty:
        raise InvalidInput("The frame of pictures has no row. Pass one row for each camera.")
    return draw_sheet([*_tiles(pictures)])


def _check_pictures(pictures: object) -> None:
    found = pictures.columns if isinstance(pictures, pd.DataFrame) else ()
    missing = [column for column in PICTURES if column not in found]
    if missing:
        raise InvalidInput(
            f"{format_value(pictures)} has no column {missing[0]!r}. Pass a frame returned by kvs.live.take_pictures()."
        )


def _tiles(pictures: pd.DataFrame) -> Iterator[Tile]:
    rows: list[dict[Any, Any]] = pictures.to_dict("records")
    names = [row["channel_name"] for row in rows]
    for row in rows:
        caption = str(row["channel_name"])
        if names.count(caption) > 1:
            caption = f"{caption} ({row['account_id']} {row['region']})"
        image = row["image"] if isinstance(row["image"], Image.Image) else None
        yield Tile(caption, image, "" if pd.isna(row["error"]) else str(row["error"]))


def draw_sheet(tiles: Sequence[Tile]) -> Image.Image:
    """Return the sheet of at least one tile."""
    width, height = TILE if len(tiles) <= MANY else SMALL_TILE
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    step_x, step_y = width + GAP, height + CAPTION_HEIGHT + GAP
    sheet = Image.new("RGB", (columns * step_x + GAP, rows * step_y + GAP), BACKGROUND)
    font = ImageFont.load_default(FONT_SIZE if width == TILE[0] else FONT_SIZE * 2 // 3)
    for place, tile in enumerate(tiles):
        corner = GAP + place % columns * step_x, GAP + place // columns * step_y
        sheet.paste(_draw_tile(tile, (width, height), font), corner)
    return sheet


def _draw_tile(tile: Tile, size: tuple[int, int], font: Any) -> Image.Image:
    drawn = Image.new("RGB", (size[0], size[1] + CAPTION_HEIGHT), BACKGROUND)
    canvas = ImageDraw.Draw(drawn)
    if tile.image is None:
        canvas.rectangle((0, 0, size[0] - 1, size[1] - 1), fill=FAILED_BACKGROUND)
        canvas.multiline_text((GAP, GAP), _wrap(tile.error, size, canvas, font), fill=FAILED_COLOUR, font=font)
    else:
        drawn.paste(ImageOps.pad(tile.image.convert("RGB"), size, color=BORDER))
    caption = _shorten(printable(tile.caption), size[0], canvas, font)
    canvas.text((size[0] / 2, size[1] + CAPTION_HEIGHT / 2), caption, fill=TEXT_COLOUR, font=font, anchor="mm")
    return drawn


def _wrap(text: str, size: tuple[int, int], canvas: ImageDraw.ImageDraw, font: Any) -> str:
    """Return a text in lines that fit a tile; the last one ends with an ellipsis if the rest does not."""
    width = size[0] - 2 * GAP
    lines = [""]
    for word in printable(" ".join(text.split())).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if canvas.textlength(longer, font=font) <= width:
            lines[-1] = longer
        else:
            lines.append(_shorten(word, width, canvas, font))
    ascent, descent = font.getmetrics()
    fitting = max(1, (size[1] - 2 * GAP) // (ascent + descent + 4))
    if len(lines) > fitting:
        lines = [*lines[: fitting - 1], _shorten(f"{lines[fitting - 1]} {ELLIPSIS}", width, canvas, font)]
    return "\n".join(filter(None, lines))


def _shorten(text: str, width: int, canvas: ImageDraw.ImageDraw, font: Any) -> str:
    """Return a text, cut in its middle so that it fits."""
    if canvas.textlength(text, font=font) <= width:
        return text
    lengths = range(1, len(text))
    too_long = bisect(lengths, False, key=lambda kept: bool(canvas.textlength(_cut(text, kept), font=font) > width))
    return _cut(text, max(1, too_long))


def _cut(text: str, kept: int) -> str:
    head = (kept + 1) // 2
    return f"{text[:head]}{ELLIPSIS}{text[len(text) - (kept - head) :]}"
