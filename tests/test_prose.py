"""Docstrings name their subject: none opens with a question word.

A docstring here is any string that stands as a statement, so also one below a constant.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path
    for folder in ("infer", "train", "export", "benchmarks", "tests")
    for path in (ROOT / folder).rglob("*.py")
)

OPENING = re.compile(
    r"(What|Whether|Where|How|Which|Why|Who|Whose|When|One of|The same|Likewise|From)\b"
)


def bad_docstrings(source: str) -> list[str]:
    """Return line and first words of each docstring that opens with a question word."""
    return [
        f"{node.lineno}: {text.splitlines()[0]}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and OPENING.match(text := node.value.value.strip())
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_docstring_opens_with_a_question_word(path):
    assert not bad_docstrings(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        '"""What a scan is."""',
        'def count():\n    """How many there are."""',
        'class Row:\n    """One of them."""',
        'SIZE = 4\n"""Where it ends."""',
    ],
)
def test_a_question_word_is_found(source):
    assert len(bad_docstrings(source)) == 1


@pytest.mark.parametrize("text", ["Number of rows.", "Whenever", "Fromage.", "Return what is."])
def test_other_openings_are_fine(text):
    assert not bad_docstrings(f'"""{text}"""')
