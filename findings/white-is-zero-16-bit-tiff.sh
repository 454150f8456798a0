#!/usr/bin/env bash
# Pillow and OpenCV read an 8-bit WhiteIsZero TIFF as a positive, and a 16-bit one as a negative.
#
# Versions: Pillow 13.0.0, opencv-python-headless 5.0.0.93, on Linux x86-64.
# Input: one row of four grey pixels, black to white, as an uncompressed TIFF with PhotometricInterpretation=0
#   (WhiteIsZero: 0 is white, the largest value is black), once with 8 and once with 16 bits for each pixel.
# Behaviour: at 8 bits both turn the values over, so black is 0. At 16 bits both pass them on as they are, as if the file
#   were BlackIsZero: the picture comes out as its negative. Neither warns. Both agree with each other, and each
#   disagrees with itself.
# Seen on 2026-11-28:
#   8 bits   Pillow [0, 85, 170, 255]           OpenCV [0, 85, 170, 255]
#   16 bits  Pillow [65535, 43690, 21845, 0]    OpenCV [65535, 43690, 21845, 0]
# Exits with 1 if any of this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cat >"$work/negative.py" <<'PYTHON'
import io
import struct

import cv2
import numpy as np
from PIL import Image

SHORT, LONG = 3, 4


def white_is_zero(grey, bits):
    """A row of grey pixels, 0 is black, as an uncompressed little-endian TIFF whose 0 is white."""
    white = 2**bits - 1
    pixels = np.array([white - value for value in grey], f"<u{bits // 8}").tobytes()
    entries = [
        (256, LONG, len(grey)),  # ImageWidth
        (257, LONG, 1),  # ImageLength
        (258, SHORT, bits),  # BitsPerSample
        (259, SHORT, 1),  # Compression: none
        (262, SHORT, 0),  # PhotometricInterpretation: WhiteIsZero
        (273, LONG, 8),  # StripOffsets
        (277, SHORT, 1),  # SamplesPerPixel
        (278, LONG, 1),  # RowsPerStrip
        (279, LONG, len(pixels)),  # StripByteCounts
    ]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + directory + bytes(4)


as_seen = True
for bits in (8, 16):
    white = 2**bits - 1
    grey = [0, white // 3, white // 3 * 2, white]
    content = white_is_zero(grey, bits)
    image = Image.open(io.BytesIO(content))
    by_pillow = [image.getpixel((x, 0)) for x in range(len(grey))]
    flags = cv2.IMREAD_UNCHANGED
    by_opencv = cv2.imdecode(np.frombuffer(content, np.uint8), flags)[0].tolist()
    print(f"{bits:2} bits, right {grey}  Pillow ({image.mode}) {by_pillow}  OpenCV {by_opencv}")
    expected = grey if bits == 8 else grey[::-1]
    as_seen &= by_pillow == expected and by_opencv == expected
raise SystemExit(0 if as_seen else "the behaviour has changed")
PYTHON
"$work/venv/bin/python" "$work/negative.py"
