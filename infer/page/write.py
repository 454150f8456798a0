"""Write the page's folder: its own files, models, and the runtime."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from ..choices import DEFAULT_MODEL, Existing
from ..errors import InputError, OutputError, UsageError, failing_as
from ..model.bundled import load_model
from ..output.whole_file import whole_file
from ..report.style import page_style
from .runtime import runtime_files

EDGE_MODEL = "edge"

MODELS = (EDGE_MODEL, DEFAULT_MODEL)
"""Models of a page if the user names none. The first opens with the page, others on demand."""

_OWN_FILES = "trustthepixels.web"
_SUFFIXES = (".html", ".js", ".css")
_START = "index.html"

_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self'; img-src 'self' blob: data:; style-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)

HEADERS = f"""/*
  Content-Security-Policy: {_POLICY}
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
  Referrer-Policy: no-referrer
"""
"""Headers for hosts that read a file ``_headers``. The second and third allow several threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Request of a page.

    Attributes:
        out: folder to write.
        runtime: folder of the unpacked npm package; ``None`` if the user named none.
        models: names or files of models, at least one.
        existing: policy for a folder that holds files; ``REPLACE`` leaves files of other names.
    """

    out: str
    runtime: str | None
    models: tuple[str, ...] = MODELS
    existing: Existing = Existing.REFUSE


def write_page(request: PageRequest) -> int:
    """Write a page's folder; its start page comes last. Return the number of bytes.

    Raises:
        UsageError: no runtime was named, or two models have one name.
        InputError: the runtime is not the right one.
        ModelError: a model cannot be used.
        OutputError: the folder holds files, or cannot be written.
    """
    runtime = runtime_files(request.runtime)
    models = dict(_models(request.models))
    if len(models) < len(request.models):
        raise UsageError("two models have the same name; rename a file")
    own = _own_files()
    _make_folder(Path(request.out), request.existing)
    about = [
        {"name": name, "file": f"models/{quote(name)}.onnx", "bytes": len(content)}
        for name, content in models.items()
    ]
    contents = {
        **{f"runtime/{name}": _content(path) for name, path in runtime.items()},
        **{f"models/{name}.onnx": content for name, content in models.items()},
        "models.json": json.dumps({"models": about}, indent=1).encode(),
        "style.css": page_style().encode(),
        "_headers": HEADERS.encode(),
        **{name: content for name, content in own.items() if name != _START},
        _START: own[_START],
    }
    for name, content in contents.items():
        with whole_file(str(Path(request.out) / name), Existing.REPLACE) as partial:
            partial.write_bytes(content)
    return sum(map(len, contents.values()))


def _models(names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each model, verified."""
    for name in names:
        file = load_model(name)
        yield file.path.name.removesuffix(".onnx"), file.content


def _own_files() -> dict[str, bytes]:
    return {
        file.name: file.read_bytes()
        for file in sorted(files(_OWN_FILES).iterdir(), key=lambda file: file.name)
        if file.name.endswith(_SUFFIXES)
    }


def _make_folder(folder: Path, existing: Existing) -> None:
    with failing_as(OutputError, f"cannot write {folder}"):
        if folder.is_dir() and any(folder.iterdir()) and existing is Existing.REFUSE:
            raise OutputError(
                f"{folder} holds files; choose another folder, or replace the page with --force"
            )
        for name in ("models", "runtime"):
            (folder / name).mkdir(parents=True, exist_ok=True)


def _content(path: Path) -> bytes:
    with failing_as(InputError, f"cannot read {path}"):
        return path.read_bytes()
