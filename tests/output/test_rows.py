"""Rows as bytes: valid CSV and JSON lines whatever the names, which come back to the last byte."""

import csv
import dataclasses
import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sample_rows import BAD, BAD_LINE, GOOD, GOOD_LINE, HEADER

from trustthepixels.infer.choices import RowFormat
from trustthepixels.infer.output.rows import (
    COLUMNS,
    decode_row,
    encode_row,
    escape_path,
    header,
    unescape_path,
)
from trustthepixels.infer.results import FileStatus, ScanRow, Verdict, VerdictLabel

anything = st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "ignore")))
file_names = st.one_of(
    anything,
    st.tuples(
        st.sampled_from([b"=", b"+", b"-", b"@", b"./", b"././", b"\\", b"\t"]), anything
    ).map(b"".join),
).map(lambda name: name.replace(b"\0", b""))


def text(path: bytes) -> str:
    """A path as rows carry it."""
    return path.decode("utf-8", "surrogateescape")


def parse(line: bytes) -> dict[str, str]:
    (values,) = csv.reader(io.StringIO(line.decode(), newline=""), strict=True)
    return dict(zip(COLUMNS, values, strict=True))


class TestCsv:
    def test_the_columns(self):
        assert header(RowFormat.CSV) == HEADER

    def test_a_good_file(self):
        assert encode_row(GOOD, RowFormat.CSV) == GOOD_LINE

    def test_a_bad_file_has_no_verdict_but_a_reason(self):
        assert encode_row(BAD, RowFormat.CSV) == BAD_LINE

    def test_what_was_read_of_a_bad_file_is_told(self):
        row = ScanRow("x.jpg", FileStatus.TOO_LARGE, None, 9, 8, "PNG", 7, "72 pixels, limit 1")
        assert encode_row(row, RowFormat.CSV) == (
            b'x.jpg,too_large,,,9,8,PNG,7,"72 pixels, limit 1",\r\n'
        )

    def test_probabilities_have_six_decimals(self):
        for p_ai, written in ((0.0, "0.000000"), (1.0, "1.000000"), (1e-6, "0.000001")):
            row = ScanRow("x", FileStatus.OK, Verdict(VerdictLabel.REAL, p_ai))
            assert parse(encode_row(row, RowFormat.CSV))["p_ai"] == written

    def test_quotes_and_commas_are_quoted(self):
        row = ScanRow('a "b", c.jpg', FileStatus.OK)
        assert encode_row(row, RowFormat.CSV).startswith(b'"a ""b"", c.jpg",ok,')

    @given(file_names)
    def test_any_name_gives_one_line_of_valid_csv(self, name):
        line = encode_row(ScanRow(text(name), FileStatus.OK), RowFormat.CSV)
        assert line.endswith(b"\r\n")
        assert line.decode().splitlines() == [line.decode()[:-2]]
        assert unescape_path(parse(line)["path"]) == name


class TestJsonLines:
    def test_there_is_no_header(self):
        assert header(RowFormat.JSONL) == b""

    def test_the_same_columns_with_null_where_csv_is_empty(self):
        assert list(json.loads(encode_row(GOOD, RowFormat.JSONL))) == list(COLUMNS)
        assert json.loads(encode_row(BAD, RowFormat.JSONL)) == {
            "path": "b.jpg",
            "status": "vanished",
            "verdict": None,
            "p_ai": None,
            "width": None,
            "height": None,
            "format": None,
            "bytes": None,
            "error": "ENOENT: No such file or directory",
            "note": None,
        }

    @given(file_names)
    def test_any_name_gives_one_line_of_valid_json(self, name):
        line = encode_row(ScanRow(text(name), FileStatus.OK), RowFormat.JSONL)
        assert line.decode().splitlines() == [line.decode()[:-1]]
        assert unescape_path(json.loads(line)["path"]) == name


class TestNames:
    @given(file_names)
    @example(b"\\x41")
    @example(b"./=1")
    @example(b"././=1")
    @example("\N{FULLWIDTH EQUALS SIGN}1".encode())
    def test_the_bytes_of_any_path_come_back(self, name):
        assert unescape_path(escape_path(text(name))) == name

    @given(st.lists(file_names, unique=True, min_size=2))
    def test_different_paths_look_different(self, names):
        assert len({escape_path(text(name)) for name in names}) == len(names)

    @given(file_names)
    def test_nothing_in_a_path_acts_on_a_terminal(self, name):
        for character in escape_path(text(name)):
            assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
            assert unicodedata.bidirectional(character) not in {
                *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"),
            }

    @given(file_names)
    def test_no_path_starts_a_formula(self, name):
        assert not re.match("[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]", escape_path(text(name)))

    def test_a_path_that_starts_like_a_formula_is_still_a_path_to_the_file(self, tmp_path):
        (tmp_path / "=1.jpg").touch()
        assert (tmp_path / escape_path("=1.jpg")).exists()

    @pytest.mark.parametrize(
        "name", ["a b.jpg", "café/日本語.jpg", "🏳️‍🌈👩‍👩‍👧.png", "עברית.jpg", "a,b'c\"d"]
    )
    def test_ordinary_names_in_any_script_stay_as_they_are(self, name):
        assert escape_path(name) == name

    def test_an_error_that_quotes_the_file_is_made_harmless(self):
        row = ScanRow("x", FileStatus.CORRUPT, error="=1+\x1b[31m\n\udcff")
        assert parse(encode_row(row, RowFormat.CSV))["error"] == "error: =1+\\x1b[31m\\x0a\\xff"

    def test_so_is_a_note(self):
        row = ScanRow("x", FileStatus.OK, note="=1\n")
        assert parse(encode_row(row, RowFormat.CSV))["note"] == "note: =1\\x0a"


class TestBack:
    @pytest.mark.parametrize("row_format", list(RowFormat))
    @given(name=file_names, words=st.text(), p_ai=st.integers(0, 10**6))
    def test_a_row_comes_back_from_its_texts(self, row_format, name, words, p_ai):
        verdict = Verdict(VerdictLabel.UNSURE, p_ai / 10**6)
        row = ScanRow(text(name), FileStatus.OK, verdict, 4, 3, "PNG", 99, note=words)
        line = encode_row(row, row_format)
        values = list(
            json.loads(line).values() if row_format is RowFormat.JSONL else parse(line).values()
        )
        back = decode_row(["" if value is None else str(value) for value in values])
        assert back.path.encode("utf-8", "surrogateescape") == name
        assert encode_row(back, row_format) == line


class TestTable:
    def test_readme_lists_the_columns_in_their_order(self):
        readme = Path(__file__).parents[2] / "README.md"
        _, _, table = readme.read_text(encoding="utf-8").partition("| column | content |\n")
        rows = table.partition("\n\n")[0].splitlines()[1:]
        listed = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
        assert tuple(listed) == COLUMNS
        statuses = next(row for row in rows if row.startswith("| `status`"))
        assert [FileStatus(name) for name in re.findall(r"`(\w+)`", statuses)[1:]] == [*FileStatus]

    def test_each_column_but_the_verdict_shows_the_field_of_its_name(self):
        fields = {field.name for field in dataclasses.fields(ScanRow)}
        assert set(COLUMNS) - fields == {"p_ai"}
        assert fields - set(COLUMNS) == {"provenance"}
