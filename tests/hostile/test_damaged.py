"""1,508 damaged versions of one photograph: a row for each, and no plain verdict on wrong pixels.

The slow test prints the figures of ``docs/reliability.md``; ``-s`` shows them.
"""

import csv
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from damages import (
    Damaged,
    all_damaged,
    encodings,
    is_visibly_wrong,
    photograph,
    worst_block,
)
from PIL import Image
from tiny_model import write_tiny_model

from trustthepixels.infer.images.decode import decode

ALWAYS_FOUND = {"cut", "zero tail"}
"""Damage that no format may hide."""

CHECKED = {"png", "png 16 bits", "png palette", "png interlaced", "png alpha", "tiff deflate"}
CHECKED |= {"tiff packbits"}
"""Encodings in which any damage is found, by checksums or lengths."""

SEQUENTIAL_JPEG = {"jpeg", "jpeg grey", "jpeg cmyk", "jpeg restarts", "jpeg odd sampling"}

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Outcome:
    """Result of a damaged file; ``wrong`` is a plain verdict on wrong pixels."""

    file: Damaged
    status: str
    wrong: bool


@pytest.fixture(scope="module")
def whole() -> dict[str, tuple[str, bytes]]:
    pytest.importorskip("pillow_heif")
    return encodings()


def outcomes(
    files: Sequence[Damaged], whole: dict[str, tuple[str, bytes]], folder: Path
) -> list[Outcome]:
    """Scan the files with the installed command, and compare the pixels behind plain verdicts."""
    photos, out = folder / "photos", folder / "rows.csv"
    photos.mkdir()
    for file in files:
        (photos / file.name).write_bytes(file.data)
    command = [str(Path(sysconfig.get_path("scripts"), "scan-folder")), ".", "--out", str(out)]
    command += ["--model", str(write_tiny_model(folder / "tiny.onnx")), "--device", "cpu"]
    process = subprocess.run(command, cwd=photos, capture_output=True, text=True, check=False)
    assert process.returncode == 1, process.stderr
    with out.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted(row["path"] for row in rows) == sorted(file.name for file in files)
    by_name = {row["path"]: row for row in rows}
    pictures = {name: decode(data).image for name, (_, data) in whole.items()}
    found = []
    for file in files:
        row = by_name[file.name]
        is_plain = row["status"] == "ok" and not row["note"]
        wrong = is_plain and is_visibly_wrong(decode(file.data).image, pictures[file.encoding])
        found.append(Outcome(file, "note" if row["note"] else row["status"], wrong))
    return found


def unexpected(found: Sequence[Outcome]) -> list[str]:
    """Return the names of wrong verdicts that the manual excludes."""
    return [
        one.file.name
        for one in found
        if one.wrong
        and (
            one.file.damage in ALWAYS_FOUND
            or one.file.encoding in CHECKED
            or (one.file.encoding in SEQUENTIAL_JPEG and one.file.damage == "zeros")
        )
    ]


def test_the_whole_picture_is_right_in_every_encoding(whole):
    assert len(whole) == 26
    for name, (_, data) in whole.items():
        decoded = decode(data)
        assert decoded.note == "", name
        is_grey = name in ("jpeg grey", "png 16 bits")
        expected = photograph().convert("L" if is_grey else "RGB").convert("RGB")
        # A palette shows the picture coarsely, alpha over white more brightly.
        if name not in ("webp alpha", "png alpha"):
            assert worst_block(decoded.image, expected) < 25, name


def test_a_sample_of_damaged_versions(whole, tmp_path):
    found = outcomes(list(all_damaged(whole))[::9], whole, tmp_path)
    assert len(found) == 168
    assert unexpected(found) == []
    assert {one.file.encoding for one in found} == set(whole)


@pytest.mark.slow
def test_all_damaged_versions(whole, tmp_path):
    found = outcomes(list(all_damaged(whole)), whole, tmp_path)
    assert len(found) == 1508
    print("\n" + table(found))
    assert unexpected(found) == []
    # 164 with the encoders of today.
    assert sum(one.wrong for one in found) < 180


def table(found: Sequence[Outcome]) -> str:
    """Return statuses and wrong verdicts by encoding, as lines of text."""
    lines = []
    for encoding in dict.fromkeys(one.file.encoding for one in found):
        own = [one for one in found if one.file.encoding == encoding]
        wrong = Counter(one.file.damage for one in own if one.wrong)
        lines.append(f"{encoding}: {dict(Counter(one.status for one in own))}, wrong {dict(wrong)}")
    statuses = dict(Counter(one.status for one in found))
    return "\n".join([*lines, f"all: {statuses}, wrong {sum(one.wrong for one in found)}"])


def test_a_block_that_differs_is_seen():
    picture = Image.new("RGB", (100, 70), "grey")
    other = picture.copy()
    other.paste("white", (90, 60, 100, 70))
    assert worst_block(picture, picture) == 0
    assert is_visibly_wrong(other, picture)
    assert is_visibly_wrong(picture.resize((99, 70)), picture)
