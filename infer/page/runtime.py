"""ONNX Runtime for browsers: its version, its files, and how to get them."""

import json
from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError, UsageError

PACKAGE = "onnxruntime-web"
"""Package of npm that holds the runtime."""

VERSION = "1.30.0"
"""Version of it with which the page is tested."""

FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""Files of its folder ``dist`` that run a model on the CPU."""

_WAY = f"run: npm pack {PACKAGE}@{VERSION} && tar xf {PACKAGE}-{VERSION}.tgz"


def runtime_files(folder: str | None) -> Mapping[str, Path]:
    """Return the runtime's files in an unpacked npm package, by name.

    Args:
        folder: folder with the package's ``package.json``; ``None`` if the user named none.

    Raises:
        UsageError: no folder was named.
        InputError: it does not hold the package, or holds another version.
    """
    if folder is None:
        raise UsageError(f"the page needs {PACKAGE}; {_WAY}, then add --runtime package")
    try:
        about = json.loads((Path(folder) / "package.json").read_text("utf-8"))
        name, version = about["name"], about["version"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{folder}: not an unpacked {PACKAGE}; {_WAY}") from error
    if (name, version) != (PACKAGE, VERSION):
        raise InputError(f"{folder}: holds {name} {version}, not {PACKAGE} {VERSION}; {_WAY}")
    files = {name: Path(folder) / "dist" / name for name in FILES}
    for path in files.values():
        if not path.is_file():
            raise InputError(f"{path}: not there; {_WAY}")
    return files
