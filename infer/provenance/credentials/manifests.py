"""Manifests of C2PA as values, and the findings in them.

Three rules hold where signers are unknown. A missing statement contributes nothing. Trust is a
manifest's own: a trusted editor does not lend it to what it opened. An unknown signer who states AI
speaks against its interest and counts; one who states a camera does not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...results import Origin, OriginGrade
from ..findings import Finding, weaker
from ..generators import generator_name
from ..source_types import source_type

_MAX_DEPTH = 8
"""Generations of ingredients that are followed."""

_MAX_MANIFESTS = 64

_CREATED = "c2pa.created"
_PARENT = "parentOf"

_CAMERA_MAKERS = re.compile(
    r"(?:Canon|Fujifilm|Google|Hasselblad|Honor|Huawei|Leica|Motorola|Nikon|Nothing|OM Digital|"
    r"OnePlus|Oppo|Panasonic|Ricoh|Samsung|Sigma|Sony|vivo|Xiaomi)\b",
    re.IGNORECASE,
)
"""Organizations that build cameras and telephones, as certificates begin with them."""


@dataclass(frozen=True, slots=True)
class Action:
    """A step in the making of a picture.

    Attributes:
        name: such as ``c2pa.created``.
        source_type: as written; empty if absent.
        agent: name of the program; empty if absent.
    """

    name: str
    source_type: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Ingredient:
    """Another picture that this one was made from.

    Attributes:
        relationship: ``parentOf``, ``componentOf`` or ``inputTo``.
        manifest: label of its manifest; empty if it had none.
    """

    relationship: str
    manifest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A signed statement about a picture.

    Attributes:
        generators: names of the programs that wrote it.
        actions: in their order.
        ingredients: other pictures.
        signer: organization in the certificate; empty if it was not checked.
        grade: how far it can be relied on.
    """

    generators: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    ingredients: tuple[Ingredient, ...] = ()
    signer: str = ""
    grade: OriginGrade = OriginGrade.CLAIMED


@dataclass(frozen=True, slots=True)
class Store:
    """The manifests of a file.

    Attributes:
        active: label of the one that describes the file as it is.
        manifests: all of them, by label.
        codes: validation codes of the active one.
    """

    active: str
    manifests: dict[str, Manifest]
    codes: tuple[str, ...] = ()


def store_findings(store: Store) -> Iterator[Finding]:
    """Findings in the active manifest of a file and in its ingredients."""
    active = store.manifests.get(store.active)
    if active is None:
        yield Finding("c2pa:manifest", Origin.OTHER)
        return
    details: dict[str, object] = {
        "signer": active.signer,
        "generators": list(active.generators),
        "codes": list(store.codes),
    }
    statements = _Statements(store).of(store.active, active.grade, 0)
    if active.grade is OriginGrade.BROKEN:
        yield Finding("c2pa:broken", Origin.OTHER, active.grade, details)
    elif not statements:
        yield Finding("c2pa:manifest", Origin.OTHER, active.grade, details)
    for statement in statements:
        yield Finding(f"c2pa:{statement.word}", statement.origin, statement.grade, details)


@dataclass(frozen=True, slots=True)
class _Statement:
    word: str
    origin: Origin
    grade: OriginGrade


@dataclass(slots=True)
class _Statements:
    store: Store
    _seen: set[str] = field(default_factory=set)

    def of(self, label: str, limit: OriginGrade, depth: int) -> list[_Statement]:
        """Statements of a manifest and its ingredients, graded at most as those who include it."""
        manifest = self.store.manifests.get(label)
        is_known = label in self._seen or len(self._seen) >= _MAX_MANIFESTS
        if manifest is None or is_known or depth > _MAX_DEPTH:
            return []
        self._seen.add(label)
        grade = weaker(manifest.grade, limit)
        parents: list[_Statement] = []
        components: list[_Statement] = []
        for ingredient in manifest.ingredients:
            into = parents if ingredient.relationship == _PARENT else components
            into += self.of(ingredient.manifest, grade, depth + 1)
        has_parent = any(one.relationship == _PARENT for one in manifest.ingredients)
        own = list(_own_statements(manifest, grade, has_parent=has_parent))
        if any(parent.origin is Origin.AI for parent in parents):
            # What is done to an AI picture, by AI or not, leaves it one.
            own = [one for one in own if one.origin is not Origin.AI_EDITED]
        return own + parents + [_as_component(one) for one in components]


def _own_statements(
    manifest: Manifest, grade: OriginGrade, *, has_parent: bool
) -> Iterator[_Statement]:
    stated = False
    for action in manifest.actions:
        is_edit = has_parent and action.name != _CREATED
        known = source_type(action.source_type)
        if known is not None:
            word, origin = known
            stated = stated or origin in (Origin.AI, Origin.AI_EDITED)
            if origin is Origin.AI and is_edit:
                origin = Origin.AI_EDITED
            if origin is Origin.CAMERA and not _is_camera(manifest, grade):
                origin = Origin.OTHER
            yield _Statement(word, origin, grade)
        elif generator := generator_name(action.agent):
            stated = True
            yield _Statement(generator, Origin.AI_EDITED if is_edit else Origin.AI, grade)
    if stated:
        return
    # Some writers give no source type, only their name.
    for name in manifest.generators:
        if generator := generator_name(name):
            yield _Statement(generator, Origin.AI_EDITED if has_parent else Origin.AI, grade)


def _is_camera(manifest: Manifest, grade: OriginGrade) -> bool:
    return grade is OriginGrade.SIGNED and bool(_CAMERA_MAKERS.match(manifest.signer))


def _as_component(statement: _Statement) -> _Statement:
    """A statement about a picture that is only part of this one."""
    if statement.origin is Origin.AI:
        return _Statement(statement.word, Origin.AI_EDITED, statement.grade)
    if statement.origin is Origin.CAMERA:
        return _Statement(statement.word, Origin.OTHER, statement.grade)
    return statement
