"""Conversion of original picture files to the files of a prepared data set, on all cores."""

import hashlib
import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from trustthepixels.infer.errors import ImageError, one_line
from trustthepixels.infer.images.decode import ImageHeader, decode
from trustthepixels.infer.results import FileStatus
from trustthepixels.infer.system.cores import available_cores

from .request import PictureFiles
from .sources.source import Candidate

_SUFFIXES = {"JPEG": ".jpg"}
"""Suffixes of formats whose name in lower case is not the usual one."""


@dataclass(frozen=True, slots=True)
class ConvertedPicture:
    """A picture as a file of the data set, with facts about its original.

    Attributes:
        content: bytes of the file. A JPEG is RGB, upright, without any metadata.
        suffix: end of the file's name, with the dot.
        header: size in pixels after EXIF orientation, and format.
        original_bytes: size of the original file.
        digest: SHA-256 of the original file, hex.
    """

    content: bytes
    suffix: str
    header: ImageHeader
    original_bytes: int
    digest: str


def convert(
    candidate: Candidate, files: PictureFiles, quality: int
) -> ConvertedPicture | ImageError:
    """Decode a picture as every other part of the project does; then keep it, or make a JPEG.

    Args:
        candidate: the picture.
        files: kind of file to write.
        quality: quality of a JPEG file, 1 to 100.

    Raises:
        InputError: the source as a whole can no longer be read.
    """
    try:
        data = candidate.read()
    except OSError as error:
        return ImageError(FileStatus.UNREADABLE, error.strerror or one_line(error))
    except ImageError as error:
        return error
    try:
        decoded = decode(data)
    except ImageError as error:
        return error
    if files is PictureFiles.ORIGINAL:
        content = data
        suffix = _SUFFIXES.get(decoded.header.format, f".{decoded.header.format.lower()}")
    else:
        try:
            content, suffix = _jpeg(decoded.image, quality), _SUFFIXES["JPEG"]
        except (OSError, ValueError) as error:
            reason = f"cannot be written as JPEG: {one_line(error)}"
            return ImageError(FileStatus.UNSUPPORTED, reason)
    digest = hashlib.sha256(data).hexdigest()
    return ConvertedPicture(content, suffix, decoded.header, len(data), digest)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    # A comment or profile of the original would reveal the class.
    image.info = {}
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def convert_all(
    candidates: Iterable[Candidate], files: PictureFiles, quality: int
) -> Iterator[tuple[Candidate, ConvertedPicture | ImageError]]:
    """Run ``convert`` on every core that this process may use: in order, a few pictures ahead."""
    workers = available_cores()
    ahead: deque[tuple[Candidate, Future[ConvertedPicture | ImageError]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="convert")
    try:
        for candidate in candidates:
            ahead.append((candidate, pool.submit(convert, candidate, files, quality)))
            if len(ahead) > 2 * workers:
                first, future = ahead.popleft()
                yield first, future.result()
        while ahead:
            first, future = ahead.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
