"""Settings and names that image generators write, in PNG text, EXIF and XMP.

A rule asks for the writer's own key and its own form. Free text, such as a caption that mentions a
generator, matches none.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping

from ..results import Origin
from .findings import Finding

_MAX_LABEL = 1 << 14

_STEPS = re.compile(r"(?:^|\n)[ \t]*Steps: \d+, ")
_SAMPLER = re.compile(r"\b(?:Sampler|CFG scale): ")
_SEED = re.compile(r"\bSeed: \d+")
_DIALECTS = (
    ("fooocus", re.compile(r"\bVersion: Fooocus ")),
    ("sdnext", re.compile(r"\b(?:App: SD\.Next|Backend: (?:Diffusers|Original))\b")),
    ("forge", re.compile(r"\bVersion: (?:f\d|neo\b)")),
)

_COMFY_PROMPT = re.compile(r'"class_type"\s*:\s*"')
_COMFY_WORKFLOW = re.compile(r'"nodes"\s*:\s*\[')
_COMFY_LINKS = re.compile(r'"(?:links|last_node_id)"\s*:')
_SWARM = re.compile(r'\{\s*"sui_image_params"\s*:')
_FOOOCUS = re.compile(r'"(?:version|Version)"\s*:\s*"Fooocus ')
_DRAW_THINGS = re.compile(r'\{(?=.*"c"\s*:)(?=.*"v2"\s*:\s*\{)(?=.*"sampler"\s*:)', re.DOTALL)
_LABEL = re.compile(r'"Label"\s*:\s*"?([123])\b')
_JOB = re.compile(r"\bJob ID: [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*$")
_SIGNATURE = re.compile(r"Signature: ?[A-Za-z0-9+/]{40,}={0,2}\s*")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DREAM_STEPS, _DREAM_SEED = re.compile(r"\s-s ?\d"), re.compile(r"\s-S ?\d")

_INVOKE_JSON = ("invokeai_metadata", "invokeai_graph", "invokeai_workflow", "sd-metadata")
_INVOKE_DREAM = ("Dream", "dream")

_TOOLS = (
    ("midjourney", r"Midjourney"),
    ("dall-e", r"DALL[-·.\u2022 ]?E"),
    ("openai", r"(?:OpenAI|ChatGPT|GPT-4o|gpt-image|Azure OpenAI ImageGen|Sora)"),
    ("stable-diffusion", r"(?:Stable[ _-]?Diffusion|stable-diffusion|AUTOMATIC1111|SD\.Next)"),
    ("comfyui", r"ComfyUI"),
    ("invokeai", r"InvokeAI"),
    ("novelai", r"NovelAI"),
    ("fooocus", r"Fooocus"),
    ("draw-things", r"Draw Things"),
    ("firefly", r"Adobe[ _]Firefly"),
    ("microsoft", r"(?:Microsoft[ _](?:Designer|Responsible[ _]AI)|Bing Image Creator)"),
    ("microsoft", r"Image Creator (?:from|in)"),
    ("google-ai", r"Google (?:Gemini|Imagen|Generative AI)"),
    ("flux", r"(?:Black Forest Labs|FLUX\.[12])"),
    ("ideogram", r"Ideogram"),
    ("leonardo", r"Leonardo\.?AI"),
    ("recraft", r"Recraft"),
    ("grok", r"(?:Grok|xAI)"),
)
_TOOL = re.compile(
    "(?:"
    + "|".join(f"(?P<t{index}>{pattern})" for index, (_, pattern) in enumerate(_TOOLS))
    # A name ends where its version begins, not within a longer word.
    + ")(?![A-Za-z])",
    re.IGNORECASE,
)

_LONGEST_NAME = 64
"""Characters of a program's name that are looked at; those of ``_TOOLS`` have at most 24."""


def generator_name(text: str) -> str:
    """Return the short name of the generator that a program's name begins with; else empty."""
    # The pictures of a folder share few programs.
    return _name_at_start(text[:_LONGEST_NAME])


@functools.lru_cache
def _name_at_start(text: str) -> str:
    found = _TOOL.match(text)
    return "" if found is None else _TOOLS[int((found.lastgroup or "t0")[1:])][0]


