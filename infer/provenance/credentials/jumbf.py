"""Manifests read from JUMBF and CBOR, without any check of hashes or signatures.

Used where the library that checks them is not installed. Sources: ISO 19566-5; RFC 8949; C2PA 2.2,
section 11.1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .cbor import decode_cbor
from .manifests import Action, Ingredient, Manifest, Store

_MAX_BOXES = 4096
_MAX_DEPTH = 6
_MAX_ASSERTION = 1 << 20

_DESCRIPTION, _SUPERBOX, _CBOR = b"jumd", b"jumb", b"cbor"
_HAS_LABEL = 2
_ACTIONS, _INGREDIENT = "c2pa.actions", "c2pa.ingredient"


@dataclass(frozen=True, slots=True)
class _Superbox:
    label: str
    boxes: tuple[tuple[bytes, memoryview], ...]

    def superboxes(self) -> "Iterator[_Superbox]":
        for kind, content in self.boxes:
            if kind == _SUPERBOX and (inner := _superbox(content)) is not None:
                yield inner


def read_store(block: bytes) -> Store | None:
    """Return the manifests of a JUMBF block; ``None`` if it is no manifest store."""
    outer = dict(_boxes(memoryview(block)[: 1 << 24])).get(_SUPERBOX)
    store = None if outer is None else _superbox(outer)
    if store is None or store.label != "c2pa":
        return None
    manifests = {box.label: _manifest(box) for box in store.superboxes() if box.label}
    return Store(next(reversed(manifests)), manifests) if manifests else None


def _boxes(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    position = 0
    for _ in range(_MAX_BOXES):
        if position + 8 > len(content):
            return
        size = int.from_bytes(content[position : position + 4], "big")
        kind, start = bytes(content[position + 4 : position + 8]), position + 8
        if size == 1:
            size, start = int.from_bytes(content[start : start + 8], "big"), start + 8
        elif size == 0:
            size = len(content) - position
        if size < start - position or position + size > len(content):
            return
        position += size
        yield kind, content[start:position]


def _superbox(content: memoryview) -> _Superbox | None:
    boxes = tuple(_boxes(content))
    if not boxes or boxes[0][0] != _DESCRIPTION:
        return None
    description = bytes(boxes[0][1][:512])
    has_label = len(description) > 17 and description[16] & _HAS_LABEL
    label = description[17:].partition(b"\0")[0] if has_label else b""
    return _Superbox(label.decode("utf-8", "replace"), boxes[1:])


def _manifest(box: _Superbox) -> Manifest:
    generators: list[str] = []
    actions: list[Action] = []
    ingredients: list[Ingredient] = []
    for part in box.superboxes():
        if part.label.startswith("c2pa.claim"):
            generators += _generators(_content(part))
        elif part.label.startswith("c2pa.assertions"):
            for assertion in part.superboxes():
                if assertion.label.startswith(_ACTIONS):
                    actions += _actions(_content(assertion))
                elif assertion.label.startswith(_INGREDIENT):
                    ingredients += _ingredients(_content(assertion))
    return Manifest(tuple(generators), tuple(actions), tuple(ingredients))


def _content(box: _Superbox) -> dict[object, object]:
    for kind, content in box.boxes:
        if kind == _CBOR:
            value = decode_cbor(bytes(content[:_MAX_ASSERTION]))
            return value if isinstance(value, dict) else {}
    return {}


def text_of(value: object) -> str:
    """Return a text, or the name in a map that describes a program; else an empty text."""
    if isinstance(value, dict):
        value = value.get("name")
    return value if isinstance(value, str) else ""


def _generators(claim: dict[object, object]) -> Iterator[str]:
    info = claim.get("claim_generator_info")
    for entry in [claim.get("claim_generator"), *(info if isinstance(info, list) else [info])]:
        if name := text_of(entry):
            yield name


def _actions(assertion: dict[object, object]) -> Iterator[Action]:
    actions = assertion.get("actions")
    for action in actions if isinstance(actions, list) else []:
        if isinstance(action, dict):
            yield action_of(action)


def action_of(action: dict[object, object]) -> Action:
    """Return an action from its map in CBOR or JSON."""
    name, kind = text_of(action.get("action")), text_of(action.get("digitalSourceType"))
    return Action(name, kind, text_of(action.get("softwareAgent")))


def _ingredients(assertion: dict[object, object]) -> Iterator[Ingredient]:
    reference = assertion.get("activeManifest", assertion.get("c2pa_manifest"))
    url = reference.get("url") if isinstance(reference, dict) else None
    label = url.rpartition("/c2pa/")[2].partition("/")[0] if isinstance(url, str) else ""
    yield Ingredient(text_of(assertion.get("relationship")), label)
