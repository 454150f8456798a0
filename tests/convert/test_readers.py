"""The README's one-liners for pandas, polars and DuckDB, on a converted scan."""

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


def one_liners() -> dict[str, str]:
    """The lines of the README by the library that they begin with."""
    block = re.search(r"<!-- test: readers -->\n```python\n(.*?)```", README.read_text(), re.S)
    assert block
    return {line.partition(".")[0]: line for line in block[1].splitlines()}


@pytest.fixture
def converted(run_command, examples, tmp_path, monkeypatch):
    """The verdicts of a scan, where the lines run."""
    scan = ("scan-folder", examples, "--out", "results.csv", "--fpr", "0.05", "--quiet")
    assert run_command(*scan).returncode == 0
    done = run_command("trustthepixels", "convert", "results.csv", "results.parquet")
    assert done.returncode == 0
    monkeypatch.chdir(tmp_path / "cwd")
    lines = Path("results.csv").read_text().splitlines()[1:]
    return [line.split(",")[:4] for line in lines]


def test_there_is_one_line_for_each():
    assert set(one_liners()) == {"pandas", "polars", "duckdb"}


def test_pandas_finds_the_likeliest(converted):
    table = eval(one_liners()["pandas"], {"pandas": import_module("pandas")})
    highest = sorted(converted, key=lambda row: -float(row[3]))[:10]
    assert list(table["path"]) == [row[0] for row in highest]


def test_polars_finds_those_called_ai(converted):
    polars = pytest.importorskip("polars")
    table = eval(one_liners()["polars"], {"polars": polars})
    assert table["path"].to_list() == [row[0] for row in converted if row[2] == "ai"]
    assert len(table) > 0


def test_duckdb_counts_the_verdicts(converted):
    duckdb = pytest.importorskip("duckdb")
    table = eval(one_liners()["duckdb"], {"duckdb": duckdb})
    assert dict(table.fetchall()) == Counter(row[2] for row in converted)
