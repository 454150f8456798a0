"""Image sets for the scans, made from the data by fixed rules, and so reproducible.

A data set of small pictures has no camera files, so those are made. Pictures are enlarged, get the
grain of a sensor, and are compressed to a camera's bytes per pixel. They suit measurements of speed
(pixels, bytes and subsampling are realistic). They tell nothing about accuracy on real cameras.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from trustthepixels.train.data.manifest import Sample, load_samples

from ..pool import in_processes
from ..settings import Settings

SMALL_SIZE = (500, 375)
CAMERA_BYTES_PER_PIXEL = 2.2e6 / 7.5e6
"""2.2 MB at 7.5 megapixels, the mean of the camera pictures that these stand for."""

_GRAIN = 5.0
_SMALL_QUALITY = 92
_SHAPES = ((4, 3), (3, 2), (3, 4), (16, 9), (2, 3), (1, 1))
_RECIPE = 2
"""Part of the folders' names; raise it when the content of a set changes."""


def small_jpegs(settings: Settings) -> Path:
    """Return a folder of JPEGs of 500×375, about 75 kB each."""
    return _small_pictures(settings, "small", "JPEG", settings.counts.small)


def small_pngs(settings: Settings) -> Path:
    """Return a folder of pictures of 500×375 as PNG, fewer than JPEGs."""
    return _small_pictures(settings, "png", "PNG", settings.counts.other)


def small_webps(settings: Settings) -> Path:
    """Return a folder of pictures of 500×375 as lossy WebP, fewer than JPEGs."""
    return _small_pictures(settings, "webp", "WEBP", settings.counts.other)


def camera_jpegs(settings: Settings) -> Path:
    """Return a folder of JPEGs of 2 to 12 megapixels, on average 7.5, of 2.2 MB on average."""
    chosen = spread_samples(settings, settings.counts.camera)
    sizes = camera_sizes(len(chosen))
    jobs = [
        partial(camera_jpeg, sample.path, size, seed)
        for seed, (sample, size) in enumerate(zip(chosen, sizes, strict=True))
    ]
    return made_set(settings, "camera", jobs, [sample.path for sample in chosen])


def camera_sizes(count: int) -> list[tuple[int, int]]:
    """Return widths and heights from 2 to 12 megapixels in the usual shapes."""
    sizes = []
    for number in range(count):
        # The exponent makes the mean 7.5 and not 7.
        share = (number / max(1, count - 1)) ** 0.82
        width, height = _SHAPES[number % len(_SHAPES)]
        side = ((2.0 + 10.0 * share) * 1e6 / (width * height)) ** 0.5
        sizes.append((round(width * side), round(height * side)))
    return sizes


def spread_samples(settings: Settings, count: int) -> list[Sample]:
    """Return pictures of the data at even distances; the data is sorted by class and source."""
    samples = load_samples(settings.data)
    return [samples[number * len(samples) // count] for number in range(count)]


def camera_jpeg(path: Path, size: tuple[int, int], seed: int) -> bytes:
    """Return a picture enlarged, with grain, at the bytes per pixel of a camera."""
    with Image.open(path) as image:
        large = ImageOps.fit(image.convert("RGB"), size, Image.Resampling.BICUBIC)
    return at_bytes_per_pixel(with_grain(large, seed), CAMERA_BYTES_PER_PIXEL)


def with_grain(image: Image.Image, seed: int) -> Image.Image:
    """Return a picture with a sensor's noise; repeating one block of noise costs a tenth."""
    block = np.random.default_rng(seed).normal(0.0, _GRAIN, (512, 512, 1)).astype(np.float32)
    pixels = np.asarray(image).astype(np.float32)
    repeats = (pixels.shape[0] // 512 + 1, pixels.shape[1] // 512 + 1, 1)
    pixels += np.tile(block, repeats)[: pixels.shape[0], : pixels.shape[1]]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def at_bytes_per_pixel(image: Image.Image, wanted: float) -> bytes:
    """Return a 4:2:0 JPEG at the quality whose size comes nearest, measured on a part."""
    side = min(768, *image.size)
    part = ImageOps.fit(image, (side, side)) if side < 768 else _centre(image, side)
    low, high = 30, 98
    while low < high:
        quality = (low + high) // 2
        if len(jpeg(part, quality)) / (side * side) < wanted:
            low = quality + 1
        else:
            high = quality
    return jpeg(image, low)


def jpeg(image: Image.Image, quality: int) -> bytes:
    """Return a 4:2:0 JPEG."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return stream.getvalue()


def files_of(folder: Path) -> list[Path]:
    """Return the pictures of a set in the order of a scan."""
    return sorted(path for path in folder.iterdir() if path.is_file())


def _small_pictures(settings: Settings, name: str, format_name: str, count: int) -> Path:
    paths = [sample.path for sample in spread_samples(settings, count)]
    return made_set(settings, name, [partial(_small, path, format_name) for path in paths], paths)


def _small(path: Path, format_name: str) -> bytes:
    with Image.open(path) as image:
        picture = ImageOps.fit(image.convert("RGB"), SMALL_SIZE, Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    picture.save(stream, format_name, quality=_SMALL_QUALITY)
    return stream.getvalue()


def _centre(image: Image.Image, side: int) -> Image.Image:
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def made_set(
    settings: Settings,
    name: str,
    jobs: Sequence[Callable[[], bytes]],
    origins: Sequence[Path],
) -> Path:
    """Return a folder with one file for each job, in order; it is made once, whole or not at all.

    Args:
        settings: settings with the folder for inputs.
        name: start of the folder's name; the number of jobs and the origins complete it.
        jobs: functions that each make a file's content.
        origins: files from which the jobs make it; other origins make another folder.
    """
    folder = settings.work / f"{name}-{len(jobs)}-{_digest_of(origins)}-v{_RECIPE}"
    if folder.exists():
        return folder
    suffix = name if name in ("png", "webp") else "jpg"
    unfinished = folder.with_name(folder.name + ".part")
    unfinished.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(in_processes(_call, jobs)):
        (unfinished / f"{number:04}.{suffix}").write_bytes(content)
    unfinished.rename(folder)
    return folder


def _digest_of(origins: Sequence[Path]) -> str:
    """Return a short digest of the files' paths, sizes and times of change."""
    digest = hashlib.sha256()
    for path in origins:
        status = path.stat()
        digest.update(f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:8]


def _call(job: Callable[[], bytes]) -> bytes:
    return job()
