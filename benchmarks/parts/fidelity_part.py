"""Part ``fidelity``: effect of scaled decoding on the verdicts for large pictures.

Scaled decoding is safe by this rule, on several hundred pictures of 1 to 12 megapixels:

- verdicts agree with the full decode on at least 99.5 %
- ``p_ai`` changes by less than 0.005 on average
- accuracy does not fall
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from trustthepixels.infer.choices import Device
from trustthepixels.infer.errors import ImageError
from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.model.session import Session, open_session
from trustthepixels.infer.system.cores import available_cores

from ..inputs.large_pictures import LargePicture, large_pictures
from ..inputs.models import EDGE, has_edge_model
from ..peers.decoders import CLOSER, FULL, SCALED, decoders
from ..pool import in_processes
from ..settings import Settings

Json = dict[str, Any]

LEAST_AGREEMENT, LARGEST_MEAN_CHANGE = 0.995, 0.005

_COMPARED = (
    SCALED,
    *CLOSER,
    "Pillow, draft",
    "simplejpeg, scaled",
    "simplejpeg, scaled and fast",
    "PyTurboJPEG, scaled",
    "pyvips, thumbnail",
    "OpenCV, reduced and area",
)
_BATCH = 16


def measure(settings: Settings) -> Json:
    """Compare the answers of each bundled model after each decoder with those after a full one."""
    planned = large_pictures(settings)
    models = ["default", *([EDGE] if has_edge_model() else [])]
    measured: Json = {"models": {}}
    for model in models:
        session = open_session(load_model(model), Device(settings.device), available_cores())
        present, _ = decoders(session.spec.input_size)
        names = [FULL, *(name for name in _COMPARED if name in present)]
        work = partial(_decoded, names, session.spec.input_size)
        results = list(zip(planned, in_processes(work, planned), strict=True))
        decoded = [(picture, got) for picture, got in results if not isinstance(got, str)]
        pictures = [picture for picture, _ in decoded]
        measured |= {
            "pictures": len(pictures),
            "refused": [got for _, got in results if isinstance(got, str)],
            "origins": Counter(picture.origin.value for picture in pictures),
            "megapixels": [_megapixels(picture) for picture in pictures],
        }
        p_ai = {
            name: _answers(session, [pixels[number] for _, pixels in decoded])
            for number, name in enumerate(names)
        }
        is_ai = np.array([picture.is_ai for picture in pictures])
        measured["models"][model] = {
            name: _compared(session, p_ai[name], p_ai[FULL], is_ai) for name in names[1:]
        }
    return measured


def _decoded(
    names: Sequence[str], size: tuple[int, int], picture: LargePicture
) -> list[PixelArray] | str:
    """Return each decoder's pixels, or the reason why the scanner refuses the picture."""
    content = picture.path.read_bytes()
    found, _ = decoders(size)
    try:
        return [found[name](content) for name in names]
    except ImageError as error:
        return f"{picture.path.name}: {error.status}: {error.reason}"


def _megapixels(picture: LargePicture) -> float:
    with Image.open(picture.path) as image:
        return round(image.width * image.height / 1e6, 2)


def _answers(session: Session, pixels: list[PixelArray]) -> npt.NDArray[np.float32]:
    batches = [pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH)]
    return np.concatenate([session.run(np.stack(batch)) for batch in batches])


def _compared(
    session: Session,
    p_ai: npt.NDArray[np.float32],
    full: npt.NDArray[np.float32],
    is_ai: npt.NDArray[np.bool_],
) -> Json:
    rule = session.spec.rule()
    labels = np.array([rule(value).label for value in p_ai])
    labels_full = np.array([rule(value).label for value in full])
    change = np.abs(p_ai - full)
    agreement, mean_change = float((labels == labels_full).mean()), float(change.mean())
    accuracy, accuracy_full = _accuracy(p_ai, is_ai), _accuracy(full, is_ai)
    return {
        "agreement": agreement,
        "mean_change": mean_change,
        "largest_change": float(change.max()),
        "accuracy": accuracy,
        "accuracy_full": accuracy_full,
        "is_safe": agreement >= LEAST_AGREEMENT
        and mean_change < LARGEST_MEAN_CHANGE
        and accuracy >= accuracy_full,
    }


def _accuracy(p_ai: npt.NDArray[np.float32], is_ai: npt.NDArray[np.bool_]) -> float:
    """Return balanced accuracy at ``p_ai`` of 0.5; every picture counts."""
    called = p_ai >= 0.5
    rates = [(called == is_ai)[is_ai == kind].mean() for kind in (True, False) if kind in is_ai]
    return float(np.mean(rates))
