"""IPTC's vocabulary of digital source types, in C2PA actions and in XMP.

Source: https://cv.iptc.org/newscodes/digitalsourcetype/.
"""

import re

from ..results import Origin

_AI = "trainedAlgorithmicMedia"
_AI_EDITED = "compositeWithTrainedAlgorithmicMedia"
_CAPTURED = ("digitalCapture", "computationalCapture")
_NEITHER = (
    # Made by rules, without training: a fractal is no AI picture.
    "algorithmicMedia",
    "algorithmicallyEnhanced",
    "composite",
    "compositeCapture",
    "dataDrivenMedia",
    "digitalArt",
    "digitalCreation",
    "humanEdits",
    "minorHumanEdits",
    "multiFrameComputationalCapture",
    "negativeFilm",
    "positiveFilm",
    "print",
    "screenCapture",
    "softwareImage",
    "virtualRecording",
)

_ORIGINS = {
    _AI: Origin.AI,
    _AI_EDITED: Origin.AI_EDITED,
    "compositeSynthetic": Origin.AI_EDITED,
    **dict.fromkeys(_CAPTURED, Origin.CAMERA),
    **dict.fromkeys(_NEITHER, Origin.OTHER),
}
_SPELLED = {name.lower(): name for name in _ORIGINS}
# As C2PA's implementation guidance misspells it.
_SPELLED["compositedwithtrainedalgorithmicmedia"] = _AI_EDITED

_WORD = re.compile(
    r"\s*(?:https?://cv\.iptc\.org/newscodes/digitalsourcetype/|digsrctype:)?([A-Za-z]+)/?\s*",
    re.IGNORECASE,
)

_MAX_LENGTH = 200


def source_type(text: object) -> tuple[str, Origin] | None:
    """Return the name and origin of a source type, written as URI or bare word.

    An unknown word of the vocabulary is ``other``; a text that is no word of it is ``None``.
    """
    if not isinstance(text, str) or len(text) > _MAX_LENGTH:
        return None
    found = _WORD.fullmatch(text)
    if found is None:
        return None
    name = _SPELLED.get(found[1].lower())
    return None if name is None else (name, _ORIGINS[name])
