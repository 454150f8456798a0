"""Mutants of real pictures through the real decode path: ``python fuzz.py --mutants N --seed S``.

A mutant is written to a file before it is read, so that one that kills this process can be found:
its path and the seed are printed first. The last line is a report as JSON.
"""

import argparse
import io
import json
import random
import struct
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from trustthepixels.infer.files.walk import Found
from trustthepixels.infer.flow.budget import MemoryBudget
from trustthepixels.infer.images.limits import Limits
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.isolation.pool import WorkerPool
from trustthepixels.infer.results import FileStatus
from trustthepixels.infer.scan.prepare import PreparedImage, Resources, prepare

EXAMPLES = Path(__file__).parents[2] / "examples"
LIMITS = Limits(max_pixels=1_000_000, max_bytes=1 << 24, timeout_s=20.0)
SHAPE = InputShape(32, 32)
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

SIGNS_OF_A_BUG = ("crashed", "invalid reply", "killed", "failed with")
"""In reasons that no mutant should have."""

VARIANTS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("JPEG", "RGB", {}),
    ("JPEG", "RGB", {"progressive": True}),
    ("JPEG", "RGB", {"subsampling": 0, "restart_marker_blocks": 3}),
    ("JPEG", "L", {}),
    ("JPEG", "CMYK", {}),
    ("PNG", "RGB", {}),
    ("PNG", "P", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "LA", {}),
    ("PNG", "1", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {}),
    ("WEBP", "RGB", {"lossless": True}),
    ("GIF", "P", {}),
    ("GIF", "L", {"interlace": 0}),
    ("BMP", "RGB", {}),
    ("BMP", "P", {}),
    ("TIFF", "RGB", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("TIFF", "RGB", {"compression": "packbits"}),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "CMYK", {}),
    ("AVIF", "RGB", {"speed": 10}),
)


def seeds() -> list[list[bytes]]:
    """For each variant of a format, real pictures in it, a few kilobytes each."""
    pictures = []
    for path in sorted(EXAMPLES.glob("*/*"))[::3]:
        with Image.open(path) as image:
            pictures.append(image.convert("RGB").resize((64, 48)))
    exif = Image.Exif()
    exif[0x0112] = 6
    groups = []
    for format, mode, options in VARIANTS:
        group = []
        for number, picture in enumerate(pictures):
            stream = io.BytesIO()
            extra = {"exif": exif} if number % 2 and format not in ("GIF", "BMP") else {}
            picture.convert(mode).save(stream, format, **options, **extra)
            group.append(stream.getvalue())
        groups.append(group)
    return groups


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """``count`` files with a few defects each, always the same for one seed."""
    groups = seeds()
    for number in range(count):
        chance = random.Random(f"{seed}/{number}")
        group = chance.choice(groups)
        data = bytearray(chance.choice(group))
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            chance.choice(MUTATIONS)(data, chance, chance.choice(group))
            if not data:
                break
        if data.startswith(b"\x89PNG") and chance.random() < 0.7:
            data = with_right_checksums(data)
        yield bytes(data)


def _place(data: bytearray, chance: random.Random) -> int:
    """Headers are as likely as all the rest."""
    end = len(data) if chance.random() < 0.5 else min(len(data), 200)
    return chance.randrange(end)


def flip(data: bytearray, chance: random.Random, _: bytes) -> None:
    data[_place(data, chance)] ^= 1 << chance.randrange(8)


def overwrite(data: bytearray, chance: random.Random, _: bytes) -> None:
    start = _place(data, chance)
    for at in range(start, min(len(data), start + chance.choice((1, 2, 4, 16)))):
        data[at] = chance.randrange(256)


def number(data: bytearray, chance: random.Random, _: bytes) -> None:
    start, code = _place(data, chance), chance.choice(("<H", ">H", "<I", ">I"))
    value = struct.pack(code, chance.choice(INTERESTING) & (2 ** (8 * struct.calcsize(code)) - 1))
    data[start : start + len(value)] = value


def cut(data: bytearray, chance: random.Random, _: bytes) -> None:
    del data[_place(data, chance) :]


