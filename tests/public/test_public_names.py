"""Names that users may import: all of them, on first use, and typed."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from trustthepixels import infer
from trustthepixels.infer import errors

ROOT = Path(__file__).parent.parent.parent
TYPED_USE = Path(__file__).with_name("typed_use.py")


def public_errors() -> set[str]:
    """Return the names of the errors that users may catch."""
    return {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.TrustThePixelsError)
    }


def test_the_public_names_are_these():
    assert set(infer.__all__) == public_errors() | {
        "DecodeSize",
        "Detector",
        "Device",
        "Doubt",
        "FileStatus",
        "Limits",
        "ModelSpec",
        "ScanOptions",
        "ScanRow",
        "TruncatedPolicy",
        "Verdict",
        "VerdictLabel",
        "WalkOptions",
        "bundled_models",
    }
    assert dir(infer) == sorted(infer.__all__)


@pytest.mark.parametrize("name", infer.__all__)
def test_each_is_there(name):
    assert getattr(infer, name).__name__ == name


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = infer.nonsense


def test_nothing_is_imported_before_a_name_is_used():
    script = (
        "import json, sys\n"
        "import trustthepixels.infer\n"
        "before = set(sys.modules)\n"
        "trustthepixels.infer.Detector\n"
        "print(json.dumps([sorted(before), sorted(sys.modules)]))\n"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    before, after = map(set, json.loads(output))
    assert not before & {"numpy", "PIL", "trustthepixels.infer.errors"}
    assert {"numpy", "PIL", "trustthepixels.infer.errors"} <= after


def test_the_typed_example_uses_each_name():
    tree = ast.parse(TYPED_USE.read_text())
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert set(infer.__all__) <= used


def test_the_typed_example_passes_mypy_in_strict_mode():
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", str(TYPED_USE)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
