"""Pixels and answers of PyTorch, ONNX Runtime and plain arithmetic for the same pictures."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnx.shape_inference
import onnx.utils
import torch
from PIL import Image, ImageOps
from torchvision.transforms import Resize

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.files.walk import Found
from trustthepixels.infer.images.limits import DEFAULT_LIMITS, DecodeSize, Limits
from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.images.views import whole_of
from trustthepixels.infer.model.providers import load_onnxruntime
from trustthepixels.infer.model.session import INPUT_NAME, Session
from trustthepixels.infer.model.spec import ModelSpec
from trustthepixels.infer.scan.prepare import PreparedImage, prepare
from trustthepixels.train.calibration.calibrate import probability
from trustthepixels.train.networks.network import Classifier

FloatArray = npt.NDArray[np.floating]

_PLAIN_MODES = frozenset({"RGB", "L", "CMYK"})
"""Modes of which, by contract, decoding equals the reference recipe's: Pillow's
``convert("RGB")``."""

IN_FULL = Limits(decode_size=DecodeSize.FULL)
"""Scaled decoding of large JPEGs is no part of what torchvision is compared with."""

_CONVERSIONS = frozenset({"Cast", "QuantizeLinear", "DequantizeLinear"})
"""Operators that fp16 and int8 put between the normalised pixels and the first convolution."""


def scanner_pixels(
    paths: Sequence[Path], shape: InputShape, limits: Limits = DEFAULT_LIMITS
) -> PixelArray:
    """Return the scanner's inputs of pictures, uint8 (n, *shape.axes).

    Raises:
        InputError: a picture cannot be read or decoded.
    """
    pixels = []
    for path in paths:
        prepared = prepare(Found(os.fsencode(path)), shape, limits)
        if not isinstance(prepared, PreparedImage):
            raise InputError(f"cannot use {path}: {prepared.status}: {prepared.error}")
        pixels.append(prepared.pixels)
    return np.stack(pixels)


def torchvision_pixels(path: Path, size: tuple[int, int]) -> PixelArray | None:
    """Return pixels by Pillow and torchvision's ``Resize`` alone; ``None`` if they define none.

    They define none for transparency, palettes and more than 8 bits.
    """
    with Image.open(path) as image:
        if image.mode not in _PLAIN_MODES or image.has_transparency_data:
            return None
        upright = ImageOps.exif_transpose(image).convert("RGB")
    return np.asarray(Resize(size)(upright))


def torch_p_ai(network: Classifier, spec: ModelSpec, images: PixelArray) -> FloatArray:
    """Return PyTorch's calibrated probabilities, float32 (n,)."""
    with torch.inference_mode():
        logits = network(torch.from_numpy(images)).numpy()
    return probability(logits, spec.calibration)


def session_p_ai(session: Session, images: PixelArray, batch_size: int) -> FloatArray:
    """Return ONNX Runtime's probabilities, float32 (n,), run in batches; the last may be
    smaller."""
    starts = range(0, len(images), batch_size)
    return np.concatenate([session.run(images[start : start + batch_size]) for start in starts])


def graph_normalised(model: onnx.ModelProto, images: PixelArray) -> FloatArray:
    """Return the input of the graph's first convolution before any rounding, (n, 3, height, width).

    It sees the whole picture.

    Raises:
        InputError: the graph has no convolution.
    """
    producers = {name: node for node in model.graph.node for name in node.output}
    first = next((node for node in model.graph.node if node.op_type == "Conv"), None)
    if first is None:
        raise InputError("the architecture has no convolution; it cannot be exported")
    name = first.input[0]
    while name in producers and producers[name].op_type in _CONVERSIONS:
        name = producers[name].input[0]
    shaped = onnx.shape_inference.infer_shapes(model)
    part = onnx.utils.Extractor(shaped).extract_model([INPUT_NAME], [name])
    session = load_onnxruntime().InferenceSession(
        part.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    normalised: FloatArray = session.run(None, {INPUT_NAME: images})[0]
    return normalised


def spec_normalised(spec: ModelSpec, images: PixelArray) -> FloatArray:
    """Return ``(x / 255 - mean) / std`` of the whole in float64, (n, 3, height, width)."""
    wholes = np.stack([whole_of(image) for image in images])
    channels_last: FloatArray = (wholes / 255.0 - np.array(spec.mean)) / np.array(spec.std)
    return channels_last.transpose(0, 3, 1, 2)
