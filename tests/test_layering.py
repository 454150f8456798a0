"""Import rules: ``infer`` stands alone, without a training stack, and packages are layered."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INFER_FILES = sorted((ROOT / "infer").rglob("*.py"))
TRAIN_FILES = sorted((ROOT / "train").rglob("*.py"))
ALL_FILES = sorted(
    path
    for folder in ("package", "infer", "train", "export", "benchmarks", "tests")
    for path in (ROOT / folder).rglob("*.py")
)
CODE = [*INFER_FILES, *TRAIN_FILES, *sorted((ROOT / "export").rglob("*.py"))]

LOW = {"choices", "errors", "results"}
INFER_MAY_IMPORT: dict[str, set[str]] = {
    "choices": set(),
    "results": set(),
    "errors": {"results"},
    "system": LOW,
    "images": LOW,
    "provenance": LOW | {"images"},
    "flow": LOW | {"system"},
    "output": LOW | {"system"},
    "files": LOW | {"system", "images"},
    "isolation": LOW | {"system", "images", "flow", "provenance"},
    "model": LOW | {"system", "images", "files"},
    "stores": LOW | {"system", "images", "flow", "files", "output"},
    "scan": LOW
    | {"system", "images", "flow", "files", "output", "isolation", "model", "provenance", "stores"},
    "cluster": LOW | {"system", "images", "flow", "files", "output", "model", "stores", "scan"},
    "report": LOW | {"system", "images", "flow", "files", "output", "isolation", "model", "scan"},
    "convert": LOW | {"system", "output"},
    "sorting": LOW | {"system", "images", "output"},
    "page": LOW | {"model", "output", "report"},
    "detector": LOW
    | {"system", "images", "flow", "files", "output", "isolation", "model", "provenance", "scan"},
}
"""Parts of ``infer``, from the bottom up, that each part may import. ``commands`` is the roof."""

_LEARNING = {"arrays", "settings", "data", "networks", "pictures", "calibration"}
TRAIN_MAY_IMPORT: dict[str, set[str]] = {
    "settings": {"networks"},
    "arrays": set(),
    "data": set(),
    "networks": set(),
    "metrics": {"arrays"},
    "prepare": {"data"},
    "pictures": {"arrays", "data", "networks"},
    "calibration": {"arrays", "settings", "data", "networks", "pictures"},
    "fitting": _LEARNING,
    "evaluation": _LEARNING | {"metrics"},
    "reports": {"arrays", "data", "metrics", "pictures", "evaluation"},
    "study": _LEARNING | {"metrics", "fitting", "evaluation"},
}

NOT_YET_PLACED: set[str] = set()
"""Modules that no package holds yet. This list may only shrink."""

HEAVY = {"torch", "torchvision", "timm", "datasets", "onnx", "onnxscript", "lightning"}
HEAVY |= {"sklearn", "matplotlib", "safetensors", "pandas", "scipy", "cv2", "tensorboard"}
BASE = {"numpy", "PIL", "pi_heif", "simplejpeg", "click", "tqdm", "pathspec", "portalocker"}
OPTIONAL = {"onnxruntime", "c2pa", "obstore"}


def imported_modules(path: Path) -> set[str]:
    """Return the absolute names of everything that a file imports anywhere in it."""
    package = ["trustthepixels", *path.relative_to(ROOT).parent.parts]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*parts, *(node.module.split(".") if node.module else [])])
            names.add(base)
            names |= {name for alias in node.names if is_ours(name := f"{base}.{alias.name}")}
    return names


def is_ours(name: str) -> bool:
    """Return whether a dotted name is a module or package of the distribution."""
    place = ROOT.joinpath(*name.split(".")[1:])
    return name.startswith("trustthepixels.") and (
        place.is_dir() or place.with_suffix(".py").is_file()
    )


def own_package(path: Path) -> str:
    """Return the part of its layer to which a file belongs: a package, or a module at the top."""
    return path.relative_to(ROOT).with_suffix("").parts[1]


def breaches(path: Path, may_import: dict[str, set[str]]) -> set[str]:
    """Return the imports of a file that its layer's table does not allow."""
    layer = path.relative_to(ROOT).parts[0]
    own = own_package(path)
    if f"{layer}.{own}" in NOT_YET_PLACED:
        return set()
    allowed = may_import.get(own)  # None for commands and __init__: the roof
    parts = {
        name.split(".")[2]
        for name in imported_modules(path)
        if name.startswith(f"trustthepixels.{layer}.")
    }
    unplaced = {name.partition(".")[2] for name in NOT_YET_PLACED if name.startswith(layer)}
    return set() if allowed is None else parts - allowed - unplaced - {own}


