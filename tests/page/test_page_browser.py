"""The page in Chromium: its pixels and verdicts next to Python's, its looks, its policy."""

import base64
import csv
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from page.cases import clear_cases, plain_cases, printed_case, stored
from page.site import headers_in, real_runtime, served
from PIL import Image
from report.browser import (
    SCHEMES,
    SIZES,
    browser,
    faults,
    is_wider_than_its_window,
    keep_screenshot,
    overlaps,
)
from tiny_model import with_both_views, write_tiny_model

from trustthepixels.infer import Detector
from trustthepixels.infer.images.decode import Unlimited, decode_to_size
from trustthepixels.infer.images.limits import DEFAULT_LIMITS
from trustthepixels.infer.images.shape import InputShape, View
from trustthepixels.infer.output.rows import COLUMNS, decode_row
from trustthepixels.infer.page.write import PageRequest, write_page
from trustthepixels.infer.results import ScanRow

pytestmark = [pytest.mark.browser]

INPUT = """async ([text, height, width, views]) => {
  const { opened, inputOf } = await import("./pixels.js");
  const { formatOf } = await import("./containers.js");
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const picture = await opened(new Blob([bytes]), bytes, formatOf(bytes));
  let out = "";
  for (const value of inputOf(picture, height, width, views)) out += String.fromCharCode(value);
  return [picture.width, picture.height, btoa(out)];
}"""
"""Input of a model as the page makes it of a file in base64."""

TOLERANCE = {"edge": 0.005, "default": 0.03}
"""Difference of ``p_ai``. The default model quantizes in the course of its computation, so that a
last bit of a sum can become a step of eight bits."""


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "site"
    write_page(PageRequest(out=str(folder), runtime=str(real_runtime())))
    return folder


@pytest.fixture(scope="module")
def address(site):
    with served(site, []) as (address, _):
        yield address


@pytest.fixture
def tab(chromium, address):
    tab = chromium.new_page()
    tab.goto(address)
    ready(tab)
    yield tab
    tab.close()


def ready(tab, model: str = "edge") -> None:
    """Wait for a model to be open."""
    tab.locator(f"#state[data-ready='models/{model}.onnx']").wait_for()
    assert tab.locator("#trouble").is_hidden()


def judged(tab, count: int) -> dict[str, ScanRow]:
    """Wait for so many pictures; return the rows of the page's CSV by path."""
    tab.locator("#results > li").nth(count - 1).wait_for(state="attached")
    with tab.expect_download() as download:
        tab.locator("#csv").click()
    text = Path(download.value.path()).read_bytes().decode()
    assert text.count("\r\n") == count + 1
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == COLUMNS
    rows = [decode_row(line) for line in lines]
    return {row.path: row for row in rows}


def given(tab, files: dict[str, bytes]) -> dict[str, ScanRow]:
    """Give files to the page; return its rows."""
    tab.locator("#files").set_input_files(
        [{"name": name, "mimeType": "", "buffer": content} for name, content in files.items()]
    )
    return judged(tab, len(files))


def inputs(tab, data: bytes, shape: InputShape):
    asked = [base64.b64encode(data).decode(), *shape.size, list(shape.views)]
    width, height, text = tab.evaluate(INPUT, asked)
    pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape.axes)
    return (width, height), pixels


def assert_equal_inputs(tab, cases: dict[str, bytes], size: tuple[int, int]) -> None:
    different = {}
    # The first view of two is the one of a model with a single view.
    shape = InputShape(*size, (View.WHOLE, View.PART))
    for name, data in cases.items():
        sides, pixels = inputs(tab, data, shape)
        expected = decode_to_size(data, shape, DEFAULT_LIMITS, Unlimited())
        assert sides == (expected.header.width, expected.header.height), name
        distance = np.abs(pixels.astype(int) - expected.pixels).max()
        if distance:
            different[name] = distance
    assert different == {}


@pytest.mark.parametrize("size", [(160, 160), (224, 224), (96, 200)])
def test_the_input_of_every_example_is_python_s_to_the_last_bit(tab, examples, size):
    files = sorted(path for path in examples.glob("*/*") if path.is_file())
    assert len(files) == 18
    assert_equal_inputs(tab, {path.name: path.read_bytes() for path in files}, size)


def test_turned_grey_palette_and_other_pictures_are_python_s_to_the_last_bit(tab, examples):
    cases = dict(plain_cases(examples))
    assert len(cases) > 50
    assert_equal_inputs(tab, cases, (160, 160))


