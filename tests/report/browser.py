"""Pages in a real browser: Chromium by the name ``chromium``, or the program in ``$CHROMIUM``.

Screenshots go to ``$SCREENSHOTS`` if it is set, else to the test's own folder.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

SIZES = (390, 1440)
SCHEMES = ("light", "dark")

TEXT_BOXES = """() => {
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    const unseen = ["STYLE", "TITLE", "DESC", "title", "desc"].includes(element.tagName);
    if (unseen || !node.textContent.trim()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    let clip = {left: -1e9, top: -1e9, right: 1e9, bottom: 1e9};
    for (let up = element; up && up !== document.body; up = up.parentElement) {
      if (getComputedStyle(up).overflow === "visible") continue;
      const box = up.getBoundingClientRect();
      clip = {left: Math.max(clip.left, box.left), top: Math.max(clip.top, box.top),
              right: Math.min(clip.right, box.right), bottom: Math.min(clip.bottom, box.bottom)};
    }
    for (const box of range.getClientRects()) {
      const left = Math.max(box.left, clip.left), top = Math.max(box.top, clip.top);
      const right = Math.min(box.right, clip.right), bottom = Math.min(box.bottom, clip.bottom);
      if (right - left > 1 && bottom - top > 1)
        boxes.push([left, top, right, bottom, node.textContent.trim().slice(0, 40)]);
    }
  }
  return boxes;
}"""
"""Visible boxes of all texts: left, top, right, bottom, and the text."""

_SLACK = 3.0
"""Pixels by which line boxes may share a border: letters do not fill their line."""


@contextmanager
def browser() -> Iterator:
    """A browser without a network."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert program, "no chromium: install it, or name it in $CHROMIUM"
    with sync_api.sync_playwright() as playwright:
        # Containers often forbid the namespaces of its sandbox.
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()


def overlaps(page) -> list[tuple[str, str]]:
    """Return pairs of texts whose boxes overlap."""
    boxes = sorted(page.evaluate(TEXT_BOXES), key=lambda box: box[1])
    found = []
    for place, (left, top, right, bottom, text) in enumerate(boxes):
        for other in boxes[place + 1 :]:
            if other[1] >= bottom - _SLACK:
                break
            width = min(right, other[2]) - max(left, other[0])
            height = min(bottom, other[3]) - max(top, other[1])
            if width > _SLACK and height > _SLACK:
                found.append((text, other[4]))
    return found


def is_wider_than_its_window(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


def faults(page) -> list[str]:
    """Return what axe calls serious or critical."""
    violations = axe.Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in violations
        if one["impact"] in ("serious", "critical")
    ]


def keep_screenshot(page, name: str, folder: Path) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS", folder))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / name, full_page=True)
    return folder / name
