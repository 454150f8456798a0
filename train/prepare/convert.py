"""Conversion of original picture files to the JPEG files of a prepared data set, on all cores."""

import hashlib
import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from trustthepixels.infer.errors import ImageError, one_line
from trustthepixels.infer.images.decode import ImageHeader, decode
from trustthepixels.infer.results import FileStatus
from trustthepixels.infer.system.cores import available_cores

from .source import Candidate


@dataclass(frozen=True, slots=True)
class ConvertedPicture:
    """A picture as JPEG, with facts about its original.

    Attributes:
        jpeg: RGB, upright, without any metadata.
        header: size in pixels after EXIF orientation, and format.
        original_bytes: size of the original file.
        digest: SHA-256 of the original file, hex.
    """

    jpeg: bytes
    header: ImageHeader
    original_bytes: int
    digest: str


def convert(candidate: Candidate, quality: int) -> ConvertedPicture | ImageError:
    """Decode a picture as every other part of the project does, and encode it as JPEG.

    Args:
        candidate: the picture.
        quality: quality of the JPEG file, 1 to 100.

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
    # A comment or profile of the original would reveal the class.
    decoded.image.info = {}
    stream = io.BytesIO()
    try:
        decoded.image.save(stream, "JPEG", quality=quality)
    except (OSError, ValueError) as error:
        return ImageError(FileStatus.UNSUPPORTED, f"cannot be written as JPEG: {one_line(error)}")
    digest = hashlib.sha256(data).hexdigest()
    return ConvertedPicture(stream.getvalue(), decoded.header, len(data), digest)


def convert_all(
    candidates: Iterable[Candidate], quality: int
) -> Iterator[tuple[Candidate, ConvertedPicture | ImageError]]:
    """Run ``convert`` on every core that this process may use: in order, a few pictures ahead."""
    workers = available_cores()
    ahead: deque[tuple[Candidate, Future[ConvertedPicture | ImageError]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="convert")
    try:
        for candidate in candidates:
            ahead.append((candidate, pool.submit(convert, candidate, quality)))
            if len(ahead) > 2 * workers:
                first, future = ahead.popleft()
                yield first, future.result()
        while ahead:
            first, future = ahead.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
