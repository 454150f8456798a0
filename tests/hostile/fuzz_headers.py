"""The parsers that see a file first, or the rows of an earlier run, under a guided fuzzer.

``python fuzz_headers.py TARGET [libFuzzer options] [folder of seeds]``; needs ``atheris``.
"""

import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["trustthepixels.infer"]):
    from trustthepixels.infer.choices import RowFormat
    from trustthepixels.infer.errors import OutputError
    from trustthepixels.infer.images import orientation as exif
    from trustthepixels.infer.images.formats import containers, pillow, registry
    from trustthepixels.infer.images.formats.strict_jpeg import markers as jpeg_structure
    from trustthepixels.infer.images.limits import Limits
    from trustthepixels.infer.isolation import policy as placement
    from trustthepixels.infer.output import reader as kept_rows
    from trustthepixels.infer.output import run_identity as resume
    from trustthepixels.infer.output.rows import header

STARTS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\0\0\0\0WEBPVP8X",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"BM",
    b"\0\0\0\x18ftypavif",
)


def check_container(data: bytes) -> None:
    for start in (b"", *STARTS):
        content = start + data
        encoded = registry.identify(content)
        registry.foreign_format(content)
        assert pillow.is_cut_short(encoded) in (True, False)
        for format in registry.FORMATS:
            assert "\n" not in format.damage(content)
        containers.webp_size(content)


def check_jpeg_structure(data: bytes) -> None:
    for content in (data, b"\xff\xd8" + data):
        structure = jpeg_structure.read_markers(content)
        assert 0 <= structure.width <= 0xFFFF
        assert structure.scans <= structure.markers
        assert jpeg_structure.read_markers(content, 2).markers <= 2
        sound = jpeg_structure.regular(content, structure)
        assert len(sound) <= len(content) + 8


def check_exif(data: bytes) -> None:
    for content in (data, b"Exif\0\0II*\0" + data, b"MM\0*" + data):
        assert exif.exif_orientation(content) in (None, *range(1, 9))
        assert exif.pictures_in_mpo(content) >= 0
    assert exif.xmp_orientation(b"tiff:Orientation" + data) in (None, *range(1, 9))


def check_placement(data: bytes) -> None:
    for start in STARTS:
        assert placement.needs_worker(registry.identify(start + data), Limits()) in (True, False)


def check_rows(data: bytes) -> None:
    for row_format in RowFormat:
        for content in (data, header(row_format) + data, header(row_format) + ROW + data):
            descriptor = os.memfd_create("rows")
            try:
                os.write(descriptor, content)
                kept = kept_rows.kept_rows(descriptor, "rows", row_format)
                paths = list(kept_rows.kept_paths(descriptor, kept, row_format))
                assert kept.size <= len(content)
                assert len(paths) == kept.verdicts.total()
            except OutputError as error:
                assert "\n" not in str(error)
            finally:
                os.close(descriptor)


ROW = b"a.jpg,ok,ai,0.9,1,1,JPEG,1,,\r\n"


def check_resume(data: bytes) -> None:
    rows = Path(FOLDER.name, "rows")
    for content in (data, b'{"model": ' + data + b"}"):
        Path(resume.state_path(str(rows))).write_bytes(content)
        identity = resume.read_identity(str(rows))
        if identity is not None:
            assert identity.difference(identity) == ""
            assert resume.RunIdentity({}).difference(identity).count("\n") == 0


FOLDER = tempfile.TemporaryDirectory()


TARGETS = {
    "container": check_container,
    "jpeg_structure": check_jpeg_structure,
    "exif": check_exif,
    "placement": check_placement,
    "rows": check_rows,
    "resume": check_resume,
}


def write_seeds(folder: Path) -> None:
    """Beginnings of real files, for the fuzzer to start from."""
    from fuzz import seeds

    for number, group in enumerate(seeds()):
        (folder / f"seed-{number}").write_bytes(group[0][:4096])


if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders:
        write_seeds(folders[0])
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
