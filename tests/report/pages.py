"""Rows and pages for the tests of the report."""

import base64
import io
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

from PIL import Image

from trustthepixels.infer.choices import RowFormat
from trustthepixels.infer.output.rows import Columns, encode_row, header
from trustthepixels.infer.results import (
    FileStatus,
    Origin,
    OriginGrade,
    Provenance,
    ScanRow,
    Verdict,
    VerdictLabel,
)

VOID = frozenset({"meta", "img", "br", "line", "rect"})


def write_rows(path: Path, rows, row_format=RowFormat.CSV, columns=Columns.USUAL) -> Path:
    """Write a finished output."""
    lines = [header(row_format, columns), *(encode_row(row, row_format, columns) for row in rows)]
    path.write_bytes(b"".join(lines))
    return path


def judged(path: str, p_ai: float, label: str, **values) -> ScanRow:
    """A row with a verdict."""
    verdict = Verdict(VerdictLabel(label), p_ai)
    sizes = {"width": 64, "height": 64, "format": "JPEG", "bytes": 1000}
    return ScanRow(path, FileStatus.OK, verdict, **(sizes | values))


def stating(path: str, p_ai: float, label: str, origin: str, grade: str) -> ScanRow:
    """A row of a file that states an origin."""
    tokens = ("xmp:trainedAlgorithmicMedia",) if origin else ()
    provenance = Provenance(Origin(origin), OriginGrade(grade), tokens)
    return judged(path, p_ai, label, provenance=provenance)


@dataclass
class Picture:
    """An ``li`` of a contact sheet."""

    section: str
    href: str = ""
    src: str = ""
    alt: str = ""
    text: str = ""

    @property
    def path(self) -> bytes:
        """The linked path."""
        return unquote_to_bytes(self.href)

    @property
    def image(self) -> Image.Image:
        """The thumbnail."""
        kind, _, content = self.src.partition(",")
        assert kind == "data:image/webp;base64"
        return Image.open(io.BytesIO(base64.b64decode(content, validate=True)))


@dataclass
class Page(HTMLParser):
    """A page, taken apart; it fails on elements that are not closed."""

    text: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    words: str = ""

    def __post_init__(self):
        super().__init__()
        self.open: list[str] = []
        self.feed(self.text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append((tag, values))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.sections.append(values["aria-labelledby"])
        if tag == "li" and self.sections and self.sections[-1] != "failed":
            self.pictures.append(Picture(self.sections[-1]))
        elif tag == "li" and self.sections:
            self.failures.append("")
        if self.pictures and "section" in self.open and "li" in self.open:
            self.pictures[-1].href = values.get("href", self.pictures[-1].href)
            if tag == "img":
                self.pictures[-1].src, self.pictures[-1].alt = values["src"], values["alt"]

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.words += data
        if "li" in self.open and self.failures:
            self.failures[-1] += data
        elif "li" in self.open and self.pictures:
            self.pictures[-1].text += data

    def of(self, section: str) -> list[Picture]:
        """The pictures of one contact sheet."""
        return [picture for picture in self.pictures if picture.section == section]

    @property
    def counts(self) -> dict[str, int]:
        """The counts of verdicts on top."""
        found = re.findall(r"</span>(ai|unsure|real|failed)<b>([\d,]+)</b>", self.text)
        return {name: int(count.replace(",", "")) for name, count in found}


def read_page(path: Path) -> Page:
    return Page(path.read_text("utf-8"))
