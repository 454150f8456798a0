"""The function of docs/scale.md for Spark, Dask and Daft, without a cluster."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pandas

from trustthepixels.infer import Detector

SCALE = Path(__file__).parents[2] / "docs" / "scale.md"


def test_frames_get_the_rows_of_a_scan(run_command, examples, tmp_path):
    block = re.search(r"<!-- test: frames -->\n```python\n(.*?)```", SCALE.read_text(), re.S)
    assert block
    names = {"Detector": Detector, "pandas": pandas}
    exec(block[1], names)
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in sorted((examples / "Real").glob("*.jpg"))[:5]:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    assert run_command("scan-folder", folder, "--out", "rows.csv", "--quiet").returncode == 1
    with (tmp_path / "cwd" / "rows.csv").open(newline="") as file:
        scanned = list(csv.DictReader(file))

    def frames() -> Iterator[pandas.DataFrame]:
        paths = [row["path"] for row in scanned]
        for some in (paths[:4], paths[4:]):
            content = [Path(path).read_bytes() for path in some]
            yield pandas.DataFrame({"path": some, "content": content})

    judged = pandas.concat(names["judged"](frames()), ignore_index=True)
    assert len(judged) == len(scanned) == 6
    for (_, row), expected in zip(judged.iterrows(), scanned, strict=True):
        assert (row["path"], row["status"]) == (expected["path"], expected["status"])
        has_verdict = not pandas.isna(row["p_ai"])
        verdict = (row["verdict"], f"{row['p_ai']:.6f}") if has_verdict else ("", "")
        assert verdict == (expected["verdict"], expected["p_ai"])
