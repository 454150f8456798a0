"""The Python API: every way to hand over a picture gives the same verdict."""

import errno
import io
import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from tiny_model import expected_p_ai, write_tiny_model

from trustthepixels.infer import Detector
from trustthepixels.infer.errors import (
    ImageError,
    InputError,
    ModelError,
    ProviderError,
    UsageError,
)
from trustthepixels.infer.images.decode import Limits, decode, decode_image
from trustthepixels.infer.images.limits import DecodeSize
from trustthepixels.infer.images.preprocess import resize
from trustthepixels.infer.model.session import open_session
from trustthepixels.infer.results import FileStatus, VerdictLabel
from trustthepixels.infer.scan.options import ScanOptions


@pytest.fixture
def detector(tiny_model) -> Detector:
    return Detector(tiny_model)


class TestPredict:
    def test_path_bytes_picture_and_pixels_give_the_same_verdict(self, detector, example):
        verdict = detector.predict(example)
        assert detector.predict(str(example)) == verdict
        assert detector.predict(example.read_bytes()) == verdict
        with Image.open(example) as picture:
            assert detector.predict(picture) == verdict
            assert detector.predict(np.asarray(picture.convert("RGB"))) == verdict

    def test_the_verdict_is_the_model_s_on_the_resized_picture(self, detector, example):
        pixels = resize(decode(example.read_bytes()).image)
        expected = expected_p_ai(pixels[np.newaxis])[0]
        assert detector.predict(example).p_ai == pytest.approx(expected, abs=2e-5)

    def test_real_pictures_get_different_verdicts(self, detector, examples):
        labels = {detector.predict(path).label for path in sorted(examples.glob("*/*"))}
        assert labels == set(VerdictLabel)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_a_turned_picture_gives_one_verdict_however_it_is_handed_over(
        self, detector, tmp_path, orientation
    ):
        path = turned_photograph(tmp_path, orientation)
        verdict = detector.predict(path)
        assert detector.predict(path.read_bytes()) == verdict
        with Image.open(path) as picture:
            assert detector.predict(picture) == verdict
        upright = decode(path.read_bytes()).image
        assert detector.predict(np.asarray(upright)) == verdict
        assert detector.predict(upright) == verdict

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_an_upright_picture_is_not_turned_again(self, tmp_path, orientation):
        upright = decode(turned_photograph(tmp_path, orientation).read_bytes()).image
        assert np.array_equal(np.asarray(decode_image(upright).image), np.asarray(upright))

    def test_a_pillow_picture_is_left_as_it_was(self, detector, tmp_path):
        with Image.open(turned_photograph(tmp_path, 6)) as picture:
            size, orientation = picture.size, picture.getexif()[0x0112]
            detector.predict(picture)
            assert picture.size == size
            assert picture.getexif()[0x0112] == orientation

    def test_a_pillow_picture_with_alpha_is_put_on_white(self, detector):
        clear = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
        assert detector.predict(clear) == detector.predict(Image.new("RGB", (50, 50), "white"))

    @pytest.mark.parametrize(
        "pixels",
        [
            np.zeros((10, 10), np.uint8),
            np.zeros((10, 10, 4), np.uint8),
            np.zeros((10, 10, 3), np.float32),
            np.zeros((1, 10, 10, 3), np.uint8),
        ],
        ids=["grey", "rgba", "float", "batch"],
    )
    def test_pixels_of_another_kind_are_an_error_that_says_which_are_right(self, detector, pixels):
        with pytest.raises(InputError, match=r"uint8 of shape \(height, width, 3\)"):
            detector.predict(pixels)

    def test_no_pixels_at_all_are_an_image_error(self, detector):
        with pytest.raises(ImageError):
            detector.predict(np.zeros((0, 5, 3), np.uint8))

    def test_pixels_in_any_memory_order_are_taken(self, detector):
        noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        turned = np.asfortranarray(noise)
        assert detector.predict(turned) == detector.predict(noise)

    @pytest.mark.parametrize(
        ("content", "status"),
        [
            (b"", FileStatus.NOT_AN_IMAGE),
            (b"hello", FileStatus.NOT_AN_IMAGE),
            (b"\xff\xd8\xff\xe0", FileStatus.TRUNCATED),
        ],
    )
    def test_what_is_no_picture_is_an_image_error_with_its_status(self, detector, content, status):
        with pytest.raises(ImageError) as caught:
            detector.predict(content)
        assert caught.value.status is status

    @pytest.mark.parametrize("method", ["predict", "decode", "provenance"])
    @pytest.mark.parametrize("name", ["gone.jpg", "file/gone.jpg", "link.jpg", "caf\udce9\n.jpg"])
    def test_a_missing_file_is_python_s_own_error_and_a_typed_one(
        self, detector, tmp_path, method, name
    ):
        (tmp_path / "file").touch()
        (tmp_path / "link.jpg").symlink_to("nothing")
        path = tmp_path / name
        with pytest.raises(FileNotFoundError) as caught:
            getattr(detector, method)(path)
        error = caught.value
        assert isinstance(error, ImageError)
        assert error.status is FileStatus.MISSING
        assert os.fspath(error.filename) == os.fspath(path)
        assert error.errno in (errno.ENOENT, errno.ENOTDIR)
        assert str(error).startswith(f"missing: '{tmp_path}/")
        assert len(str(error).splitlines()) == 1

    def test_limits_hold_for_every_kind_of_input(self, tiny_model, example):
        detector = Detector(tiny_model, limits=Limits(max_pixels=100))
        with Image.open(example) as picture:
            inputs = [example, example.read_bytes(), picture, np.asarray(picture.convert("RGB"))]
            for image in inputs:
                with pytest.raises(ImageError) as caught:
                    detector.predict(image)
                assert caught.value.status is FileStatus.TOO_LARGE


