#!/usr/bin/env bash
# Pillow honours a grey PNG's transparent value at 8 bits and ignores it at 2, 4 and 16 bits.
#
# Versions: Pillow 13.0.0, pypng 0.20220715.0 (as the reference), on Linux x86-64.
# Input: one row of four grey pixels (0, a third, two thirds, white) whose tRNS chunk makes two thirds transparent, at 2,
#   4, 8 and 16 bits for each pixel.
# Behaviour: the PNG specification says that tRNS holds a sample of the image's own depth. Pillow scales samples
#   of 2 and 4 bits to 8 and then looks for the unscaled value, and at 16 bits it looks for none. So
#   convert("RGBA") gives an opaque picture, without a warning, for three of four depths. pypng makes the third pixel
#   transparent at all of them.
# Seen on 2026-11-28 (alpha of the four pixels):
#    8 bits  Pillow [255, 255, 0, 255]    pypng [255, 255, 0, 255]
#    2 bits  Pillow [255, 255, 255, 255]  pypng [255, 255, 0, 255]
#    4 bits  Pillow [255, 255, 255, 255]  pypng [255, 255, 0, 255]
#   16 bits  Pillow [255, 255, 255, 255]  pypng [255, 255, 0, 255]
# Exits with 1 if any of this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 pypng==0.20220715.0
cat >"$work/transparent.py" <<'PYTHON'
import io
import struct
import zlib

import png
from PIL import Image


def grey_png(bits, samples, transparent):
    """One row of grey samples, one value of which is transparent."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = int("".join(f"{sample:0{bits}b}" for sample in samples), 2)
    header = struct.pack(">IIBBBBB", len(samples), 1, bits, 0, 0, 0, 0)
    pixels = b"\0" + row.to_bytes(len(samples) * bits // 8, "big")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tRNS", struct.pack(">H", transparent))
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


as_seen = True
for bits in (8, 2, 4, 16):
    white = 2**bits - 1
    samples = [0, white // 3, white // 3 * 2, white]
    content = grey_png(bits, samples, samples[2])
    image = Image.open(io.BytesIO(content))
    alpha = image.convert("RGBA").getchannel("A")
    by_pillow = [alpha.getpixel((x, 0)) for x in range(len(samples))]
    rows = png.Reader(bytes=content).asRGBA()[2]
    by_pypng = [value * 255 // white for value in list(next(iter(rows)))[3::4]]
    print(f"{bits:2} bits  Pillow ({image.mode}) {by_pillow}  pypng {by_pypng}")
    right = [255, 255, 0, 255]
    as_seen &= by_pypng == right and by_pillow == (right if bits == 8 else [255] * 4)
raise SystemExit(0 if as_seen else "the behaviour has changed")
PYTHON
"$work/venv/bin/python" "$work/transparent.py"
