"""The scan's stages together: order, isolation, bounded memory, and that it always ends."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_model import with_input_size

from trustthepixels.infer.errors import ProviderError
from trustthepixels.infer.model.spec import ModelSpec
from trustthepixels.infer.model.verdicts import VerdictRule
from trustthepixels.infer.results import FileStatus, ScanRow, Verdict, VerdictLabel
from trustthepixels.infer.scan import prepare
from trustthepixels.infer.scan.options import ScanOptions
from trustthepixels.infer.scan.pipeline import in_order, scan_rows

RULE = VerdictRule(ai=0.8, real=0.4)
SMALL = ScanOptions(batch_size=4, decode_threads=2, batch_buffers=2, queue_size=4, window=8)


@dataclass
class Brightness:
    """A classifier without ONNX Runtime: the mean of all pixel values, as a share of white."""

    spec: ModelSpec = field(default_factory=lambda: with_input_size(8, 8))
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    during_run: Callable[[], None] = lambda: None

    def run(self, images):
        self.shapes.append(images.shape)
        self.during_run()
        return (images.mean(axis=(1, 2, 3)) / 255).astype(np.float32)


def picture(path: Path, grey: int = 128, size: tuple[int, int] = (80, 70)) -> Path:
    """One grey with a lighter and a darker half, so that a verdict on it is not doubted."""
    image = Image.new("RGB", size, (grey,) * 3)
    height = size[1]
    contrast = min(grey, 255 - grey, 20)
    image.paste((grey + contrast,) * 3, (0, 0, size[0], height // 2))
    image.paste((grey - contrast,) * 3, (0, height - height // 2, size[0], height))
    image.save(path)
    return path


def scan(*roots: Path | str, classifier=None, options: ScanOptions = SMALL) -> list[ScanRow]:
    names = [os.fsencode(root) for root in roots]
    return list(scan_rows(names, classifier or Brightness(), RULE, options))


def scan_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("scan-")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty pictures, from black to white, and the user stands beside them."""
    monkeypatch.chdir(tmp_path)
    for number in range(30):
        picture(tmp_path / f"{number:02}.png", grey=number * 255 // 29)
    return tmp_path


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    yield
    assert scan_threads() == []


class TestRows:
    def test_there_is_a_row_for_each_file_in_the_order_of_the_walk(self, folder):
        rows = scan(".")
        assert [row.path for row in rows] == [f"{number:02}.png" for number in range(30)]
        assert [row.status for row in rows] == [FileStatus.OK] * 30

    def test_a_row_tells_what_the_file_is_and_how_it_is_judged(self, folder):
        picture(folder / "x.jpg", grey=235, size=(90, 70))
        row = scan("x.jpg")[0]
        assert row.verdict.p_ai == pytest.approx(235 / 255, abs=0.01)
        assert row == ScanRow(
            path="x.jpg",
            status=FileStatus.OK,
            verdict=Verdict(VerdictLabel.AI, row.verdict.p_ai),
            width=90,
            height=70,
            format="JPEG",
            bytes=(folder / "x.jpg").stat().st_size,
        )

    def test_verdicts_follow_the_rule(self, folder):
        for row in scan("."):
            assert row.verdict == RULE(row.verdict.p_ai, row.verdict.doubt)

    def test_a_verdict_can_be_checked_with_the_digits_that_the_row_shows(self, folder):
        class JustBelow(Brightness):
            def run(self, images):
                return np.full(len(images), 0.79999998, np.float32)

        verdict = scan("15.png", classifier=JustBelow())[0].verdict
        assert verdict == Verdict(VerdictLabel.AI, 0.8)

    def test_width_and_height_are_those_of_the_upright_picture(self, folder):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (30, 20)).save("x.jpg", exif=exif)
        row = scan("x.jpg")[0]
        assert (row.width, row.height) == (20, 30)

    def test_the_content_decides_what_a_file_is(self, folder):
        Path("00.png").rename("wrong.jpg")
        assert scan("wrong.jpg")[0].format == "PNG"

    def test_a_name_that_is_not_utf8_is_carried_as_surrogates_whatever_the_locale(self, folder):
        Path("00.png").rename("caf\udce9.png")
        assert scan(b"caf\xe9.png")[0].path == "caf\udce9.png"

    def test_an_empty_folder_has_no_rows(self, tmp_path):
        assert scan(tmp_path) == []

    @settings(deadline=None, max_examples=20)
    @given(
        batch_size=st.integers(1, 40),
        decode_threads=st.integers(1, 5),
        batches_in_flight=st.integers(1, 3),
        batch_buffers=st.integers(1, 3),
        queue_size=st.integers(1, 40),
        window=st.integers(1, 40),
    )
    def test_no_size_of_any_stage_changes_a_row(self, tmp_path_factory, **sizes):
        folder = tmp_path_factory.getbasetemp() / "mixed"
        if not folder.exists():
            folder.mkdir()
            for number in range(30):
                picture(folder / f"{number:02}.png", grey=number * 8)
            for number in range(0, 30, 3):
                (folder / f"{number:02}.png").write_bytes(b"no image")
        assert scan(folder, options=ScanOptions(**sizes)) == scan(folder)


