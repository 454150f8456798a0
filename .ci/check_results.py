"""Check a scan of the examples: one sound row for every picture, in order, with real verdicts."""

import csv
import sys
from pathlib import Path

results, examples = Path(sys.argv[1]), Path(sys.argv[2])
with results.open(newline="", encoding="utf-8") as stream:
    rows = list(csv.DictReader(stream))
pictures = sorted(path for path in examples.rglob("*") if path.suffix in {".jpg", ".webp"})
assert [Path(row["path"]).name for row in rows] == [path.name for path in pictures], rows
right = 0
for row, picture in zip(rows, pictures, strict=True):
    assert row["status"] == "ok", row
    assert row["verdict"] in {"ai", "unsure", "real"}, row
    assert 0.0 <= float(row["p_ai"]) <= 1.0, row
    right += (float(row["p_ai"]) >= 0.5) == (picture.parent.name == "AI")
assert len({row["p_ai"] for row in rows}) > len(rows) // 2, "the model answers without looking"
sys.stdout.write(f"{results}: {len(rows)} rows, {right} on the right side of 0.5\n")
