"""One small picture in every mode of Pillow."""

import numpy as np
from image_files import photograph
from PIL import Image, ImageCms

SIZE = (61, 45)
"""Odd on both sides: rows of few bits end within a byte, blocks beyond the edge."""


def picture(mode: str = "RGB") -> Image.Image:
    """Return a small picture in a mode; alpha and 16 bits use their whole range."""
    colours = photograph().resize(SIZE, Image.Resampling.LANCZOS)
    grey = colours.convert("L")
    if mode in ("I", "I;16", "I;16B", "F"):
        values = np.asarray(grey).astype(np.uint32) * 257
        if mode == "F":
            return Image.fromarray((values / 65535).astype(np.float32))
        if mode == "I":
            return Image.fromarray(values.astype(np.int32))
        return Image.frombytes(mode, SIZE, values.astype("<u2" if mode == "I;16" else ">u2"))
    if mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        clear = colours.convert("RGBA")
        clear.putalpha(grey.point(lambda value: min(255, 2 * value)))
        through = {"La": "LA", "PA": "RGBA"}.get(mode, "RGBA")
        return clear.convert(through).convert(mode)
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(colours, *profiles, outputMode="LAB")
    return colours.convert(mode)


def samples(count: int) -> np.ndarray:
    """Return the picture with so many samples, 8 bits each; the last of 2 and 4 is alpha."""
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[count]
    return np.asarray(picture(mode)).reshape(SIZE[1], SIZE[0], count)