class TestConstruction:
    def test_the_spec_is_the_model_s(self, detector):
        assert detector.spec.name == "tiny"

    def test_an_operating_point_or_a_threshold_decides(self, tiny_model, examples):
        path = examples / "Real" / "bear-plushie.jpg"
        p_ai = Detector(tiny_model).predict(path).p_ai
        assert 0.6 < p_ai < 0.8
        assert Detector(tiny_model).predict(path).label is VerdictLabel.UNSURE
        loose = Detector(tiny_model, false_positive_rate=0.05)
        assert loose.predict(path).label is VerdictLabel.AI
        assert Detector(tiny_model, threshold=p_ai).predict(path).label is VerdictLabel.AI

    def test_without_unsure_there_are_two_verdicts(self, tiny_model, examples):
        rows = list(Detector(tiny_model, unsure=False).scan(examples))
        assert {row.verdict.label for row in rows} == {VerdictLabel.AI, VerdictLabel.REAL}

    def test_a_device_that_cannot_be_had_is_an_error(self, tiny_model):
        with pytest.raises(ProviderError):
            Detector(tiny_model, "openvino")

    @pytest.mark.parametrize("options", [{"device": "tpu"}, {"threads": 0}, {"threshold": 2.0}])
    def test_options_that_make_no_sense(self, tiny_model, options):
        with pytest.raises(UsageError):
            Detector(tiny_model, **options)

    def test_a_missing_model_is_an_error(self, tmp_path):
        with pytest.raises(ModelError):
            Detector(tmp_path / "gone.onnx")


