"""Settings that decide the rows, by which ``--resume`` knows its own run."""

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ...files.paths import path_text
from ...model.batching import BatchedModel
from ...model.verdicts import VerdictRule
from ...output.rows import escape_path, names_of
from ...output.run_identity import Json, RunIdentity
from ...results import is_address
from ...stores.addresses import parsed
from ...system.versions import installed_version
from ..options import ScanOptions
from ..request import ScanRequest
from .settings import columns_of

if TYPE_CHECKING:
    from ...provenance.options import ProvenanceOptions


def run_identity(
    request: ScanRequest, model: BatchedModel, rule: VerdictRule, options: ScanOptions
) -> RunIdentity:
    """Return the settings that decide the rows; threads and batch sizes do not."""
    depends_on_folder = request.files_from is not None or not all(map(os.path.isabs, request.paths))
    return RunIdentity(
        {
            "trustthepixels": installed_version("trustthepixels"),
            "columns": list(names_of(columns_of(request))),
            "model": model.session.model.fingerprint,
            "provider": model.session.provider,
            "thresholds": asdict(rule),
            "limits": asdict(options.limits),
            "memory": options.memory,
            "paths": [_text(_shown(path).rstrip("/") or path) for path in request.paths],
            "working folder": _text(str(Path.cwd())) if depends_on_folder else None,
            "a list of files": request.files_from is not None,
            "--include": [_text(pattern) for pattern in request.include],
            "--exclude": [_text(pattern) for pattern in request.exclude],
            "--follow-links": request.follow_links,
            "--any-name": request.any_name,
            "--system-files": request.system_files,
            **({"--shard": request.shard} if request.shard else {}),
            **_provenance_identity(options.provenance),
        }
    )


def _provenance_identity(options: "ProvenanceOptions | None") -> dict[str, Json]:
    """Return the settings that decide the columns of provenance, if there are any."""
    if options is None:
        return {}
    digest = hashlib.sha256(options.certificates.encode()).hexdigest()
    return {"trust list": digest[:16], "c2pa-python": installed_version("c2pa-python")}


def _shown(path: str) -> str:
    """Return a path or, without what can sign it, an address."""
    argument = os.fsencode(path)
    return str(parsed(argument)) if is_address(argument) else path


def _text(argument: str) -> str:
    """Return an argument in the form of rows' paths, in any locale."""
    return escape_path(path_text(os.fsencode(argument)))