class TestBatches:
    def test_the_first_picture_goes_alone_and_the_last_batch_holds_the_rest(self, folder):
        classifier = Brightness()
        scan(".", classifier=classifier)
        assert classifier.shapes == [(1, 8, 8, 3), *[(4, 8, 8, 3)] * 7, (1, 8, 8, 3)]

    def test_the_first_row_waits_for_no_full_batch_if_a_later_file_is_decoded_first(self, folder):
        classifier = Brightness()
        options = replace(SMALL, batch_size=10, window=100, batches_in_flight=2)
        scan(".", classifier=classifier, options=options)
        assert sorted(shape[0] for shape in classifier.shapes) == [1, 1, 8, 10, 10]

    def test_full_batches_are_waited_for(self, folder):
        classifier = Brightness()
        scan(".", classifier=classifier, options=replace(SMALL, batch_size=10, window=100))
        assert [shape[0] for shape in classifier.shapes] == [1, 10, 10, 9]

    def test_two_batches_are_in_flight_at_once(self, folder):
        both_run = threading.Barrier(2, timeout=30)

        class Meeting(Brightness):
            def run(self, images):
                both_run.wait()
                return super().run(images)

        # Two pictures alone, 14 and 14.
        options = replace(SMALL, batch_size=14, window=100, batches_in_flight=2)
        assert scan(".", classifier=Meeting(), options=options) == scan(".")

    def test_a_thread_that_finds_a_half_empty_batch_taken_goes_on(self, folder):
        options = replace(SMALL, batch_size=1000, window=5, batches_in_flight=3)
        assert scan(".", options=options) == scan(".")

    def test_pictures_that_wait_for_company_do_not_hold_up_the_rest(self, folder):
        for number in range(1, 30):
            Path(f"{number:02}.png").write_bytes(b"no image")
        # The first row holds back all others, and the window is full before its batch is.
        assert len(scan(".", options=replace(SMALL, batch_size=30, window=4))) == 30

    def test_rows_come_while_the_source_of_files_is_silent(self, folder):
        more = threading.Event()

        def slow_source():
            yield b"00.png"
            yield b"01.png"
            more.wait()
            yield b"02.png"

        rows = scan_rows(slow_source(), Brightness(), RULE, SMALL)
        assert [next(rows).path, next(rows).path] == ["00.png", "01.png"]
        more.set()
        assert [row.path for row in rows] == ["02.png"]


