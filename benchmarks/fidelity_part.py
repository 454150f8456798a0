"""Part ``fidelity``: whether verdicts survive scaled decoding of large pictures.

The rule: on several hundred pictures of 1 to 12 megapixels, verdicts agree with the full decode on
at least 99.5 %, ``p_ai`` changes by less than 0.005 on average, and accuracy does not fall.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from trustthepixels.infer.bundled import load_model
from trustthepixels.infer.cpu import available_cores
from trustthepixels.infer.devices import Device
from trustthepixels.infer.errors import ImageError
from trustthepixels.infer.preprocess import PixelArray
from trustthepixels.infer.results import VerdictLabel
from trustthepixels.infer.session import Session, open_session
from trustthepixels.train.manifest import Sample, load_samples

from .decoders import FULL, SCALED, decoders
from .models import EDGE, has_edge_model
from .pictures import jpeg, with_grain
from .pool import in_processes
from .settings import Settings

Json = dict[str, Any]

LEAST_AGREEMENT, LARGEST_MEAN_CHANGE = 0.995, 0.005

_COMPARED = (
    SCALED,
    "Pillow, draft",
    "simplejpeg, scaled and fast",
    "pyvips, thumbnail",
    "OpenCV, reduced and area",
)
_LEAST_PIXELS = 1_000_000
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Large:
    """One large picture to be made, or found.

    Attributes:
        parts: pictures that it is made of: 1 enlarged, or 4 as tiles; one that is large already
            is taken as it is.
        size: width and height that it gets; ``None`` keeps its own.
        is_ai: its class.
        quality: of its JPEG.
        grain: whether it gets a sensor's noise.
        seed: of the noise.
    """

    parts: tuple[Path, ...]
    size: tuple[int, int] | None
    is_ai: bool
    quality: int
    grain: bool
    seed: int


def measure(settings: Settings) -> Json:
    """Answers of each bundled model after each decoder, beside those after a full decode."""
    planned = [*made_pictures(settings), *found_photographs(settings.photos)]
    names = [FULL, *(name for name in _COMPARED if name in decoders()[0])]
    results = list(in_processes(partial(_decoded, names), planned))
    jobs = [
        job for job, result in zip(planned, results, strict=True) if not isinstance(result, str)
    ]
    decoded = [result for result in results if not isinstance(result, str)]
    is_ai = np.array([job.is_ai for job in jobs])
    measured: Json = {
        "pictures": len(jobs),
        "refused": [result for result in results if isinstance(result, str)],
        "made": sum(job.size is not None for job in jobs),
        "found": sum(job.size is None for job in jobs),
        "megapixels": [round(megapixels, 2) for megapixels, _ in decoded],
        "models": {},
    }
    for model in ["default", *([EDGE] if has_edge_model() else [])]:
        session = open_session(load_model(model), Device(settings.device), available_cores())
        p_ai = {
            name: _answers(session, [pixels[number] for _, pixels in decoded])
            for number, name in enumerate(names)
        }
        measured["models"][model] = {
            name: _compared(session, p_ai[name], p_ai[FULL], is_ai) for name in names[1:]
        }
    return measured


def made_pictures(settings: Settings) -> list[Large]:
    """Enlarged pictures and tiles of four, from 1 to 12 megapixels, of both classes alike."""
    samples = load_samples(settings.data)
    each = settings.counts.fidelity // 2
    made = []
    for label in ("ai", "real"):
        of_class = [sample for sample in samples if sample.label == label]
        made += [_planned(of_class, number, each, label == "ai") for number in range(each)]
    return made


def found_photographs(folders: Sequence[Path]) -> list[Large]:
    """Photographs in folders and packages that have a megapixel."""
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    found = []
    for path in sorted(paths):
        if path.suffix.lower() not in (".jpg", ".jpeg") or path.is_symlink():
            continue
        with Image.open(path) as image:
            if image.width * image.height >= _LEAST_PIXELS:
                found.append(Large((path,), None, is_ai=False, quality=0, grain=False, seed=0))
    return found


def made_jpeg(job: Large) -> bytes:
    """The JPEG of one job."""
    if job.size is None:
        return job.parts[0].read_bytes()
    across = 1 if len(job.parts) == 1 else 2
    tile = (job.size[0] // across, job.size[1] // across)
    picture = Image.new("RGB", (tile[0] * across, tile[1] * across))
    for number, part in enumerate(job.parts):
        with Image.open(part) as image:
            enlarged = ImageOps.fit(image.convert("RGB"), tile, Image.Resampling.LANCZOS)
        picture.paste(enlarged, (number % across * tile[0], number // across * tile[1]))
    return jpeg(with_grain(picture, job.seed) if job.grain else picture, job.quality)


def _planned(samples: list[Sample], number: int, count: int, is_ai: bool) -> Large:
    parts = 4 if number % 2 else 1
    first = number * len(samples) // count
    chosen = tuple(samples[(first + step) % len(samples)].path for step in range(parts))
    # Most pictures are nearer to 1 than to 12 megapixels, as in most folders.
    pixels = 1.0e6 * 12.0 ** ((number * 7919 % count) / max(1, count - 1))
    width, height = ((4, 3), (3, 2), (1, 1), (3, 4))[number // 2 % 4]
    side = (pixels / (width * height)) ** 0.5
    size = (round(width * side), round(height * side))
    quality = (75, 85, 92, 95)[number // 8 % 4]
    return Large(chosen, size, is_ai, quality, grain=number // 4 % 2 == 1, seed=number)


def _decoded(names: Sequence[str], job: Large) -> tuple[float, list[PixelArray]] | str:
    """Megapixels, and what each decoder makes of the picture; a reason where we refuse it."""
    content = made_jpeg(job)
    found, _ = decoders()
    try:
        pixels = [found[name](content) for name in names]
    except ImageError as error:
        return f"{job.parts[0].name}: {error.status}: {error.reason}"
    with Image.open(job.parts[0]) as image:
        width, height = job.size or image.size
    return width * height / 1e6, pixels


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
    accuracy, accuracy_full = _accuracy(labels, is_ai), _accuracy(labels_full, is_ai)
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


def _accuracy(labels: npt.NDArray[np.str_], is_ai: npt.NDArray[np.bool_]) -> float:
    """Balanced accuracy of ``ai`` against the rest, at the default operating point."""
    called = labels == VerdictLabel.AI
    rates = [(called == is_ai)[is_ai == kind].mean() for kind in (True, False) if kind in is_ai]
    return float(np.mean(rates))
