"""The picture of a test camera: colour bars, a moving block, the number of the frame as text and as a bar code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Pixels = npt.NDArray[np.uint8]

BITS = 16
COLOURS = ((235, 235, 235), (225, 215, 30), (30, 205, 215), (40, 190, 60), (205, 50, 190), (200, 40, 40), (40, 60, 200))
BAR_CODE_SHARE = 0.16
"""The share of the height that the bar code takes: one row of bits, and one of their complements below."""

LOWEST_CONTRAST = 60
"""A bit and its complement differ by 255; less than this is not a bar code."""


class TestPattern:
    """Draws numbered frames of one size."""

    __test__ = False  # not a class of tests

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._code_height = int(height * BAR_CODE_SHARE) // 2 * 2
        self._background = self._draw_background()
        self._font = ImageFont.load_default(max(10, height // 8))

    def _draw_background(self) -> Pixels:
        columns = np.arange(self.width) * len(COLOURS) // self.width
        return np.broadcast_to(np.array(COLOURS, np.uint8)[columns], (self.height, self.width, 3)).copy()

    def draw(self, number: int) -> Pixels:
        """Return a frame: height x width x 3, RGB."""
        image = Image.fromarray(self._background)
        canvas = ImageDraw.Draw(image)
        side = self.height // 6
        left = number * max(1, self.width // 60) % max(1, self.width - side)
        canvas.rectangle((left, self.height // 2, left + side, self.height // 2 + side), fill="white", outline="black")
        text = f"frame {number}"
        canvas.text(
            (self.width // 20, self.height // 6),
            text,
            fill="white",
            stroke_fill="black",
            stroke_width=2,
            font=self._font,
        )
        pixels = np.asarray(image).copy()
        pixels[self.height - self._code_height :] = self._bar_code(number)
        return pixels

    def _bar_code(self, number: int) -> Pixels:
        bits = np.array([number >> bit & 1 for bit in reversed(range(BITS))], np.uint8)
        row = bits[np.arange(self.width) * BITS // self.width] * 255
        half = self._code_height // 2
        rows = np.repeat(np.stack([row, 255 - row]), half, axis=0)
        return np.repeat(rows[:, :, None], 3, axis=2)


def read_frame_number(image: Image.Image) -> int | None:
    """Return the number of a test camera's frame, modulo 65,536; None if the picture has no bar code that can be read."""
    grey = np.asarray(image.convert("L"), np.int16)
    height, width = grey.shape
    half = int(height * BAR_CODE_SHARE) // 2
    upper, lower = height - half - half // 2, height - half // 2
    places = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    bits, complements = (grey[row - half // 4 : row + half // 4 + 1][:, places].mean(axis=0) for row in (upper, lower))
    if np.abs(bits - complements).min() < LOWEST_CONTRAST:
        return None
    return int("".join("1" if bit else "0" for bit in bits > complements), 2)
