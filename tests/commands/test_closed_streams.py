"""Whatever standard descriptors are closed, only rows get into the rows."""

import itertools
from pathlib import Path

import pytest
from scanning import SCAN_FOLDER, parse, run

CLOSED = [
    " ".join(streams)
    for count in range(4)
    for streams in itertools.combinations(["<&-", ">&-", "2>&-"], count)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that decoders and the scanner have something to say about."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (tmp_path / "photos" / "bad.tif").write_bytes(b"II*\0\x08\0\0\0\xff\xff")
    (tmp_path / "photos" / "\x1b[31m.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path


def shell(closed: str) -> list[str]:
    return ["bash", "-c", f'exec "$@" {closed}', "bash", *SCAN_FOLDER]


@pytest.mark.slow
@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize("row_format", ["csv", "jsonl"])
def test_with_rows_in_a_file(folder, tiny_model, closed, row_format):
    code, output, _ = run(
        *("photos", "--out", "rows", "--format", row_format, "--model", tiny_model),
        command=shell(closed),
        cwd=folder,
    )
    assert (code, output) == (1, b"")
    lines = (folder / "rows").read_bytes().splitlines()
    assert len(lines) == 3 + (row_format == "csv")
    assert all(b"photos/" in line for line in lines[-3:])
    assert sorted(path.name for path in folder.iterdir()) == ["photos", "rows", "tiny.onnx"]


@pytest.mark.slow
@pytest.mark.parametrize("closed", CLOSED)
def test_with_rows_on_standard_output(folder, tiny_model, closed):
    code, output, errors = run(
        "photos", "--out", "-", "--model", tiny_model, command=shell(closed), cwd=folder
    )
    if " >&-" in f" {closed}":
        assert (code, output) == (2, b"")
    else:
        assert code == 1
        assert len(parse(output)) == 3
    assert "\x1b" not in errors


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-"])
def test_with_both_on_one_stream_that_is_closed_for_errors(folder, tiny_model, closed):
    code, output, errors = run(
        "photos", "--out", "-", "--model", tiny_model, command=shell(closed), cwd=folder
    )
    assert (code, errors, len(parse(output))) == (1, "", 3)
