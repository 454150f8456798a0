"""File names of every kind, from the disk through the real command and back to the same bytes."""

import csv
import io
import json
import os
import shutil
from pathlib import Path

import pytest
from scanning import parse, run

from trustthepixels.infer.output.rows import unescape_path

NAMES = [
    b"plain.jpg",
    b"line\nfeed.jpg",
    b"carriage\rreturn.jpg",
    b"\ttab.jpg",
    b'quote".jpg',
    b"comma,.jpg",
    b";semicolon.jpg",
    b"'apostrophe.jpg",
    b"back\\slash.jpg",
    b"\\x41.jpg",
    b"\\.jpg",
    *(sign + b"1+1.jpg" for sign in (b"=", b"+", b"-", b"@", b"\t=", b"\r=")),
    "\N{FULLWIDTH EQUALS SIGN}1.jpg".encode(),
    b"\x1b[31m\x07\x08\x7f.jpg",
    b"\xff\xfe\x80.jpg",
    b"\xc3.jpg",
    b"\xed\xa0\x80.jpg",
    "\u202egpj.exe\u2066\u2028\u2029\u0085\ufeff.jpg".encode(),
    "עברית.jpg".encode(),
    "🏳️‍🌈👩‍👩‍👧.jpg".encode(),
    "e\u0301.jpg".encode(),
    "\u00e9.jpg".encode(),
    b" leading and trailing .jpg",
    b"x" * 251 + b".jpg",
    "ü".encode() * 125 + b"x.jpg",
    b"\n" * 251 + b".jpg",
    b"--out.jpg",
    b"%s%n$(id)`id`.jpg",
]


@pytest.fixture
def folder(tmp_path: Path, examples: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One picture under all names, and once more at the end of a path over 4,096 bytes."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in NAMES:
        shutil.copy(examples / "Real" / "chelsea.jpg", os.fsencode(folder) + b"/" + name)
    content = (examples / "Real" / "chelsea.jpg").read_bytes()
    at = os.open(".", os.O_RDONLY)
    for letter in "abcdefghijklmnopqr":
        os.mkdir(letter * 250, dir_fd=at)
        deeper = os.open(letter * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = deeper
    descriptor = os.open("deep\n.jpg", os.O_WRONLY | os.O_CREAT, dir_fd=at)
    os.write(descriptor, content)
    os.close(descriptor)
    os.close(at)
    return folder


DEEP = b"/".join(letter.encode() * 250 for letter in "abcdefghijklmnopqr") + b"/deep\n.jpg"
EXPECTED = sorted([*NAMES, DEEP], key=lambda path: path.split(b"/"))


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", "de_DE.ISO-8859-1"])
def test_csv_and_json_lines_give_every_name_back_in_any_locale(folder, tiny_model, locale):
    environment = {**os.environ, "LC_ALL": locale, "LANG": locale, "PYTHONUTF8": "0"}
    arguments = ("--out", "-", "--model", tiny_model)
    code, output, errors = run(".", *arguments, env=environment)
    assert code == 0, errors
    assert len(DEEP) > 4096
    rows = parse(output)
    assert [unescape_path(row["path"]) for row in rows] == EXPECTED
    assert {row["verdict"] for row in rows} == {rows[0]["verdict"]}
    for cell in (cell for row in rows for cell in row.values()):
        assert cell[:1] not in tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
        assert cell.isprintable() or "\u200d" in cell
    code, output, _ = run(".", *arguments, "--format", "jsonl", env=environment)
    assert code == 0
    values = [json.loads(line)["path"] for line in output.splitlines()]
    assert [unescape_path(value) for value in values] == EXPECTED
    assert values == [row["path"] for row in rows]


def test_any_reader_of_csv_sees_one_line_for_each_row(folder, tiny_model):
    run(".", "--out", "rows.csv", "--model", tiny_model, "--quiet")
    text = Path("rows.csv").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 1 + len(EXPECTED)
    assert len(list(csv.reader(io.StringIO(text), strict=True))) == 1 + len(EXPECTED)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_reaches_the_terminal_raw(name, capsys):
    from trustthepixels.infer.system.terminal import note

    note(f"error: {os.fsdecode(name)}")
    shown = capsys.readouterr().err
    assert shown.endswith("\n")
    assert shown.count("\n") == 1
    assert shown[:-1].isprintable() or "\u200d" in shown