def test_transparent_and_printed_pictures_are_python_s_to_the_last_bit(tab, examples):
    cases = {**dict(clear_cases(examples)), "cmyk.jpg": printed_case(examples)}
    assert_equal_inputs(tab, cases, (160, 160))


def test_every_shape_is_resized_as_pillow_does(tab):
    random = np.random.default_rng(7)
    cases = {}
    for _ in range(60):
        width, height = (int(side) for side in random.integers(1, 500, 2))
        pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        cases[f"{width}x{height}.bmp"] = stored(Image.fromarray(pixels), "BMP")
    assert_equal_inputs(tab, cases, (96, 120))


@pytest.mark.parametrize("model", ["edge", "default"])
@pytest.mark.parametrize("threads", [1, 2])
def test_verdicts_are_those_of_predict(chromium, site, examples, model, threads):
    files = {p.name: p for p in examples.glob("*/*") if p.is_file()}
    detector = Detector(model, "cpu")
    # A browser allows threads only where the server asks for isolation.
    headers = headers_in(site) if threads == 2 else []
    with served(site, headers) as (address, requests):
        tab = chromium.new_page()
        tab.goto(address)
        ready(tab)
        assert ("one thread" in tab.locator("#state").inner_text()) is (threads == 1)
        assert "GET /models/default.onnx" not in requests
        tab.locator("#model").select_option(f"models/{model}.onnx")
        ready(tab, model)
        rows = given(tab, {name: path.read_bytes() for name, path in files.items()})
        assert rows.keys() == files.keys()
        for name, path in files.items():
            scanned, verdict = detector.row(path), rows[name].verdict
            assert verdict.p_ai == pytest.approx(scanned.verdict.p_ai, abs=TOLERANCE[model])
            assert verdict == detector.rule(verdict.p_ai)
            assert (rows[name].width, rows[name].height) == (scanned.width, scanned.height)
            assert (rows[name].format, rows[name].bytes) == (scanned.format, scanned.bytes)
        tab.close()


def test_a_model_of_two_views_gives_the_rows_of_a_scan(chromium, examples, tmp_path):
    model = write_tiny_model(tmp_path / "both.onnx", spec=with_both_views(64, 80))
    site = tmp_path / "site"
    write_page(PageRequest(out=str(site), runtime=str(real_runtime()), models=(str(model),)))
    photo = Image.open(examples / "Real" / "coffee.jpg")
    # A scan decodes such a file at a half.
    large = stored(photo.resize((1200, 1000)), "JPEG")
    files = {"photo.png": stored(photo, "PNG"), "large.jpg": large}
    with served(site, []) as (address, _):
        tab = chromium.new_page()
        tab.goto(address)
        ready(tab, "both")
        rows = given(tab, files)
        tab.close()
    for row in Detector(model, "cpu").judge(files.items()):
        tolerance = 1e-5 if row.path == "photo.png" else 0.01
        assert rows[row.path].verdict.p_ai == pytest.approx(row.verdict.p_ai, abs=tolerance)


def test_doubts_and_rows_are_those_of_a_scan(tab, examples):
    photo = Image.open(examples / "Real" / "coffee.jpg").convert("RGB")
    page = Image.new("RGB", (400, 500), "white")
    for row in range(10, 480, 33):
        for column in range(8, 380, 28):
            page.paste((0, 0, 0), (column, row, column + 14, row + 9))
    files = {
        "tiny.png": stored(photo.resize((63, 80)), "PNG"),
        "uniform.png": stored(Image.new("RGB", (200, 200), (90, 91, 92)), "PNG"),
        "text.png": stored(page, "PNG"),
        'comma, "quote".png': stored(photo, "PNG"),
        "=formula\\.png": stored(photo, "PNG"),
        "\u202egpj.exe.png": stored(photo, "PNG"),
    }
    rows = given(tab, files)
    scanned = {row.path: row for row in Detector("edge", "cpu").judge(files.items())}
    assert rows.keys() == scanned.keys() == files.keys()
    assert rows["tiny.png"].note.startswith("doubt: a side")
    assert rows["uniform.png"].note == "doubt: almost uniform"
    assert rows["text.png"].note.startswith("doubt: looks like text")
    for name, row in rows.items():
        assert (row.note, row.verdict.label) == (
            scanned[name].note,
            scanned[name].verdict.label,
        )
        assert (row.width, row.height) == (scanned[name].width, scanned[name].height)
    assert tab.locator("#count-failed").inner_text() == "0"


