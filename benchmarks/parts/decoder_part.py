"""Part ``decoders``: speed of each decoder from a JPEG to the model's size, on one core."""

import time
from functools import partial
from typing import Any

import numpy as np

from trustthepixels.infer.model.bundled import load_model

from ..inputs.pictures import camera_jpegs, files_of, small_jpegs
from ..names import CAMERA, SMALL
from ..peers.decoders import FULL, Decoder, decoders
from ..series import interleaved
from ..settings import Settings

Json = dict[str, Any]

_MOST = {SMALL: 96, CAMERA: 16}


def measure(settings: Settings) -> Json:
    """Return files per second, and the mean difference of the pixels from a full decode."""
    size = load_model().spec.input_size
    found, absent = decoders(size)
    sets = {SMALL: small_jpegs(settings), CAMERA: camera_jpegs(settings)}
    measured: Json = {"absent": absent, "size": list(size), "sets": {}}
    for name, folder in sets.items():
        files = files_of(folder)
        chosen = files[:: max(1, len(files) // _MOST[name])]
        contents = [path.read_bytes() for path in chosen]
        rates = interleaved(
            settings.counts.repeats,
            {which: partial(_rate, decoder, contents) for which, decoder in found.items()},
        )
        exact = [found[FULL](content).astype(int) for content in contents]
        differences = {
            which: float(
                np.mean(
                    [
                        np.abs(decoder(content) - pixels).mean()
                        for content, pixels in zip(contents, exact, strict=True)
                    ]
                )
            )
            for which, decoder in found.items()
        }
        measured["sets"][name] = {"files_per_s": rates, "difference": differences}
    return measured


def _rate(decoder: Decoder, contents: list[bytes]) -> float:
    start = time.perf_counter()
    for content in contents:
        decoder(content)
    return len(contents) / (time.perf_counter() - start)
