"""Manifests whose hashes and signatures c2pa-python has checked, offline.

The library reads a hostile file in native code, so only processes that can be killed call this.
"""

import functools
import io
import json
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from ...results import OriginGrade
from .jumbf import action_of, text_of
from .manifests import Action, Ingredient, Manifest, Store

_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}

_SIGNATURE_HOLDS = "claimSignature.validated"
_BINDINGS = frozenset(
    f"assertion.{kind}.match" for kind in ("dataHash", "boxesHash", "bmffHash", "collectionHash")
)
_TRUSTED = "signingCredential.trusted"
_DISTRUST = "signingCredential."
_HARMLESS = (
    # The signer, and the time of the signature, are a question of trust.
    _DISTRUST,
    "timeStamp.",
    "claimSignature.outsideValidity",
    # Known writers break the rules for actions; hash and signature hold all the same.
    "assertion.action.",
    "claim.malformed",
    # An ingredient has its own grade.
    "ingredient.",
)
"""Beginnings of failure codes that leave a manifest intact (C2PA 2.2, section 15.2)."""


def checked_store(data: bytes, format_name: str, certificates: str) -> Store | None:
    """Return the manifests of a file, graded by their validation codes.

    Args:
        data: the whole file.
        format_name: Pillow's name of its format.
        certificates: trusted ones, in PEM.

    Returns:
        ``None`` if the library reads no such format, or finds no manifest in the file.
    """
    media_type = _TYPES.get(format_name)
    if media_type is None:
        return None
    c2pa = import_module("c2pa")
    context = _context(certificates)
    try:
        with c2pa.Reader(media_type, io.BytesIO(data), context=context) as reader:
            report = json.loads(reader.json())
    except (c2pa.C2paError.NotSupported, c2pa.C2paError.ManifestNotFound):
        return None
    except (c2pa.C2paError, ValueError, KeyError, RecursionError):
        return _unreadable()
    return _store(report)


def _unreadable() -> Store:
    """A store that the library cannot read: its manifest does not fit the file."""
    return Store("", {"": Manifest(grade=OriginGrade.BROKEN)})


@functools.lru_cache(maxsize=1)
def _context(certificates: str) -> Any:
    """Settings under which the library opens no connection."""
    settings = {
        # Of all settings this one alone keeps `did:web` and time stamps from opening sockets.
        "core": {"allowed_network_hosts": []},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
        "trust": {"trust_anchors": certificates},
    }
    c2pa = import_module("c2pa")
    return c2pa.Context(c2pa.Settings.from_json(json.dumps(settings)))


def _store(report: dict[str, Any]) -> Store:
    active = report.get("active_manifest") or ""
    results = report.get("validation_results") or {}
    codes = tuple(_codes(results.get("activeManifest")))
    below = _codes_of_ingredients(report)
    manifests = {
        label: _manifest(
            manifest,
            grade_of(codes) if label == active else grade_of_ingredient(below.get(label, ())),
        )
        for label, manifest in (report.get("manifests") or {}).items()
    }
    failed = [code for code, is_failure in codes if is_failure]
    return Store(active, manifests, tuple(failed)) if active in manifests else _unreadable()


_Code = tuple[str, bool]
"""A validation code, and whether it is a failure."""


def _codes(results: Any) -> Iterator[_Code]:
    for kind in ("success", "failure"):
        for status in (results or {}).get(kind) or ():
            yield status["code"], kind == "failure"


def _codes_of_ingredients(report: dict[str, Any]) -> dict[str, tuple[_Code, ...]]:
    """Codes of every ingredient's manifest, by its label.

    Those from the time when it was added are stored with it; the library reports those that are
    new. A new word on the signer replaces the stored one, which rests on the editor's trust list.
    """
    results = report.get("validation_results") or {}
    stored = _by_label(
        (ingredient.get("validation_results") or {}).get("activeManifest")
        for manifest in (report.get("manifests") or {}).values()
        for ingredient in manifest.get("ingredients") or ()
    )
    new = _by_label(
        delta.get("validationDeltas") for delta in results.get("ingredientDeltas") or ()
    )
    return {
        label: (*_without_trust(stored.get(label, ()), new.get(label, ())), *new.get(label, ()))
        for label in stored.keys() | new.keys()
    }


def _by_label(parts: Iterable[Any]) -> dict[str, list[_Code]]:
    found: dict[str, list[_Code]] = {}
    for part in parts:
        for kind in ("success", "failure"):
            for status in (part or {}).get(kind) or ():
                label = str(status.get("url")).rpartition("/c2pa/")[2].partition("/")[0]
                found.setdefault(label, []).append((status["code"], kind == "failure"))
    return found


def _without_trust(stored: Iterable[_Code], new: Iterable[_Code]) -> tuple[_Code, ...]:
    is_judged_anew = any(code == _TRUSTED or is_failure for code, is_failure in _on_trust(new))
    replaced = set(_on_trust(stored)) if is_judged_anew else set()
    return tuple(code for code in stored if code not in replaced)


def _on_trust(codes: Iterable[_Code]) -> Iterator[_Code]:
    return (code for code in codes if code[0].startswith(_DISTRUST))


def _manifest(manifest: dict[str, Any], grade: OriginGrade) -> Manifest:
    names = [manifest.get("claim_generator"), *(manifest.get("claim_generator_info") or ())]
    return Manifest(
        tuple(filter(None, map(text_of, names))),
        tuple(_actions(manifest)),
        tuple(
            Ingredient(text_of(one.get("relationship")), text_of(one.get("active_manifest")))
            for one in manifest.get("ingredients") or ()
        ),
        text_of((manifest.get("signature_info") or {}).get("issuer")),
        grade,
    )


def _actions(manifest: dict[str, Any]) -> Iterator[Action]:
    for assertion in manifest.get("assertions") or ():
        if str(assertion.get("label")).startswith("c2pa.actions"):
            yield from map(action_of, (assertion.get("data") or {}).get("actions") or ())


def grade_of(codes: Iterable[_Code]) -> OriginGrade:
    """Return the grade that validation codes give the manifest of a file.

    A state summed up from the codes is not asked: an expired certificate makes it ``Invalid``.
    """
    codes = tuple(codes)
    successes = {code for code, is_failure in codes if not is_failure}
    is_bound = _SIGNATURE_HOLDS in successes and not _BINDINGS.isdisjoint(successes)
    return grade_of_ingredient(codes) if is_bound else OriginGrade.BROKEN


def grade_of_ingredient(codes: Iterable[_Code]) -> OriginGrade:
    """Return the grade of an ingredient's manifest, whose own file is not there to be hashed."""
    codes = tuple(codes)
    failures = [code for code, is_failure in codes if is_failure]
    if not all(code.startswith(_HARMLESS) for code in failures):
        return OriginGrade.BROKEN
    is_doubted = any(code.startswith(_DISTRUST) for code in failures)
    is_trusted = (_TRUSTED, False) in codes and not is_doubted
    return OriginGrade.SIGNED if is_trusted else OriginGrade.INTACT
