"""The Python API: one model, ready to judge pictures."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from .bundled import DEFAULT_MODEL, load_model
from .cpu import available_cores
from .decode import DecodedImage, Limits, decode, decode_image
from .devices import Device
from .errors import InputError, UsageError
from .preprocess import resize
from .read import read_file
from .results import ScanRow, Verdict
from .session import Session, open_session
from .spec import ModelSpec

ImageInput = str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[np.uint8]
"""A path, the bytes of a file, a Pillow picture, or RGB pixels."""


class Detector:
    """Tells AI-generated pictures from photographs.

    >>> detector = Detector()
    >>> verdict = detector.predict("photo.jpg")
    >>> verdict.label, verdict.p_ai

    Args:
        model: the name of a bundled model, or the path of an ONNX file of ours.
        device: where to run it; anything but ``auto`` is taken or refused.
        threads: threads of the model on the CPU; by default the cores that the process may use.
        false_positive_rate: which of the model's operating points decides; by default its own.
        threshold: ``p_ai`` from which a picture is called AI, in place of an operating point.
        limits: sizes above which a picture is refused.

    Raises:
        ModelError: the model is missing, damaged or not one of ours.
        ProviderError: ONNX Runtime or the device cannot be had.
        UsageError: no such device, operating point or threshold.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        device: Device | str = Device.AUTO,
        *,
        threads: int | None = None,
        false_positive_rate: float | None = None,
        threshold: float | None = None,
        limits: Limits | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise UsageError(f"{threads} threads; there must be at least 1")
        file = load_model(model)
        self.rule = file.spec.rule(false_positive_rate=false_positive_rate, threshold=threshold)
        self.session: Session = open_session(
            file, _device(device), available_cores() if threads is None else threads
        )
        self._limits = limits or Limits()

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        return self.session.spec

    def predict(self, image: ImageInput) -> Verdict:
        """The verdict on one picture.

        Args:
            image: a path; the bytes of a file; a Pillow picture, whose EXIF orientation is applied;
                or RGB pixels, uint8 of shape (height, width, 3), upright.

        Raises:
            ImageError: the picture cannot be read or decoded; its ``status`` says how.
            InputError: an array of another shape or type.
        """
        decoded = self._decode(image)
        pixels = resize(decoded.image, self.spec.input_size)
        return self.rule(self.session.run(pixels[np.newaxis])[0])

    def scan(self, paths: Iterable[str | os.PathLike[str]]) -> Iterator[ScanRow]:
        """One row for every picture in folders and single files, in the order of the walk.

        Rows come while the scan goes on; memory does not depend on the number of files. A scan that
        is left early is ended by ``close`` on the iterator, or when that is collected.

        Args:
            paths: folders and files; read lazily.
        """
        from .pipeline import ScanOptions, scan_rows

        roots = (os.fsencode(path) for path in paths)
        return scan_rows(roots, self.session, self.rule, ScanOptions(limits=self._limits))

    def _decode(self, image: ImageInput) -> DecodedImage:
        if isinstance(image, Image.Image):
            return decode_image(image, self._limits)
        if isinstance(image, np.ndarray):
            return decode_image(_from_array(image), self._limits)
        if isinstance(image, bytes):
            return decode(image, self._limits)
        return decode(read_file(os.fsencode(image), self._limits.max_bytes), self._limits)


def _device(device: Device | str) -> Device:
    try:
        return Device(device)
    except ValueError:
        raise UsageError(f"no device '{device}'; there are {', '.join(Device)}") from None


def _from_array(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InputError(
            f"pixels are {pixels.dtype} of shape {pixels.shape}; "
            "they must be uint8 of shape (height, width, 3), RGB"
        )
    return Image.fromarray(pixels)
