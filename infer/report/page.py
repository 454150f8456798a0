"""Page of a scan: one HTML file with everything inline, no script, and nothing loaded.

Every text that comes from a file, its name or the command line goes through ``escape``.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote_from_bytes

from ..results import VerdictLabel
from .chart import histogram, largest_bar
from .facts import Facts
from .sheets import Sheet
from .style import page_style
from .tally import Shown, Tally
from .thumbnails import Thumbnail, path_on_disk

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"
_FAILED = "failed"

_LONGEST_NAME, _LONGEST_PATH = 64, 300
"""Characters of a name below a picture, and of a path in a list; the whole path is its title."""


@dataclass(frozen=True, slots=True)
class Places:
    """Paths around a page.

    Attributes:
        rows: path of the rows, as the user typed it.
        page: absolute path of the page.
        folder: folder in which the scan ran; ``None`` for the present one.
    """

    rows: str
    page: str
    folder: str | None = None

    def link(self, row: Shown) -> str:
        """Return the address of a row's file, relative to the page."""
        file = Path(os.fsdecode(path_on_disk(row, self.folder))).absolute()
        relative = os.path.relpath(file, Path(self.page).parent)
        return quote_from_bytes(os.fsencode(relative))


def page_lines(
    tally: Tally,
    facts: Facts,
    all_sheets: Sequence[Sheet],
    thumbnails: Mapping[str, Thumbnail],
    places: Places,
) -> Iterator[str]:
    """Yield the page, in pieces of any length."""
    title = f"Scan of {facts.scanned}"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    yield '<meta name="referrer" content="no-referrer">\n'
    yield f"<title>{escape(title)}</title>\n<style>\n{page_style()}</style>\n</head>\n<body>\n"
    yield from _head(title, tally, facts, places)
    yield "<main>\n"
    yield from _glance(tally, facts)
    yield from _contents(all_sheets, tally)
    for sheet in all_sheets:
        yield from _sheet(sheet, thumbnails, places)
    yield from _failures(tally)
    yield "</main>\n</body>\n</html>\n"


def _head(title: str, tally: Tally, facts: Facts, places: Places) -> Iterator[str]:
    limits = "unknown"
    if facts.rule is not None:
        limits = f"<b>ai</b> from p_ai {facts.rule.ai:.4f}"
        if facts.rule.has_unsure:
            limits += f", <b>real</b> below {facts.rule.real:.4f}, <b>unsure</b> between"
        else:
            limits += ", else <b>real</b>"
    yield '<header><div>\n<div class="brand">TrustThePixels scan</div>\n'
    yield f"<h1><bdi>{escape(title)}</bdi></h1>\n<dl>\n"
    yield f"<dt>rows</dt><dd>{tally.files:,} in <bdi>{escape(places.rows)}</bdi></dd>\n"
    yield f"<dt>model</dt><dd>{escape(facts.model)}</dd>\n<dt>verdicts</dt><dd>{limits}</dd>\n"
    yield "</dl>\n</div></header>\n"


def _glance(tally: Tally, facts: Facts) -> Iterator[str]:
    yield f'<p class="warn" id="limits">{escape(facts.caution)}</p>\n<ul class="counts">\n'
    counts = [(label.value, tally.verdicts[label.value]) for label in VerdictLabel]
    for name, count in [*counts, (_FAILED, tally.verdicts[""])]:
        share = f"{count / tally.files:.1%}" if tally.files else "0 %"
        yield (
            f'<li><span class="dot {name}"></span>{name}<b>{count:,}</b>'
            f"<small>{share.replace('%', ' %')}</small></li>\n"
        )
    yield "</ul>\n"
    if tally.doubts:
        yield (
            f'<p class="soft">Unsure because there is nothing to judge (tiny, almost uniform, text '
            f"or line drawings): {tally.doubts:,}.</p>\n"
        )
    if tally.files > tally.verdicts[""]:
        yield '<h2 id="histogram">Probability of AI generation</h2>\n<div class="card">'
        yield histogram(tally, facts.rule)
        yield (
            f'</div>\n<p class="soft">p_ai of {tally.files - tally.verdicts[""]:,} pictures; the '
            f"largest bar holds {largest_bar(tally):,}. Dashed lines are the limits of the "
            "verdicts.</p>\n"
        )


