"""``--provenance-details``: a file beside the rows, which survives what the rows survive."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sample_rows import GOOD

from trustthepixels.infer.choices import Existing
from trustthepixels.infer.output.details import open_details
from trustthepixels.infer.results import Origin, OriginGrade, Provenance, ScanRow

STATED = Provenance(Origin.AI, OriginGrade.CLAIMED, ("xmp:google-ai",), '["a prompt"]')


def stated(path: str) -> ScanRow:
    return replace(GOOD, path=path, provenance=STATED)


def write(path: Path, existing: Existing, *rows: ScanRow) -> list[str]:
    with open_details(str(path), existing) as details:
        for row in rows:
            details(row)
    return [json.loads(line)["path"] for line in path.read_text().splitlines()]


def test_a_scan_that_fails_at_once_leaves_older_details(tmp_path):
    path = tmp_path / "details.jsonl"
    with pytest.raises(ValueError, match="no model"), open_details(str(path), Existing.REFUSE):
        raise ValueError("no model")
    assert write(path, Existing.REFUSE, stated("a.jpg")) == ["a.jpg"]
    before = path.read_bytes()
    with pytest.raises(ValueError, match="no model"), open_details(str(path), Existing.REPLACE):
        raise ValueError("no model")
    assert path.read_bytes() == before
    assert write(path, Existing.REPLACE, GOOD, stated("b.jpg")) == ["b.jpg"]
    assert write(path, Existing.REPLACE) == []


@pytest.mark.parametrize("existing", [Existing.RESUME, Existing.UPDATE])
@pytest.mark.parametrize("torn", [b"", b'{"path": "b.j', b'{"path": "' + b"x" * 200_000])
def test_a_torn_line_spoils_no_other(tmp_path, existing, torn):
    path = tmp_path / "details.jsonl"
    write(path, Existing.REFUSE, stated("a.jpg"))
    path.write_bytes(path.read_bytes() + torn)
    assert write(path, existing, stated("b.jpg")) == ["a.jpg", "b.jpg"]
    path.write_bytes(torn)
    assert write(path, existing, stated("b.jpg")) == ["b.jpg"]
