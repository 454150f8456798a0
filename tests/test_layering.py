"""``trustthepixels.infer`` stands alone: no training stack, and nothing of train or export."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INFER_FILES = sorted((ROOT / "infer").rglob("*.py"))
HEAVY = {"torch", "torchvision", "timm", "datasets", "onnx", "onnxscript", "lightning"}
HEAVY |= {"sklearn", "matplotlib", "safetensors", "pandas", "scipy", "cv2", "tensorboard"}
BASE = {"numpy", "PIL", "simplejpeg", "click", "tqdm"}
OPTIONAL = {"onnxruntime", "pillow_heif"}


def imported_modules(path: Path) -> set[str]:
    """Absolute names of everything that a file of ours imports anywhere in it."""
    package = ["trustthepixels", *path.relative_to(ROOT).parent.parts]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            names.add(".".join([*base, *(node.module.split(".") if node.module else [])]))
    return names


@pytest.mark.parametrize("path", INFER_FILES, ids=lambda path: path.stem)
def test_a_file_of_infer_imports_only_infer_and_its_few_dependencies(path):
    for name in imported_modules(path):
        top = name.partition(".")[0]
        if top == "trustthepixels":
            assert name.startswith("trustthepixels.infer"), name
        else:
            assert top in sys.stdlib_module_names | BASE | OPTIONAL, name


def test_importing_all_of_infer_loads_nothing_heavy():
    modules = [module_name(path) for path in INFER_FILES]
    script = (
        "import importlib, json, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    loaded = set(json.loads(output))
    assert not loaded & HEAVY
    assert loaded >= {"numpy", "PIL", "click"}
    # It costs a third of a second, so only a session may ask for it.
    assert "onnxruntime" not in loaded


def test_scanning_and_predicting_load_nothing_heavy(tiny_model, examples):
    script = (
        "import json, sys\n"
        "from trustthepixels.infer import Detector\n"
        f"detector = Detector({str(tiny_model)!r}, 'cpu')\n"
        f"assert detector.predict({str(examples / 'Real' / 'coffee.jpg')!r})\n"
        f"assert len(list(detector.scan({str(examples / 'Real')!r}))) == 9\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    assert not set(json.loads(output)) & HEAVY


@pytest.mark.parametrize("layer", ["infer", "export", "train"])
def test_every_folder_with_code_is_a_package_of_the_distribution(layer):
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / layer).rglob("*.py")}
    for folder in folders:
        package = ".".join(["trustthepixels", *folder.parts])
        assert package in setuptools["packages"]
        assert setuptools["package-dir"][package] == folder.as_posix()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(["trustthepixels", *(part for part in parts if part != "__init__")])


def test_the_exporter_needs_no_more_than_its_extra():
    blocked = ["lightning", "torchmetrics", "datasets", "matplotlib", "jinja2", "tensorboard"]
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({blocked}))\n"
        "import trustthepixels.export.run\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