@pytest.mark.parametrize("path", INFER_FILES, ids=lambda path: path.stem)
def test_a_file_of_infer_imports_only_infer_and_its_few_dependencies(path):
    for name in imported_modules(path):
        top = name.partition(".")[0]
        if top == "trustthepixels":
            assert name.startswith("trustthepixels.infer"), name
        else:
            assert top in sys.stdlib_module_names | BASE | OPTIONAL, name


@pytest.mark.parametrize("path", INFER_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_package_of_infer_imports_only_those_below_it(path):
    assert not breaches(path, INFER_MAY_IMPORT)


@pytest.mark.parametrize("path", TRAIN_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_package_of_train_imports_only_those_below_it(path):
    assert not breaches(path, TRAIN_MAY_IMPORT)


@pytest.mark.parametrize(
    ("layer", "may_import"), [("infer", INFER_MAY_IMPORT), ("train", TRAIN_MAY_IMPORT)]
)
def test_every_package_has_a_rule(layer, may_import):
    found = {own_package(path) for path in (ROOT / layer).rglob("*.py")}
    roof = {"__init__", "commands"}
    without_rule = {f"{layer}.{name}" for name in found - roof - set(may_import)}
    assert without_rule <= NOT_YET_PLACED


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
    # Its import takes a third of a second, so only a session may import it.
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


LIGHT = (
    "choices",
    "results",
    "errors",
    *(f"system.{path.stem}" for path in (ROOT / "infer/system").glob("[a-z]*.py")),
    "images.limits",
    "model.providers",
    "model.file",
    "files.left_out",
    "output.rows",
    "output.destination",
    "scan.option",
    "scan.request",
    "scan.counts",
    "cluster.request",
    *(
        f"commands.{name}"
        for name in ("entry", "main", "run", "options", "scan", "predict", "bench", "info")
    ),
    "commands.web.page",
    "commands.cluster.scan_cluster",
    *(
        f"commands.results.{path.stem}"
        for path in (ROOT / "infer/commands/results").glob("[a-z]*.py")
    ),
)
"""Modules of ``infer`` that ``--help`` may import: they load no array library and no decoder."""

SLOW = {"numpy", "PIL", "onnxruntime", "simplejpeg", "tqdm", "importlib.metadata"}


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_loads_nothing_slow(module):
    script = (
        "import importlib, json, sys\n"
        f"importlib.import_module('trustthepixels.infer.{module}')\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    assert not set(json.loads(output)) & SLOW


def inner_imports(source: str) -> int:
    """Return the number of imports inside functions."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return len(
        {
            (node.lineno, node.col_offset)
            for function in ast.walk(ast.parse(source))
            if isinstance(function, functions)
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
    )


def test_imports_inside_functions_are_counted():
    assert inner_imports("import a\ndef f():\n import b\n def g():\n  from c import d\n") == 2


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_command_reaches_its_heavy_half_by_one_import_and_nothing_else_waits(path):
    name = path.relative_to(ROOT)
    allowed = 1 if name.parts[1] == "commands" else 0
    assert inner_imports(path.read_text()) <= allowed


def test_imports_inside_functions_are_fewer_than_ten():
    assert sum(inner_imports(path.read_text()) for path in CODE) < 10


def loaded_names(path: Path) -> set[str]:
    """Return what a file imports, also by name: ``import_module("onnxruntime")``."""
    calls = {
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module"
        and isinstance(node.args[0], ast.Constant)
    }
    return imported_modules(path) | calls


DOORS = {
    "onnxruntime": {"infer/model/providers.py", "export/half.py", "export/int8/quantize.py"},
    "click": {"infer/commands", "infer/system/terminal.py", "train/commands", "export/commands"},
    "subprocess": {"infer/isolation", "train/prepare/sources/from_git.py"},
    "pi_heif": {"infer/images/formats"},
    "pyarrow": {"infer/convert/parquet.py"},
    "obstore": {"infer/stores/requests"},
    "ray": {"infer/cluster/crew.py"},
}
"""Libraries, and the only places that may import them."""


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_one_door(library):
    users = {
        path.relative_to(ROOT)
        for path in CODE
        if library in {name.partition(".")[0] for name in loaded_names(path)}
    }
    assert users
    for user in users:
        assert {place.as_posix() for place in (user, *user.parents)} & DOORS[library], user


def test_plugins_of_pillow_are_imported_where_formats_and_child_processes_are():
    users = {
        path.relative_to(ROOT).parent.as_posix()
        for path in INFER_FILES
        if "ImagePlugin" in path.read_text()
    }
    formats = {"infer/images/formats", "infer/images/formats/strict_jpeg"}
    assert users == formats | {"infer/isolation"}


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_private_names_stay_private(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            assert not [name for name in names if name.startswith("_")], names


_REPORT = "trustthepixels.infer.report"
OPEN_TO_OTHERS = {"errors", "results", "system", "images", "files", "model", "provenance"}
OPEN_TO_OTHERS |= {"choices"}


@pytest.mark.parametrize(
    "path",
    [path for path in CODE if path not in INFER_FILES],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_train_and_export_use_only_the_lower_rooms_of_infer(path):
    layer, *_ = path.relative_to(ROOT).parts
    is_command = path.parent == ROOT / layer / "commands"
    for name in imported_modules(path):
        if not name.startswith("trustthepixels.infer."):
            continue
        is_allowed = name.split(".")[2] in OPEN_TO_OTHERS
        if path == ROOT / "train" / "data" / "stated.py":
            # It reads what files state as a scan does, in a worker.
            is_allowed |= name.split(".")[2] == "isolation"
        if path == ROOT / "train" / "reports" / "html.py":
            # Pages of evaluations and of scans have one style.
            is_allowed |= name in (_REPORT, f"{_REPORT}.style")
        if layer == "export":
            is_allowed |= name in ("trustthepixels.infer.scan", "trustthepixels.infer.scan.prepare")
        if is_command:
            options = ("trustthepixels.infer.commands", "trustthepixels.infer.commands.options")
            is_allowed |= name in options
        assert is_allowed, name


FOLDERS = sorted({path.parent for path in ALL_FILES})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_folder_has_more_than_twelve_modules(folder):
    assert len([path for path in folder.glob("*.py") if path.stem != "__init__"]) <= 12


def circle_of(imports: dict[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle; none where there is no circle."""
    left = dict(imports)
    while leaves := [name for name, needed in left.items() if not needed & left.keys() - {name}]:
        for name in leaves:
            del left[name]
    return sorted(left)


def test_a_circle_is_found():
    assert circle_of({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_no_modules_import_each_other():
    assert not circle_of({module_name(path): module_imports(path) for path in CODE})


def module_imports(path: Path) -> set[str]:
    """Return the modules that a file imports; a package only where a name of its own is taken."""
    own = module_name(path)
    names = imported_modules(path) - {own}
    # ``from .package import module`` names the package only on the way.
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)}
