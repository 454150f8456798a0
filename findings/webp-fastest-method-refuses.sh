#!/usr/bin/env bash
# libwebp's fastest method refuses a picture that its usual method writes, and Pillow says only "encoding error 6".
#
# Versions: Pillow 13.0.0 with its bundled libwebp 1.6.0, numpy 2.4.6, on Linux x86-64.
# Input: 4096×4096 RGB pixels of noise. WebP allows sides of up to 16,383 pixels.
# Behaviour: a lossy WebP keeps the prediction modes of all blocks in its first partition, whose size has 19 bits (RFC
#   6386, section 9.1). With quality 97, method 0 chooses modes that do not fit and gives up. Method 4, Pillow's default,
#   writes the same picture at the same quality; and method 0 writes it at quality 75. libwebp has an option that limits
#   the partition (partition_limit). Pillow 13.0.0 does not pass it on, and documents no limit but the side.
# Seen on 2026-11-29:
#   method 0, quality 97: ValueError: encoding error 6
#   method 0, quality 75: written
#   method 4, quality 97: written
# Exits with 1 if any of this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
cat >"$work/refused.py" <<'PYTHON'
import io

import numpy as np
from PIL import Image

SEEN = {
    (0, 97): "ValueError: encoding error 6",
    (0, 75): "written",
    (4, 97): "written",
}

noise = np.random.default_rng(0).integers(0, 256, (4096, 4096, 3), np.uint8)
picture = Image.fromarray(noise)
as_seen = True
for (method, quality), expected in SEEN.items():
    stream = io.BytesIO()
    try:
        picture.save(stream, "WEBP", method=method, quality=quality)
        outcome = "written"
        assert Image.open(io.BytesIO(stream.getvalue())).size == picture.size
    except ValueError as error:
        outcome = f"ValueError: {error}"
    print(f"method {method}, quality {quality}: {outcome}")
    as_seen &= outcome == expected
raise SystemExit(0 if as_seen else "the behaviour has changed")
PYTHON
"$work/venv/bin/python" "$work/refused.py"