def _contents(all_sheets: Sequence[Sheet], tally: Tally) -> Iterator[str]:
    links = [(sheet.anchor, sheet.title) for sheet in all_sheets]
    if tally.failed:
        links.append((_FAILED, "Failed files"))
    if links:
        yield '<nav aria-label="Sections"><ul>\n'
        for anchor, title in links:
            yield f'<li><a href="#{anchor}">{title}</a></li>\n'
        yield "</ul></nav>\n"


def _sheet(sheet: Sheet, thumbnails: Mapping[str, Thumbnail], places: Places) -> Iterator[str]:
    yield f'<section aria-labelledby="{sheet.anchor}">\n'
    yield f'<h2 id="{sheet.anchor}">{sheet.title}</h2>\n'
    yield f'<p class="soft">{sheet.text} {len(sheet.rows):,} of {sheet.count:,}.</p>\n'
    yield '<ul class="sheet">\n'
    for row in sheet.rows:
        yield from _picture(row, thumbnails[row.path], places)
    yield "</ul>\n</section>\n"


def _picture(row: Shown, thumbnail: Thumbnail, places: Places) -> Iterator[str]:
    folder, slash, name = row.path.rpartition("/")
    verdict, p_ai = escape(row.verdict), f"{row.p_ai or 0.0:.4f}"
    photo = f'<span class="gone">{escape(thumbnail.remark)}</span>'
    if thumbnail.uri:
        alternative = escape(f"{row.path}: {row.verdict}, p_ai {p_ai}")
        photo = (
            f'<img src="{thumbnail.uri}" width="{thumbnail.width}" height="{thumbnail.height}" '
            f'alt="{alternative}">'
        )
    if thumbnail.is_there:
        photo = f'<a class="photo" href="{escape(places.link(row))}">{photo}</a>'
    else:
        photo = f'<div class="photo">{photo}</div>'
    yield f'<li>{photo}\n<div class="what"><span class="dot {verdict}"></span>{verdict}'
    yield f"<b>{p_ai}</b></div>\n"
    yield f'<bdi class="name" title="{escape(row.path)}">{escape(_short(name))}</bdi>\n'
    if folder:
        yield f"<small><bdi>{escape(_short(folder + slash))}</bdi></small>\n"
    remark = thumbnail.remark if thumbnail.uri else ""
    for text in filter(None, (row.stated, row.note, remark)):
        yield f"<small><bdi>{escape(text)}</bdi></small>\n"
    yield "</li>\n"


def _failures(tally: Tally) -> Iterator[str]:
    if not tally.failed:
        return
    kinds = ", ".join(f"{count:,} {name}" for name, count in tally.statuses.most_common())
    yield f'<section aria-labelledby="{_FAILED}">\n<h2 id="{_FAILED}">Failed files</h2>\n'
    yield f'<p class="soft">These have no verdict: {escape(kinds)}.</p>\n<ul class="failures">\n'
    for row in tally.failed:
        reason = escape(f"{row.status}: {row.error}" if row.error else row.status)
        path = f'<bdi title="{escape(row.path)}">{escape(_short(row.path, _LONGEST_PATH))}</bdi>'
        yield f"<li>{path}<small><bdi>{reason}</bdi></small></li>\n"
    yield "</ul>\n"
    more = tally.verdicts[""] - len(tally.failed)
    if more:
        yield f'<p class="soft">{more:,} more are in the rows.</p>\n'
    yield "</section>\n"


def _short(text: str, longest: int = _LONGEST_NAME) -> str:
    """Return a text without its middle if it is too long."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 1]}…{text[-end:]}"