class TestBadFiles:
    def test_a_bad_file_is_a_row_and_leaves_its_neighbours_as_they_are(self, folder):
        before = scan(".")
        Path("13.png").write_bytes(b"no image")
        Path("14.png").write_bytes(Path("14.png").read_bytes()[:60])
        Path("15.png").unlink()
        os.mkfifo("15.png")
        Path("16.png").write_bytes(b"")
        after = scan(".")
        bad = {13, 14, 15, 16}
        assert [after[n].status for n in sorted(bad)] == [
            FileStatus.NOT_AN_IMAGE,
            FileStatus.TRUNCATED,
            FileStatus.UNREADABLE,
            FileStatus.NOT_AN_IMAGE,
        ]
        assert all(after[n].verdict is None and after[n].error for n in bad)
        assert [after[n] for n in range(30) if n not in bad] == [
            before[n] for n in range(30) if n not in bad
        ]

    def test_a_file_over_a_limit_is_a_row_with_what_the_header_says(self, folder):
        options = replace(SMALL, limits=replace(SMALL.limits, max_pixels=5599))
        row = scan("00.png", options=options)[0]
        assert (row.status, row.width, row.height) == (FileStatus.TOO_LARGE, 80, 70)
        options = replace(SMALL, limits=replace(SMALL.limits, max_bytes=10))
        row = scan("00.png", options=options)[0]
        assert (row.status, row.bytes) == (FileStatus.TOO_LARGE, Path("00.png").stat().st_size)

    def test_a_path_that_the_walk_cannot_pass_is_a_row(self, folder):
        rows = scan("missing", "00.png")
        assert [(row.path, row.status) for row in rows] == [
            ("missing", FileStatus.MISSING),
            ("00.png", FileStatus.OK),
        ]

    @pytest.mark.parametrize(
        ("error", "status"),
        [(MemoryError(), FileStatus.TOO_LARGE), (NotADirectoryError("odd"), FileStatus.CORRUPT)],
    )
    def test_whatever_a_decoder_raises_is_a_row(self, folder, monkeypatch, error, status):
        real_decode = prepare.decode_to_size

        def decode(content, *arguments):
            if content.data == odd:
                raise error
            return real_decode(content, *arguments)

        odd = Path("07.png").read_bytes()
        monkeypatch.setattr(prepare, "decode_to_size", decode)
        rows = scan(".")
        assert [number for number, row in enumerate(rows) if row.status is status] == [7]
        assert rows[7].bytes == len(odd)


class TestBounds:
    def test_the_walk_does_not_run_ahead_of_the_rows(self, folder):
        asked = []
        roots = (asked.append(n) or b"%02d.png" % n for n in range(30))
        rows = scan_rows(roots, Brightness(), RULE, SMALL)
        for taken in range(1, 31):
            next(rows)
            # One more is in the walker's hands.
            assert len(asked) <= taken + SMALL.window + 1
        rows.close()

    def test_rows_are_put_in_order_and_a_lost_one_is_noticed(self):
        rows = [ScanRow(str(number), FileStatus.CORRUPT) for number in range(5)]
        numbered = [[(2, rows[2]), (0, rows[0])], [(1, rows[1])], [], [(4, rows[4]), (3, rows[3])]]
        assert list(in_order(numbered)) == rows
        with pytest.raises(RuntimeError, match="row 3 was lost"):
            list(in_order([*numbered[:3], [(4, rows[4])]]))


class TestTheEnd:
    def test_nothing_starts_before_the_first_row_is_asked_for(self, folder):
        scan_rows([b"."], Brightness(), RULE, SMALL)
        assert scan_threads() == []

    def test_closing_early_ends_all_threads(self, folder):
        rows = scan_rows([b"."], Brightness(), RULE, SMALL)
        next(rows)
        assert len(scan_threads()) >= 1
        rows.close()
        assert scan_threads() == []

    def test_closing_ends_a_decode_thread_that_waits_for_a_slow_model(self, folder):
        entered, leave = threading.Event(), threading.Event()

        def block():
            entered.set()
            leave.wait()

        classifier = Brightness(during_run=block)
        rows = scan_rows([b"missing", b"."], classifier, RULE, SMALL)
        next(rows)
        entered.wait()
        rows.close()
        assert scan_threads() == ["scan-classify"]
        leave.set()
        for thread in threading.enumerate():
            if thread.name.startswith("scan-"):
                thread.join()

    def test_a_model_that_fails_ends_the_scan_with_its_error(self, folder):
        class Failing(Brightness):
            def run(self, images):
                if len(self.shapes) == 2:
                    raise ProviderError("out of memory")
                return super().run(images)

        rows = scan_rows([b"."], Failing(), RULE, SMALL)
        with pytest.raises(ProviderError, match="out of memory"):
            list(rows)

    def test_a_source_of_files_that_fails_ends_the_scan_with_its_error(self, folder):
        def source():
            yield b"00.png"
            raise OSError("the list broke off")

        with pytest.raises(OSError, match="the list broke off"):
            scan_rows_to_the_end(source())

    def test_a_failure_in_a_decode_thread_ends_the_scan_with_its_error(self, folder, monkeypatch):
        def fail(*_arguments):
            raise SystemError("broken")

        monkeypatch.setattr("trustthepixels.infer.scan.decoding.threads.prepare", fail)
        with pytest.raises(SystemError, match="broken"):
            scan(".")


def scan_rows_to_the_end(roots) -> list[ScanRow]:
    return list(scan_rows(roots, Brightness(), RULE, SMALL))