def cut_and_close(data: bytearray, chance: random.Random, _: bytes) -> None:
    end = {b"\xff\xd8": b"\xff\xd9", b"GI": b"\0;"}.get(bytes(data[:2]), bytes(data[-12:]))
    del data[_place(data, chance) :]
    data += end


def remove(data: bytearray, chance: random.Random, _: bytes) -> None:
    start = _place(data, chance)
    del data[start : start + chance.choice((1, 2, 8, 64, 512))]


def repeat(data: bytearray, chance: random.Random, _: bytes) -> None:
    start = _place(data, chance)
    part = data[start : start + chance.choice((1, 4, 64, 1024))]
    data[start:start] = part * chance.choice((1, 2, 50))


def splice(data: bytearray, chance: random.Random, other: bytes) -> None:
    start, length = _place(data, chance), chance.choice((4, 64, 1024))
    at = chance.randrange(len(other))
    data[start : start + length] = other[at : at + length]


def blank(data: bytearray, chance: random.Random, _: bytes) -> None:
    start = _place(data, chance)
    length = min(len(data) - start, chance.choice((4, 64, 1024)))
    data[start : start + length] = bytes([chance.choice((0, 255))]) * length


Mutation = Callable[[bytearray, random.Random, bytes], None]
MUTATIONS: tuple[Mutation, ...] = (
    flip,
    overwrite,
    number,
    cut,
    cut_and_close,
    remove,
    repeat,
    splice,
    blank,
)


def with_right_checksums(data: bytearray) -> bytearray:
    """A PNG whose chunks say that they are sound, so that what is in them is decoded."""
    position = 8
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 8 + length
        if end + 4 > len(data):
            break
        data[end : end + 4] = zlib.crc32(data[position + 4 : end]).to_bytes(4, "big")
        position = end + 4
    return data


def resident() -> int:
    """Bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def check(result: object) -> FileStatus:
    """That a result is one of the two honest ones; its status."""
    if isinstance(result, PreparedImage):
        assert result.pixels.shape == SHAPE.axes
        assert result.row.status is FileStatus.OK
        assert result.row.error == ""
        return FileStatus.OK
    assert result.status is not FileStatus.OK
    assert result.error
    assert result.error.isprintable() or not result.error.isascii(), result.error
    assert "\n" not in result.error
    return result.status


def fuzz(count: int, seed: int, folder: Path) -> dict[str, object]:
    """Run the mutants; what happened, and what the process held after a fifth and at the end."""
    pool = WorkerPool()
    resources = Resources(MemoryBudget(256 << 20), pool)
    path = folder / "mutant"
    statuses: Counter[str] = Counter()
    odd, slowest = [], 0.0
    after_warm_up = None
    for index, data in enumerate(mutants(count, seed)):
        path.write_bytes(data)
        started = time.monotonic()
        result = prepare(Found(str(path).encode()), SHAPE, LIMITS, resources)
        slowest = max(slowest, time.monotonic() - started)
        status = check(result)
        statuses[status.value] += 1
        error = getattr(result, "error", "")
        if status is FileStatus.TOO_SLOW or any(sign in error for sign in SIGNS_OF_A_BUG):
            odd.append([index, error])
            (folder / f"odd-{index}").write_bytes(data)
        if index == count // 5:
            after_warm_up = (resident(), descriptors(), threading.active_count())
    at_end = (resident(), descriptors(), threading.active_count())
    pool.cancel()
    assert after_warm_up is not None
    return {
        "mutants": count,
        "seed": seed,
        "statuses": dict(statuses),
        "odd": odd,
        "slowest_s": round(slowest, 3),
        "memory_growth_mb": round((at_end[0] - after_warm_up[0]) / 1e6, 1),
        "descriptors": [after_warm_up[1], at_end[1]],
        "threads": [after_warm_up[2], at_end[2]],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutants", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    print(f"seed {arguments.seed}, the mutant under way is {folder / 'mutant'}", flush=True)
    print(json.dumps(fuzz(arguments.mutants, arguments.seed, folder)))
