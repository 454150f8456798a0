"""The report in a real browser: its looks, its keyboard, its policy, its document tree."""

import os
import shutil
from pathlib import Path

import pytest
from report.browser import (
    SCHEMES,
    SIZES,
    browser,
    faults,
    is_wider_than_its_window,
    keep_screenshot,
    overlaps,
)
from report.pages import judged, stating, write_rows

from trustthepixels.infer.choices import RowFormat
from trustthepixels.infer.output.rows import Columns
from trustthepixels.infer.results import FileStatus, ScanRow

pytestmark = [pytest.mark.browser]

HOSTILE = (
    "<script>document.title = 'taken'<\\x2fscript>.jpg",
    '"><img src=x onerror="document.title=\'taken\'">.jpg',
    "' onmouseover='document.title=1.jpg",
    "<!-- .jpg",
    "]]><style>*{display:none}<\\x2fstyle>.jpg",
    "a\nb\r\n.jpg",
    "\u202egpj.exe.jpg",
    "\u05d0\u05d1\u05d2 \u0627\u0628\u062c.jpg",
    "javascript:document.title='taken'.jpg",
    "&lt;b&gt;&amp;.jpg",
    "\u0301" * 80 + ".jpg",
)


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path, examples) -> Path:
    shutil.copytree(examples, tmp_path / "cwd" / "photos", dirs_exist_ok=True)
    return tmp_path / "cwd"


@pytest.fixture
def page_file(run_command, folder) -> Path:
    """A page with every kind of section, and with gone and changed pictures."""
    done = run_command("scan-folder", "photos", "--out", "rows.csv", "--fpr", "0.05", "--quiet")
    assert done.returncode == 0
    rows = [
        stating("photos/AI/portrait-f3.jpg", 0.12, "real", "ai", "signed"),
        stating("photos/Real/gone.jpg", 0.96, "ai", "camera", "intact"),
        stating("photos/Real/astronaut.jpg", 0.5, "unsure", "other", "claimed"),
        judged("photos/tiny.jpg", 0.6, "unsure", note="doubt: a side of fewer than 64 pixels"),
        *(judged(f"photos/AI/{one.name}", 0.9, "ai") for one in (folder / "photos/AI").iterdir()),
        *(
            judged(f"photos/Real/{one.name}", 0.1, "real")
            for one in (folder / "photos/Real").iterdir()
        ),
        judged("photos/" + "long-name-" * 20 + "/" + "x" * 200 + ".jpg", 0.85, "ai"),
        ScanRow("photos/bad.jpg", FileStatus.CORRUPT, error="checksum of its data is wrong " * 20),
        ScanRow("photos/" + "y" * 4000, FileStatus.UNREADABLE, error="EACCES: Permission denied"),
    ]
    write_rows(folder / "all.csv", rows, RowFormat.CSV, Columns.WITH_PROVENANCE)
    done = run_command("trustthepixels", "report", "all.csv", "--out", "page.html")
    assert done.returncode == 0, done.stderr
    return folder / "page.html"


def opened(chromium, file: Path, width: int = 1440, scheme: str = "light"):
    """A tab with the file, and the messages of its console."""
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    tab = context.new_page()
    messages: list[str] = []
    tab.on("console", lambda message: messages.append(message.text))
    tab.on("pageerror", lambda error: messages.append(str(error)))
    tab.on("dialog", lambda dialog: messages.append(dialog.message))
    tab.goto(file.as_uri())
    return tab, messages


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_overlaps_and_axe_finds_no_serious_fault(
    chromium, page_file, tmp_path, width, scheme
):
    tab, messages = opened(chromium, page_file, width, scheme)
    keep_screenshot(tab, f"report-{width}-{scheme}.png", tmp_path)
    assert overlaps(tab) == []
    assert not is_wider_than_its_window(tab)
    assert messages == []
    assert faults(tab) == []
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(background.partition("(")[2].split(",")[0])
    assert (red > 200) is (scheme == "light")
    tab.context.close()


def test_overlapping_texts_would_be_found(chromium, tmp_path):
    file = tmp_path / "page.html"
    file.write_text("<p>first text</p><p style='margin-top:-30px'>second text</p>")
    tab, _ = opened(chromium, file)
    assert overlaps(tab) == [("first text", "second text")]
    tab.context.close()


