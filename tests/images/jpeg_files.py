"""Baseline JPEGs of any sampling factors and number of components, made by code."""

import io

import numpy as np
from PIL import Image

_ZIGZAG = sorted(
    ((row, column) for row in range(8) for column in range(8)),
    key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
)
_ANGLES = (2 * np.arange(8) + 1) * np.pi / 16
_DCT = np.stack([np.cos(k * _ANGLES) / (np.sqrt(8) if k == 0 else 2) for k in range(8)])
_STEP = 4


def jpeg(
    planes: list[np.ndarray],
    factors: list[tuple[int, int]],
    size: tuple[int, int],
    *,
    adobe: int | None = None,
    interleaved: bool | None = None,
) -> bytes:
    """Return a baseline JPEG.

    Args:
        planes: samples of each component at the size of the picture (height, width).
        factors: horizontal and vertical sampling factor of each component.
        size: width and height.
        adobe: colour transform of an Adobe segment; ``None`` leaves the segment out.
        interleaved: one scan for all components; by default where the standard allows it.
    """
    width, height = size
    most_h, most_v = max(h for h, _ in factors), max(v for _, v in factors)
    frame = height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([len(planes)])
    blocks = []
    for number, (plane, (h, v)) in enumerate(zip(planes, factors, strict=True), 1):
        frame += bytes([number, h << 4 | v, 0])
        scaled = (-(-width * h // most_h), -(-height * v // most_v))
        samples = Image.fromarray(plane.astype(np.uint8)).resize(scaled, Image.Resampling.BOX)
        across, down = (
            -(-side // (8 * most)) for side, most in zip(size, (most_h, most_v), strict=True)
        )
        padded = np.pad(
            np.asarray(samples).astype(float) - 128,
            ((0, 8 * v * down - scaled[1]), (0, 8 * h * across - scaled[0])),
            mode="edge",
        )
        cells = padded.reshape(v * down, 8, h * across, 8).swapaxes(1, 2)
        blocks.append((np.rint(_DCT @ cells @ _DCT.T / _STEP).astype(int), scaled, (h, v)))
    if interleaved is None:
        interleaved = sum(h * v for h, v in factors) <= 10
    parts = [b"\xff\xd8"]
    if adobe is not None:
        parts.append(b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([adobe]))
    parts += [_segment(0xDB, bytes([0]) + bytes([_STEP]) * 64), _segment(0xC0, b"\x08" + frame)]
    parts.append(_HUFFMAN)
    everything = list(range(len(planes)))
    for scan in [everything] if interleaved else [[number] for number in everything]:
        header = bytes([len(scan)]) + b"".join(bytes([number + 1, 0]) for number in scan)
        parts.append(_segment(0xDA, header + b"\0\x3f\0"))
        parts.append(_scan([blocks[number] for number in scan]))
    return b"".join(parts) + b"\xff\xd9"


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def _scan(components: list[tuple[np.ndarray, tuple[int, int], tuple[int, int]]]) -> bytes:
    """Return the entropy-coded data of one scan."""
    bits: list[str] = []
    last = [0] * len(components)

    def write(number: int, block: np.ndarray) -> None:
        values = [int(block[at]) for at in _ZIGZAG]
        difference = values[0] - last[number]
        last[number] = values[0]
        length = abs(difference).bit_length()
        bits.append(_CODES[0][length] + _signed(difference, length))
        run = 0
        end = max((index for index in range(1, 64) if values[index]), default=0)
        for value in values[1 : end + 1]:
            if value == 0:
                run += 1
                continue
            bits.append(_CODES[1][0xF0] * (run // 16))
            length = abs(value).bit_length()
            bits.append(_CODES[1][(run % 16) << 4 | length] + _signed(value, length))
            run = 0
        if end < 63:
            bits.append(_CODES[1][0])

    if len(components) == 1:
        # A scan of one component has only the blocks that hold samples, row by row.
        cells, (width, height), _ = components[0]
        for row in range(-(-height // 8)):
            for column in range(-(-width // 8)):
                write(0, cells[row, column])
    else:
        first, _, (h, v) = components[0]
        for row in range(first.shape[0] // v):
            for column in range(first.shape[1] // h):
                for number, (cells, _, (h_own, v_own)) in enumerate(components):
                    for y in range(v_own):
                        for x in range(h_own):
                            write(number, cells[row * v_own + y, column * h_own + x])
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")


def _signed(value: int, length: int) -> str:
    number = value if value > 0 else value + (1 << length) - 1
    return format(number, f"0{length}b") if length else ""


def _huffman() -> tuple[bytes, list[dict[int, str]]]:
    """Return the segments of the standard's tables for luminance, and their codes."""
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "JPEG")
    data, segments, tables = stream.getvalue(), b"", []
    start = data.index(b"\xff\xc4")
    while data[start : start + 2] == b"\xff\xc4":
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        segments += data[start:end]
        content = data[start + 4 : end]
        while content:
            counts, content = content[1:17], content[17:]
            codes, code = {}, 0
            symbols = iter(content)
            for length, count in enumerate(counts, 1):
                for _ in range(count):
                    codes[next(symbols)] = format(code, f"0{length}b")
                    code += 1
                code <<= 1
            tables.append(codes)
            content = content[sum(counts) :]
        start = end
    return segments, tables


_HUFFMAN, _CODES = _huffman()