class TestScan:
    def test_gives_the_verdicts_of_predict_in_the_order_of_the_walk(self, detector, examples):
        rows = list(detector.scan(examples))
        assert [row.path for row in rows] == sorted(row.path for row in rows)
        assert len(rows) == 18
        for row in rows:
            assert row.verdict == detector.predict(row.path)

    def test_of_a_large_jpeg_predict_and_scan_see_the_same_pixels(self, tiny_model, tmp_path):
        path = tmp_path / "large.jpg"
        # White points on black: a full decode clips what a scaled one has averaged before.
        points = np.random.default_rng(3).random((2700, 2800)) < 0.1
        Image.fromarray(points.astype(np.uint8) * 255).save(path)
        verdicts = []
        for decode_size in DecodeSize:
            detector = Detector(tiny_model, limits=Limits(decode_size=decode_size))
            (row,) = detector.scan(path)
            assert row.verdict == detector.predict(path) == detector.predict(path.read_bytes())
            assert (row.width, row.height) == (2800, 2700)
            verdicts.append(row.verdict)
        assert verdicts[0] != verdicts[1]

    def test_takes_one_path_several_or_an_iterator(self, detector, examples):
        one = list(detector.scan(str(examples)))
        assert list(detector.scan([examples])) == one
        assert list(detector.scan(path for path in [examples / "AI", examples / "Real"])) == one

    def test_a_bad_file_is_a_row(self, detector, tmp_path):
        (tmp_path / "bad.jpg").write_bytes(b"not a picture")
        (row,) = detector.scan(tmp_path / "bad.jpg")
        assert row.status is FileStatus.NOT_AN_IMAGE
        assert row.verdict is None

    def test_shares_the_threads_as_the_scan_command_does_unless_it_is_told_how(
        self, tiny_model, examples, monkeypatch
    ):
        threads = []

        def open_one(model, device, count):
            threads.append(count)
            return open_session(model, device, count)

        monkeypatch.setattr("trustthepixels.infer.detector.open_session", open_one)
        detector = Detector(tiny_model, "cpu", threads=5)
        first, second = (list(detector.scan(examples)) for _ in range(2))
        assert threads == [5, 2]
        assert first == second == list(detector.scan(examples, ScanOptions()))
        assert threads == [5, 2]

    @pytest.mark.parametrize(
        ("threads", "scans", "sessions"),
        [
            # The detector's own session serves scans with its threads.
            (1, [None, ScanOptions(batch_size=2)], 1),
            (2, [ScanOptions(), ScanOptions(operator_threads=2)], 1),
            # A second one serves all scans with other threads, whatever their batches.
            (2, [ScanOptions(operator_threads=1, batch_size=size) for size in (1, 2, 4)], 2),
            (2, [ScanOptions(operator_threads=1), ScanOptions(), None], 2),
        ],
    )
    def test_opens_no_model_that_is_open(
        self, tiny_model, examples, monkeypatch, threads, scans, sessions
    ):
        opened = []
        real = onnxruntime.InferenceSession

        def counted(*arguments, **options):
            opened.append(arguments)
            return real(*arguments, **options)

        monkeypatch.setattr(onnxruntime, "InferenceSession", counted)
        detector = Detector(tiny_model, "cpu", threads=threads)
        found = [list(detector.scan(examples / "Real", options)) for options in scans]
        assert all(rows == found[0] and len(rows) == 9 for rows in found)
        assert len(opened) == sessions

    def test_can_be_left_early(self, detector, examples):
        rows = detector.scan(examples)
        assert next(rows).status is FileStatus.OK
        rows.close()

    def test_a_model_that_gives_nan_is_refused_before_any_file(self, tmp_path):
        from tiny_model import NAN_WEIGHTS

        model = write_tiny_model(tmp_path / "nan.onnx", NAN_WEIGHTS)
        with pytest.raises(ModelError, match="not a probability"):
            Detector(model)


def turned_photograph(folder: Path, orientation: int) -> Path:
    rows, columns = np.mgrid[0:48, 0:64]
    picture = Image.fromarray(np.stack([rows * 5, columns * 3, rows], axis=2).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    picture.save(stream, "JPEG", exif=exif)
    path = folder / f"turned-{orientation}.jpg"
    path.write_bytes(stream.getvalue())
    return path