def test_all_thumbnails_are_drawn(chromium, page_file):
    tab, _ = opened(chromium, page_file)
    sizes = tab.evaluate("[...document.images].map(one => [one.complete, one.naturalWidth])")
    assert len(sizes) > 20
    assert all(is_complete and width > 0 for is_complete, width in sizes)
    tab.context.close()


def test_the_policy_forbids_loading_and_script(chromium, page_file):
    tab, messages = opened(chromium, page_file)
    tab.evaluate(
        """() => {
          document.body.append(Object.assign(new Image(), {src: 'photos/AI/portrait-f3.jpg'}));
          const script = document.createElement('script');
          script.textContent = "document.title = 'taken'";
          document.body.append(script);
        }"""
    )
    tab.wait_for_timeout(200)
    assert len([one for one in messages if "Content Security Policy" in one]) == 2
    assert tab.title() == "Scan of photos"
    tab.context.close()


def test_every_link_is_reached_by_the_keyboard_and_seen(chromium, page_file):
    tab, _ = opened(chromium, page_file)
    links = tab.evaluate("document.links.length")
    reached = []
    for _ in range(links):
        tab.keyboard.press("Tab")
        state = (
            "[document.activeElement.href, getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.append(tab.evaluate(state))
    assert len({tuple(one) for one in reached}) == len(
        set(tab.evaluate("[...document.links].map(one => one.href)"))
    )
    assert {style for _, style in reached} == {"solid"}
    tab.context.close()


def test_a_link_opens_its_picture(chromium, page_file):
    tab, _ = opened(chromium, page_file)
    tab.locator("#likeliest").locator("..").locator("a.photo").first.click()
    tab.wait_for_load_state()
    assert tab.url.startswith(page_file.parent.as_uri() + "/photos/")
    tab.context.close()


def test_it_prints_on_white_without_overlaps(chromium, page_file):
    tab, _ = opened(chromium, page_file, scheme="dark")
    tab.emulate_media(media="print")
    assert overlaps(tab) == []
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert tab.pdf().startswith(b"%PDF")
    tab.context.close()


def test_hostile_names_cannot_leave_their_place(run_command, folder, chromium, tiny_model):
    source = (folder / "photos" / "Real" / "coffee.jpg").read_bytes()
    shutil.rmtree(folder / "photos")
    (folder / "photos").mkdir()
    for name in HOSTILE:
        (folder / "photos" / name).write_bytes(source)
    deep = folder / "photos"
    while len(os.fsencode(deep.relative_to(folder))) < 3_700:
        deep /= "<b>" * 30
    deep.mkdir(parents=True)
    (deep / "deep.jpg").write_bytes(source)
    (folder / "photos" / "<h1>bad.jpg").write_bytes(b"<script>document.title='taken'</script>")
    scan = ("scan-folder", "photos", "--out", "rows.csv", "--report", "page.html")
    assert run_command(*scan, "--model", tiny_model).returncode == 1
    tab, messages = opened(chromium, folder / "page.html", 390)
    assert tab.title() == "Scan of photos"
    assert messages == []
    elements = tab.evaluate("[...document.querySelectorAll('*')].map(one => one.localName)")
    expected = {
        *("html", "head", "meta", "title", "style", "body", "header", "div", "h1", "bdi", "dl"),
        *("dt", "dd", "b", "main", "p", "ul", "li", "span", "small", "h2", "svg", "desc", "rect"),
        *("line", "text", "nav", "a", "section", "img"),
    }
    assert set(elements) == expected
    assert elements.count("h1") == elements.count("style") == elements.count("title") - 1 == 1
    pictures = len(HOSTILE) + 1
    assert elements.count("img") == tab.evaluate("document.querySelectorAll('.sheet > li').length")
    assert elements.count("img") >= pictures
    handlers = """[...document.querySelectorAll('*')].flatMap(
        one => one.getAttributeNames().filter(name => name.startsWith('on')))"""
    assert tab.evaluate(handlers) == []
    protocols = "[...new Set([...document.links].map(one => one.protocol))]"
    assert tab.evaluate(protocols) == ["file:"]
    # Marks that turn the direction of writing are escaped, so no name reads in another order.
    assert "\u202e" not in tab.evaluate("document.body.innerText")
    assert not is_wider_than_its_window(tab)
    assert overlaps(tab) == []
    tab.context.close()
