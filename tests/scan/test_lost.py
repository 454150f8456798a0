"""A share or disk that goes away while it is scanned."""

import os

import pytest

from trustthepixels.infer.errors import ExitCode, SourceLostError
from trustthepixels.infer.files.read import is_lost, os_failure
from trustthepixels.infer.results import FileStatus, ScanRow, Verdict, VerdictLabel
from trustthepixels.infer.scan.lost import while_present

FINE = ScanRow("photos/fine.jpg", FileStatus.OK, Verdict(VerdictLabel.REAL, 0.1))
STALE = ScanRow("photos/x.jpg", FileStatus.VANISHED, error="ESTALE: Stale file handle")
UNLISTED = ScanRow(
    "photos/sub",
    FileStatus.UNREADABLE,
    error="the folder cannot be listed: ENOTCONN: Transport endpoint is not connected",
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()


@pytest.mark.parametrize("lost", [STALE, UNLISTED])
def test_many_lost_files_in_a_row_end_the_scan_without_their_rows(lost):
    rows = while_present([FINE, lost, FINE, *[lost] * 1000])
    assert [next(rows) for _ in range(3)] == [FINE, lost, FINE]
    with pytest.raises(SourceLostError, match="the last 50 files cannot be read") as caught:
        next(rows)
    assert caught.value.exit_code is ExitCode.SOURCE_LOST


def test_a_few_keep_their_rows_in_their_place():
    rows = [FINE, STALE, UNLISTED, FINE, STALE]
    assert list(while_present(rows)) == rows


def test_a_few_at_the_end_whose_folder_is_lost_too_end_the_scan(monkeypatch):
    def stale(*_arguments, **_options):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(os, "stat", stale)
    with pytest.raises(SourceLostError):
        list(while_present([FINE, STALE]))


@pytest.mark.parametrize(("number", "lost"), [(116, True), (107, True), (5, True), (13, False)])
def test_errors_of_one_file_are_none_of_a_share(number, lost):
    failure = os_failure(b"x", OSError(number, os.strerror(number)))
    assert is_lost(failure.reason) == lost


def test_a_decoder_that_speaks_of_one_is_not_believed():
    assert not is_lost("broken data in EIO stream")