def tool_findings(texts: Mapping[str, str], names: Iterable[str], place: str) -> Iterator[Finding]:
    """Findings in texts that hold the name of a program.

    Args:
        texts: by the name of their field.
        names: fields that hold a program's name.
        place: first part of the tokens.
    """
    for name in names:
        text = texts.get(name, "")
        if generator := generator_name(text):
            yield _ai(f"{place}:{generator}", **{name: text})


def settings_findings(text: str, field: str, place: str) -> Iterator[Finding]:
    """Findings in a text that a generator fills with its settings.

    Args:
        text: of PNG's ``parameters`` or EXIF's ``UserComment``.
        field: its name.
        place: first part of the tokens.
    """
    generator = ""
    if text.lstrip().startswith("{"):
        if _SWARM.match(text.lstrip()):
            generator = "swarmui"
        elif _FOOOCUS.search(text):
            generator = "fooocus"
        elif _DRAW_THINGS.match(text.lstrip()):
            generator = "draw-things"
        elif is_comfy(text):
            generator = "comfyui"
        elif '"AIGC"' in text[:_MAX_LABEL]:
            yield from label_findings(text, place)
    elif _STEPS.search(text) and _SAMPLER.search(text) and _SEED.search(text):
        generator = next((name for name, mark in _DIALECTS if mark.search(text)), "a1111")
    if generator:
        yield _ai(f"{place}:{generator}", **{field: text})


def is_comfy(text: str) -> bool:
    """Return whether a text is a prompt or a workflow of ComfyUI."""
    if not text.lstrip().startswith("{"):
        return False
    is_workflow = bool(_COMFY_WORKFLOW.search(text) and _COMFY_LINKS.search(text))
    return is_workflow or bool(_COMFY_PROMPT.search(text) and '"inputs"' in text)


def label_findings(text: str, place: str) -> Iterator[Finding]:
    """Findings in a label of GB 45438-2025: 1 is AI-generated, 2 may be, 3 is suspected."""
    found = _LABEL.search(text[:_MAX_LABEL])
    if found and text.lstrip().startswith("{"):
        origin = Origin.AI if found[1] == "1" else Origin.OTHER
        yield Finding(f"{place}:aigc-{found[1]}", origin, details={"AIGC": text})


def description_findings(text: str, field: str, place: str) -> Iterator[Finding]:
    """Findings in a description: Midjourney ends it with the number of its job."""
    if _JOB.search(text[-128:]):
        yield _ai(f"{place}:midjourney", **{field: text})


def signature_findings(description: str, artist: str, place: str) -> Iterator[Finding]:
    """Findings in the two fields that Grok fills: a signature, and a number for the artist."""
    if _SIGNATURE.fullmatch(description) and _UUID.fullmatch(artist.strip()):
        yield _ai(f"{place}:grok", ImageDescription=description, Artist=artist)


def text_findings(texts: Mapping[str, str], place: str = "png") -> Iterator[Finding]:
    """Findings in a PNG's texts.

    Args:
        texts: by keyword, which a writer uses once.
        place: first part of the tokens.
    """
    if "parameters" in texts:
        yield from settings_findings(texts["parameters"], "parameters", place)
    if texts.get("fooocus_scheme", "").strip() in ("fooocus", "a1111"):
        yield _ai(f"{place}:fooocus", fooocus_scheme=texts["fooocus_scheme"])
    for key in ("prompt", "workflow"):
        if is_comfy(texts.get(key, "")):
            yield _ai(f"{place}:comfyui", **{key: texts[key]})
    for key in _INVOKE_JSON:
        if texts.get(key, "").lstrip().startswith("{"):
            yield _ai(f"{place}:invokeai", **{key: texts[key]})
    for key in _INVOKE_DREAM:
        text = texts.get(key, "")
        if text.startswith('"') and _DREAM_STEPS.search(text) and _DREAM_SEED.search(text):
            yield _ai(f"{place}:invokeai", **{key: texts[key]})
    if "AIGC" in texts:
        yield from label_findings(texts["AIGC"], place)
    yield from description_findings(texts.get("Description", ""), "Description", place)
    if texts.get("Software") == "NovelAI":
        kept = {name: texts[name] for name in ("Source", "Description", "Comment") if name in texts}
        yield _ai(f"{place}:novelai", **kept)
    else:
        yield from tool_findings(texts, ("Software",), place)


def _ai(token: str, **details: object) -> Finding:
    return Finding(token, Origin.AI, details=details)
