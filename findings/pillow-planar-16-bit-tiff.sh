#!/usr/bin/env bash
# Pillow reads an uncompressed 16-bit RGB TIFF in separate planes as scrambled pixels, without an error.
#
# Versions: Pillow 13.0.0, tifffile 2026.3.3 (writes the files, and is the reference), on Linux x86-64.
# Input: one picture of 4×2 pixels as 16-bit RGB, in both byte orders: interleaved, and in separate planes
#   (PlanarConfiguration=2), uncompressed and with deflate.
# Behaviour: the separate planes are read right when they are compressed. Uncompressed, Pillow takes each 8-bit half of a
#   sample for a pixel of its own. So every other column is noise, one row of the picture fills two, and its lower
#   half is lost. Neither an error nor a warning tells.
# Seen on 2026-11-28 (first row; little-endian):
#   interleaved          (255, 0, 128) (219, 36, 128) (182, 73, 128) (146, 109, 128)    right
#   planes, deflate      (255, 0, 128) (219, 36, 128) (182, 73, 128) (146, 109, 128)    right
#   planes, uncompressed (255, 0, 64) (255, 0, 128) (108, 146, 64) (219, 36, 128)       scrambled
# Exits with 1 if any of this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
cat >"$work/planar.py" <<'PYTHON'
import io

import numpy as np
import tifffile
from PIL import Image

WIDTH, HEIGHT = 4, 2
gradient = np.linspace(0, 65535, WIDTH * HEIGHT).astype(np.uint16).reshape(HEIGHT, WIDTH)
# Red falls, green rises, blue is constant.
picture = np.stack([gradient[::-1, ::-1], gradient, np.full_like(gradient, 0x8040)], axis=-1)
right = (picture >> 8).tolist()


def written(planes, compression, order):
    """The picture as a TIFF file, and what tifffile reads back from it."""
    content = io.BytesIO()
    separate = planes == "separate"
    tifffile.imwrite(
        content,
        np.moveaxis(picture, -1, 0) if separate else picture,
        photometric="rgb",
        planarconfig=planes,
        compression=compression,
        byteorder=order,
        metadata=None,
    )
    content.seek(0)
    back = tifffile.imread(content)
    assert np.array_equal(np.moveaxis(back, 0, -1) if separate else back, picture)
    return content.getvalue()


as_seen = True
for order in "<>":
    for planes, compression in [("contig", None), ("separate", "zlib"), ("separate", None)]:
        image = Image.open(io.BytesIO(written(planes, compression, order)))
        pixels = np.asarray(image.convert("RGB")).tolist()
        name = f"{planes}, {compression or 'uncompressed'}, byte order {order}"
        print(f"{name:40} {image.mode} first row {pixels[0]}")
        scrambled = planes == "separate" and compression is None
        as_seen &= (pixels != right) == scrambled
print(f"{'right':40}     first row {right[0]}")
raise SystemExit(0 if as_seen else "the behaviour has changed")
PYTHON
"$work/venv/bin/python" "$work/planar.py"