def test_broken_files_are_rows_with_a_reason(tab, examples):
    photo = (examples / "Real" / "coffee.jpg").read_bytes()
    picture = Image.open(io.BytesIO(photo))
    png, webp = stored(picture, "PNG"), stored(picture, "WEBP")
    files = {
        "empty.jpg": b"",
        "text.jpg": b"no picture at all",
        "cut.jpg": photo[: len(photo) // 2],
        "cut.png": png[: len(png) // 2],
        "cut.webp": webp[: len(webp) // 2],
        "cut.gif": stored(picture, "GIF")[:-300],
        "head.jpg": photo[:20] + b"\xff\xd9",
        "damaged.png": png[:200] + bytes(40) + png[240:],
        "page.tiff": stored(picture, "TIFF"),
        "sound.jpg": photo,
    }
    rows = given(tab, files)
    statuses = {name: row.status.value for name, row in rows.items()}
    assert statuses == {
        "empty.jpg": "not_an_image",
        "text.jpg": "not_an_image",
        "cut.jpg": "truncated",
        "cut.png": "truncated",
        "cut.webp": "truncated",
        "cut.gif": "truncated",
        "head.jpg": "corrupt",
        "damaged.png": "corrupt",
        "page.tiff": "unsupported",
        "sound.jpg": "ok",
    }
    for row in rows.values():
        assert bool(row.error) is (row.verdict is None) is (row.status.value != "ok")
    assert tab.locator("#count-failed").inner_text() == "9"
    assert tab.locator("#trouble").is_hidden()


@pytest.fixture
def folder(tmp_path, examples) -> Path:
    """A folder of 200 pictures in sub-folders, and other files."""
    photo = Image.open(examples / "Real" / "chelsea.jpg").convert("RGB")
    for place in range(200):
        inner = tmp_path / "album" / f"year {place % 7}"
        inner.mkdir(parents=True, exist_ok=True)
        photo.rotate(place).resize((120, 90)).save(inner / f"{place:03}.jpg")
    (tmp_path / "album" / "notes.txt").write_text("no picture")
    return tmp_path / "album"


def test_a_folder_of_200_is_judged(tab, folder):
    tab.locator("#folder").set_input_files(folder)
    rows = judged(tab, 200)
    assert rows.keys() == {
        path.relative_to(folder.parent).as_posix() for path in folder.rglob("*.jpg")
    }
    state = tab.locator("#state").inner_text()
    assert state.startswith("200 of 200 pictures judged; 1 files left out")
    total = sum(
        int(tab.locator(f"#count-{kind}").inner_text()) for kind in ("ai", "unsure", "real")
    )
    assert total == 200
    tab.locator("#clear").click()
    assert tab.locator("#results > li").count() == 0
    assert tab.locator("#csv").is_disabled()


def test_a_dropped_folder_is_walked(tab, folder):
    session = tab.context.new_cdp_session(tab)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    assert len(judged(tab, 200)) == 200


def test_another_model_begins_a_new_list(tab, examples):
    photo = (examples / "Real" / "coffee.jpg").read_bytes()
    given(tab, {"a.jpg": photo})
    tab.locator("#model").select_option("models/default.onnx")
    ready(tab, "default")
    assert tab.locator("#results > li").count() == 0
    assert list(given(tab, {"b.jpg": photo})) == ["b.jpg"]


def test_nothing_leaves_the_page(chromium, site, examples):
    with served(site, []) as (address, requests), served(site, []) as (elsewhere, others):
        tab = chromium.new_page()
        messages: list[str] = []
        tab.on("console", lambda message: messages.append(message.text))
        tab.goto(address)
        ready(tab)
        before = list(requests)
        given(tab, {"a.jpg": (examples / "Real" / "coffee.jpg").read_bytes()})
        assert requests == before
        assert all(one.startswith("GET /") for one in requests)
        assert messages == []
        send = "address => fetch(address, {mode: 'no-cors'}).then(() => 'sent', () => 'refused')"
        assert tab.evaluate(send, elsewhere) == "refused"
        assert "Content Security Policy" in " ".join(messages)
        # The page's policy does not bind its workers: they have lost the functions.
        (worker, *_) = tab.workers
        for name in ("fetch", "XMLHttpRequest", "WebSocket", "EventSource", "importScripts"):
            assert worker.evaluate(f"typeof self.{name}") == "undefined"
        assert others == []
        tab.close()


def test_a_missing_file_of_the_site_is_said(chromium, site, tmp_path):
    broken = shutil.copytree(site, tmp_path / "broken")
    (broken / "models" / "edge.onnx").unlink()
    with served(broken, []) as (address, _):
        tab = chromium.new_page()
        tab.goto(address)
        trouble = tab.locator("#trouble")
        trouble.wait_for()
        assert trouble.inner_text() == "models/edge.onnx cannot be loaded (404)"
        tab.close()


def test_a_damaged_model_is_refused(chromium, site, tmp_path):
    broken = shutil.copytree(site, tmp_path / "broken")
    content = (broken / "models" / "edge.onnx").read_bytes()
    damaged, changes = re.subn(rb'"real":0\.\d', b'"real":0.9', content)
    assert changes == 1
    (broken / "models" / "edge.onnx").write_bytes(damaged)
    with served(broken, []) as (address, _):
        tab = chromium.new_page()
        tab.goto(address)
        trouble = tab.locator("#trouble")
        trouble.wait_for()
        assert trouble.inner_text() == "the model's specification is damaged"
        tab.close()


NOISE = """const prototype = OffscreenCanvasRenderingContext2D.prototype;
const read = prototype.getImageData;
prototype.getImageData = function (...values) {
  const image = read.apply(this, values);
  for (let at = 0; at < image.data.length; at += 5) image.data[at] ^= 3;
  return image;
};
"""
"""Noise of browsers against tracking in canvases, in the page and in its worker."""


@pytest.fixture
def noisy_site(site, tmp_path) -> Path:
    noisy = shutil.copytree(site, tmp_path / "noisy")
    (noisy / "noise.js").write_text(NOISE)
    text = (noisy / "pixels.js").read_text()
    (noisy / "pixels.js").write_text('import "./noise.js";\n' + text)
    return noisy


def test_noisy_canvases_change_no_pixel(chromium, noisy_site, examples):
    files = {path.name: path.read_bytes() for path in examples.glob("*/*") if path.is_file()}
    cases = {**files, **dict(plain_cases(examples)), **dict(clear_cases(examples))}
    cases["cmyk.jpg"] = printed_case(examples)
    # Chromium gives neither canvas nor RGB of these.
    refused = {"painting-crowd.webp", "painting-house.webp", "lossy.webp", "plain.avif"}
    with served(noisy_site, []) as (address, _):
        tab = chromium.new_page()
        tab.goto(address)
        ready(tab)
        equal = {name: data for name, data in cases.items() if name not in refused}
        assert_equal_inputs(tab, equal, (160, 160))
        rows = given(
            tab, {**files, "cut.png": cases["clear.png"][:9000], "bad.jpg": b"\xff\xd8\xff"}
        )
        tab.close()
    detector = Detector("edge", "cpu")
    for name, row in rows.items():
        if name in refused:
            assert row.status.value == "unsupported"
            assert "changes the pixels" in row.error
        elif name in files:
            scanned = detector.row(next(examples.glob(f"*/{name}"))).verdict
            assert row.verdict.p_ai == pytest.approx(scanned.p_ai, abs=TOLERANCE["edge"])
        else:
            assert row.status.value in ("truncated", "corrupt")


def test_a_browser_that_gives_no_true_pixels_is_refused(chromium, noisy_site):
    (noisy_site / "noise.js").write_text(NOISE + "delete self.ImageDecoder;\n")
    with served(noisy_site, []) as (address, _):
        tab = chromium.new_page()
        tab.goto(address)
        trouble = tab.locator("#trouble")
        trouble.wait_for()
        assert "changes the pixels" in trouble.inner_text()
        tab.close()


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_overlaps_and_axe_finds_no_serious_fault(
    chromium, address, examples, tmp_path, width, scheme
):
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    tab = context.new_page()
    tab.goto(address)
    ready(tab)
    files = {p.name: p.read_bytes() for p in examples.glob("Real/*")}
    given(tab, {**files, "y" * 200 + ".jpg": b"broken", "\u0301" * 80 + ".jpg": b""})
    keep_screenshot(tab, f"page-{width}-{scheme}.png", tmp_path)
    assert overlaps(tab) == []
    assert not is_wider_than_its_window(tab)
    assert faults(tab) == []
    context.close()


def test_the_keyboard_reaches_everything(tab, examples):
    given(tab, {"a.jpg": (examples / "Real" / "coffee.jpg").read_bytes()})
    tab.locator("h1").click()
    reached = []
    for _ in range(5):
        tab.keyboard.press("Tab")
        reached.append(
            tab.evaluate(
                """() => {
                  const one = document.activeElement, shown = one.closest(".button") ?? one;
                  return [one.id, getComputedStyle(shown).outlineStyle];
                }"""
            )
        )
    assert reached == [[name, "solid"] for name in ("files", "folder", "model", "csv", "clear")]
