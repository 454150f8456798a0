"""A labelled picture looks to training, calibration and export as it does to a scan."""

from pathlib import Path

import numpy as np
import pytest
from labelled_pictures import EXAMPLES
from PIL import Image

from trustthepixels.infer.errors import InputError
from trustthepixels.infer.files.walk import Found
from trustthepixels.infer.images.decode import decode
from trustthepixels.infer.images.limits import DEFAULT_LIMITS
from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.images.preprocess import resize
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.scan.prepare import PreparedImage, prepare
from trustthepixels.train.data.manifest import Sample
from trustthepixels.train.pictures.batches import in_batches, views_of_sample
from trustthepixels.train.pictures.crops import Shown
from trustthepixels.train.pictures.dataset import PictureDataset
from trustthepixels.train.pictures.kept_views import keep_views
from trustthepixels.train.pictures.load import load_pixels

SIZE = (64, 64)
SHAPE = InputShape(*SIZE)


def sample_of(path: Path) -> Sample:
    return Sample(path, path.name, "real", "", path.name)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A JPEG so large that a scan decodes it at a fraction of its size."""
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("large") / "large.jpg"
    Image.fromarray(noise).resize((3000, 3000)).save(path, quality=85)
    return sample_of(path)


def scanned(sample: Sample) -> PixelArray:
    prepared = prepare(Found(str(sample.path).encode()), SHAPE, DEFAULT_LIMITS)
    assert isinstance(prepared, PreparedImage)
    return prepared.pixels


def test_what_is_not_changed_is_what_a_scan_sees(large: Sample) -> None:
    seen = scanned(large)
    in_full = resize(decode(large.path.read_bytes()).image, SIZE)
    assert not np.array_equal(seen, in_full), "the picture is too small to tell the two apart"

    assert np.array_equal(PictureDataset([large], SHAPE)[0][0], seen)
    assert np.array_equal(keep_views([large], SHAPE, None, 2, seed=0)[0, 1], seen)
    assert np.array_equal(load_pixels(large.path, SHAPE), seen)
    assert np.array_equal(views_of_sample(large, Shown.WHOLE, SIZE)[0], seen)
    assert np.array_equal(views_of_sample(large, Shown.BOTH, SIZE)[0], seen)


def test_a_damaged_picture_is_refused_with_its_name(tmp_path: Path) -> None:
    data = (EXAMPLES / "Real" / "coffee.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])

    for view in (Shown.WHOLE, Shown.CROP):
        with pytest.raises(InputError, match=r"cannot use .*cut\.jpg"):
            views_of_sample(sample_of(tmp_path / "cut.jpg"), view, SIZE)


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 20, 21, 23])
def test_batches_come_in_order_and_are_full_but_for_the_last(count: int) -> None:
    samples = [sample_of(Path(str(number))) for number in range(count)]

    batches = list(in_batches(samples, lambda sample: sample.file, 7, threads=3))

    assert [file for batch in batches for file in batch] == [sample.file for sample in samples]
    assert [len(batch) for batch in batches[:-1]] == [7] * (len(batches) - 1)
    assert all(batches)


def test_no_more_than_two_batches_are_decoded_ahead() -> None:
    started: list[str] = []
    samples = [sample_of(Path(str(number))) for number in range(50)]

    batches = in_batches(samples, lambda one: started.append(one.file), 5, threads=2)
    next(batches)

    assert len(started) <= 16
