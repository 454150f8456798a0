"""Files of every writer in every container that it uses, controls and traps, with what is expected.

The files with content credentials are in ``signed.py``.
"""

import json
from dataclasses import dataclass

from metadata_writers import (
    avif,
    compressed_text,
    exif,
    gif,
    gif_xmp,
    heif,
    iim,
    international_text,
    jpeg,
    jpeg_exif,
    jpeg_iim,
    jpeg_xmp,
    packet,
    photoshop,
    plain,
    png,
    png_texts,
    png_xmp,
    raw_profile,
    source_type_packet,
    text,
    tiff,
    utf16,
    webp,
)


@dataclass(frozen=True)
class Case:
    """A file and its three columns."""

    name: str
    data: bytes
    origin: str = ""
    grade: str = ""
    evidence: str = ""

    @property
    def columns(self):
        return self.origin, self.grade, self.evidence


A1111 = (
    "a lighthouse, oil on canvas\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, "
    "CFG scale: 7, Seed: 1234567, Size: 512x512, Model hash: 6ce0161689, Version: v1.9.4"
)
FORGE = A1111.replace("v1.9.4", "f2.0.1v1.10.1-previous-659")
SDNEXT = A1111.replace("Version: v1.9.4", "App: SD.Next, Version: 2b3f5ac")
COMFY_PROMPT = json.dumps(
    {"3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 20, "text": "a secret wish"}}}
)
COMFY_WORKFLOW = json.dumps(
    {"last_node_id": 9, "nodes": [{"id": 3, "type": "KSampler"}], "links": []}
)
FOOOCUS = json.dumps({"prompt": "a cat", "steps": 30, "version": "Fooocus v2.5.5"})
DRAW_THINGS = json.dumps({"c": "a cat", "sampler": "DPM++", "steps": 20, "v2": {"seed": 3}})
SWARM = json.dumps({"sui_image_params": {"prompt": "a cat", "steps": 20}})
NOVEL = {
    "Title": "NovelAI generated image",
    "Software": "NovelAI",
    "Source": "NovelAI Diffusion V4 4F49EC75",
    "Comment": json.dumps({"prompt": "a girl", "steps": 28, "sampler": "k_euler", "seed": 1}),
}
JOB = "a castle --v 6 Job ID: 0c4f5e3e-7a52-4b7f-9d61-1f2e3d4c5b6a"
LABEL = json.dumps({"Label": "1", "ContentProducer": "001191", "ProduceID": "a person"})
MAYBE = LABEL.replace('"1"', '"2"', 1)
NOTE = b"Sony DSC \0\0\0" + bytes(range(1, 60))
CAMERA = {"Make": "SONY", "Model": "ILCE-7M3"}
GROK = {
    "ImageDescription": "Signature: " + "Q2hpcHMgYW5kIGNoZWVzZQ" * 4 + "==",
    "Artist": "5f0c2a3e-9b1d-4f6a-8c7e-2d3b4a5c6d7e",
}
URI = "http://cv.iptc.org/newscodes/digitalsourcetype/"
AI_TYPE = source_type_packet(URI + "trainedAlgorithmicMedia")


def description(content):
    """A caption as XMP holds it."""
    return packet(
        elements='<dc:description><rdf:Alt><rdf:li xml:lang="x-default">'
        f"{content}</rdf:li></rdf:Alt></dc:description>"
    )


def _claimed(name, data, evidence, origin="ai"):
    return Case(name, data, origin, "claimed", evidence)


def _a1111_family():
    for name, content in (("a1111", A1111), ("forge", FORGE), ("sdnext", SDNEXT)):
        yield _claimed(f"{name}.png", png_texts(parameters=content), f"png:{name}")
        comment = exif(">", comment=utf16(content))
        yield _claimed(f"{name}.jpg", jpeg_exif(comment), f"exif:{name}")
        little = exif(comment=utf16(content, "le"))
        yield _claimed(f"{name}-little.webp", webp((b"EXIF", little)), f"exif:{name}")
    yield _claimed("a1111-ztxt.png", png(compressed_text("parameters", A1111)), "png:a1111")
    yield _claimed(
        "a1111-itxt.png",
        png(international_text("parameters", "ein Mädchen, " + A1111, compressed=True)),
        "png:a1111",
    )
    yield _claimed("a1111.avif", avif(exif=exif(comment=utf16(A1111))), "exif:a1111")
    yield _claimed("a1111-exif.png", png((b"eXIf", exif(comment=utf16(A1111)))), "exif:a1111")
    ascii_comment = exif(comment=b"ASCII\0\0\0" + A1111.encode())
    yield _claimed("a1111-ascii.jpg", jpeg_exif(ascii_comment), "exif:a1111")
    raw = raw_profile("exif", b"Exif\0\0" + exif(comment=utf16(A1111)))
    yield _claimed("a1111-imagemagick.png", png(raw), "exif:a1111")


def _other_generators():
    both = png_texts(prompt=COMFY_PROMPT, workflow=COMFY_WORKFLOW)
    yield _claimed("comfyui.png", both, "png:comfyui")
    yield _claimed("comfyui-workflow.png", png_texts(workflow=COMFY_WORKFLOW), "png:comfyui")
    block = exif(Make="workflow:" + COMFY_WORKFLOW, Model="prompt:" + COMFY_PROMPT)
    yield _claimed("comfyui.webp", webp((b"EXIF", block)), "exif:comfyui")
    # As Pillow saves more than one frame, which ComfyUI uses for animations.
    animated = webp((b"EXIF", b"Exif\0\0" + block))
    yield _claimed("comfyui-animated.webp", animated, "exif:comfyui")
    chunks = [
        (b"comf", f"{key}\0{content}".encode())
        for key, content in (("prompt", COMFY_PROMPT), ("workflow", COMFY_WORKFLOW))
    ]
    yield _claimed("comfyui-animated.png", png(*chunks, at=-12), "png:comfyui")
    prefixed = png((b"eXIf", b"Exif\0\0" + exif(comment=utf16(A1111))))
    yield _claimed("a1111-exif-prefix.png", prefixed, "exif:a1111")
    noted = exif(Make="workflow:" + COMFY_WORKFLOW, Model="prompt:" + COMFY_PROMPT, maker_note=NOTE)
    yield _claimed("comfyui-with-note.webp", webp((b"EXIF", noted)), "exif:comfyui")
    for key in ("invokeai_metadata", "invokeai_graph", "invokeai_workflow", "sd-metadata"):
        data = png(text(key, json.dumps({"app_version": "4.2.0", "positive_prompt": "a cat"})))
        yield _claimed(f"{key}.png", data, "png:invokeai")
    dream = '"a cat in a hat" -s 50 -S 1234 -W 512 -H 512 -C 7.5 -A k_lms'
    yield _claimed("invokeai-dream.png", png_texts(Dream=dream), "png:invokeai")
    yield _claimed("novelai.png", png_texts(**NOVEL), "png:novelai")
    yield _claimed(
        "fooocus.png", png_texts(parameters=FOOOCUS, fooocus_scheme="fooocus"), "png:fooocus"
    )
    block = exif(Software="Fooocus v2.5.5", comment=utf16(FOOOCUS), maker_note=b"fooocus")
    yield _claimed("fooocus.jpg", jpeg_exif(block), "exif:fooocus")
    yield _claimed("fooocus.webp", webp((b"EXIF", block)), "exif:fooocus")
    tool = packet('xmp:CreatorTool="Draw Things"')
    yield _claimed("draw-things.png", png_xmp(tool), "xmp:draw-things")
    block = exif(comment=b"ASCII\0\0\0" + DRAW_THINGS.encode())
    yield _claimed("draw-things.jpg", jpeg_exif(block), "exif:draw-things")
    yield _claimed("swarmui.png", png_texts(parameters=SWARM), "png:swarmui")
    yield _claimed(
        "midjourney.png", png_texts(Description=JOB, Author="a person"), "png:midjourney"
    )
    yield _claimed(
        "midjourney-typed.png",
        png(
            text("Description", JOB),
            international_text("XML:com.adobe.xmp", AI_TYPE.decode()),
        ),
        "xmp:trainedAlgorithmicMedia;png:midjourney",
    )
    yield _claimed("midjourney.jpg", jpeg_xmp(description(JOB)), "xmp:midjourney")
    yield _claimed("grok.jpg", jpeg_exif(exif(**GROK)), "exif:grok")
    yield _claimed("aigc.png", png_texts(AIGC=LABEL), "png:aigc-1")
    escaped = LABEL.replace('"', "&quot;")
    yield _claimed("aigc.jpg", jpeg_xmp(packet(f'TC260:AIGC="{escaped}"')), "xmp:aigc-1")
    element = packet(elements=f"<TC260:AIGC>{LABEL}</TC260:AIGC>")
    yield _claimed("aigc-element.jpg", jpeg_xmp(element), "xmp:aigc-1")
    block = exif(comment=b"ASCII\0\0\0" + json.dumps({"AIGC": json.loads(LABEL)}).encode())
    yield _claimed("aigc-exif.jpg", jpeg_exif(block), "exif:aigc-1")
    yield _claimed("aigc-maybe.png", png_texts(AIGC=MAYBE), "png:aigc-2", "other")
    yield _claimed("firefly.tif", tiff(Software="Adobe Firefly"), "exif:firefly")
    yield _claimed("dall-e.png", png_texts(Software="DALL-E 3"), "png:dall-e")


def _source_types():
    ai = "xmp:trainedAlgorithmicMedia"
    yield _claimed("ai-type.jpg", jpeg_xmp(AI_TYPE), ai)
    yield _claimed("ai-type.png", png_xmp(AI_TYPE), ai)
    yield _claimed("ai-type.webp", webp((b"XMP ", AI_TYPE)), ai)
    yield _claimed("ai-type.gif", gif_xmp(AI_TYPE), ai)
    yield _claimed("ai-type.tif", tiff(xmp=AI_TYPE), ai)
    yield _claimed("ai-type.avif", avif(xmp=AI_TYPE), ai)
    yield _claimed("ai-type.heic", heif((b"mime", AI_TYPE)), ai)
    word = jpeg_xmp(source_type_packet("trainedAlgorithmicMedia"))
    yield _claimed("ai-word.jpg", word, ai)
    element = packet(
        elements="<Iptc4xmpExt:DigitalSourceType>trainedAlgorithmicMedia"
        "</Iptc4xmpExt:DigitalSourceType>"
    )
    yield _claimed("ai-element.jpg", jpeg_xmp(element), ai)
    resource = packet(
        elements=f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{URI}trainedAlgorithmicMedia"/>'
    )
    yield _claimed("ai-resource.jpg", jpeg_xmp(resource), ai)
    yield _claimed("ai-imagemagick.png", png(raw_profile("xmp", AI_TYPE)), ai)
    edited = "xmp:compositeWithTrainedAlgorithmicMedia"
    for name, kind in (
        ("edited", "compositeWithTrainedAlgorithmicMedia"),
        ("edited-misspelled", "compositedWithTrainedAlgorithmicMedia"),
    ):
        data = jpeg_xmp(source_type_packet(URI + kind))
        yield _claimed(f"{name}.jpg", data, edited, "ai-edited")
    synthetic = jpeg_xmp(source_type_packet(URI + "compositeSynthetic"))
    yield _claimed("synthetic.jpg", synthetic, "xmp:compositeSynthetic", "ai-edited")
    for kind in ("algorithmicMedia", "digitalCapture", "computationalCapture", "digitalArt"):
        data = jpeg_xmp(source_type_packet(URI + kind))
        yield _claimed(f"{kind}.jpg", data, f"xmp:{kind}", "other")


def _google():
    made = packet('photoshop:Credit="Made with Google AI"')
    yield _claimed("google.jpg", jpeg_xmp(made), "xmp:google-ai")
    yield _claimed("google-iim.jpg", jpeg_iim(iim("Made with Google AI")), "iim:google-ai")
    yield _claimed("google-iim.tif", tiff(iptc=iim("Made with Google AI")), "iim:google-ai")
    block = raw_profile("iptc", photoshop(iim("Made with Google AI")))
    yield _claimed("google-iim.png", png(block), "iim:google-ai")
    edited = packet('photoshop:Credit="Edited with Google AI"')
    yield _claimed("google-edited.jpg", jpeg_xmp(edited), "xmp:google-ai-edited", "ai-edited")
    photograph = jpeg(
        (0xE1, b"Exif\0\0" + exif(**CAMERA, maker_note=NOTE)),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + edited),
    )
    yield _claimed(
        "google-edited-photograph.jpg",
        photograph,
        "xmp:google-ai-edited;exif:maker-note",
        "ai-edited",
    )


def _cameras():
    block = exif(**CAMERA, maker_note=NOTE)
    yield _claimed("camera.jpg", jpeg_exif(block), "exif:maker-note", "camera")
    big = exif(">", **CAMERA, maker_note=NOTE)
    yield _claimed("camera-big.jpg", jpeg_exif(big), "exif:maker-note", "camera")
    yield _claimed("camera.webp", webp((b"EXIF", block)), "exif:maker-note", "camera")
    yield _claimed("camera.png", png((b"eXIf", block)), "exif:maker-note", "camera")
    yield _claimed("camera.heic", heif((b"Exif", block)), "exif:maker-note", "camera")
    yield _claimed("camera.avif", avif(exif=block), "exif:maker-note", "camera")
    yield _claimed("camera.tif", tiff(**CAMERA, maker_note=NOTE), "exif:maker-note", "camera")
    yield _claimed("make-model.jpg", jpeg_exif(exif(**CAMERA)), "exif:make-model", "other")
    short = exif(**CAMERA, maker_note=NOTE[:31])
    yield _claimed("short-note.jpg", jpeg_exif(short), "exif:make-model", "other")
    empty = exif(**CAMERA, maker_note=bytes(64))
    yield _claimed("empty-note.jpg", jpeg_exif(empty), "exif:make-model", "other")
    both = jpeg(
        (0xE1, b"Exif\0\0" + exif(**CAMERA, maker_note=NOTE)),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + AI_TYPE),
    )
    evidence = "xmp:trainedAlgorithmicMedia;exif:maker-note"
    yield _claimed("ai-over-camera.jpg", both, evidence)


def _controls():
    for format_name in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"):
        yield Case(f"plain.{format_name.lower()}", plain(format_name))
    yield Case("make-alone.jpg", jpeg_exif(exif(Make="SONY")))
    yield Case("photoshop.jpg", jpeg_xmp(packet('xmp:CreatorTool="Adobe Photoshop 25.0"')))
    yield Case("lightroom.jpg", jpeg_exif(exif(Software="Adobe Photoshop Lightroom 7.0")))
    yield Case("credit.jpg", jpeg_xmp(packet('photoshop:Credit="A person"')))
    yield Case("xmp-empty.jpg", jpeg_xmp(b""))
    yield Case("exif-empty.jpg", jpeg_exif(b""))


def _traps():
    """Files that mention generation, and do not state it."""
    caption = "midjourney prompt, Steps: 20, Sampler: Euler, made with Google AI"
    yield Case("caption.png", png_texts(Description=caption, Comment=caption, Title=caption))
    yield Case("caption-settings.png", png_texts(Description=A1111))
    yield Case("caption.jpg", jpeg_exif(exif(ImageDescription=caption)))
    yield Case("caption-xmp.jpg", jpeg_xmp(description(caption)))
    yield Case("comment.jpg", jpeg((0xFE, A1111.encode())))
    yield Case("user-comment.jpg", jpeg_exif(exif(comment=utf16("Steps: 20, by the sea"))))
    yield Case("credit-longer.jpg", jpeg_xmp(packet('photoshop:Credit="Not made with Google AI"')))
    yield Case("caption-iim.jpg", jpeg_iim(iim("Made with Google AI", data_set=120)))
    yield Case("tool-within.png", png_texts(Software="GIMP, not Midjourney"))
    yield Case("tool-longer.png", png_texts(Software="Groking Photo Editor"))
    yield Case("prompt-of-a-shell.png", png_texts(prompt="$ ", workflow="save, then print"))
    yield Case("parameters-of-a-plot.png", png_texts(parameters='{"alpha": 0.5}'))
    quoted = 'Iptc4xmpExt:DigitalSourceType="trainedAlgorithmicMedia"'
    yield Case("quoted-xmp.jpg", jpeg_xmp(description(quoted)))
    history = packet(
        elements="<xmpMM:History><rdf:Seq><rdf:li rdf:parseType='Resource'>"
        "<stEvt:softwareAgent>Midjourney</stEvt:softwareAgent>"
        "<Iptc4xmpExt:DigitalSourceType>trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>"
        "</rdf:li></rdf:Seq></xmpMM:History>"
    )
    yield Case("history.jpg", jpeg_xmp(history))
    yield Case("unknown-word.jpg", jpeg_xmp(source_type_packet("notTrainedAlgorithmicMedia")))
    yield Case("other-host.jpg", jpeg_xmp(source_type_packet("http://x/trainedAlgorithmicMedia")))
    entity = AI_TYPE.replace(
        b"<x:xmpmeta", b'<!DOCTYPE x [<!ENTITY a "trainedAlgorithmicMedia">]><x:xmpmeta', 1
    )
    yield Case("entities.jpg", jpeg_xmp(entity))
    yield Case("signature-alone.jpg", jpeg_exif(exif(ImageDescription=GROK["ImageDescription"])))
    chunk = png_texts(parameters=A1111)[33:-12]
    yield Case("after-iend.png", plain("PNG") + chunk[: chunk.index(b"IDAT")])
    yield Case("after-eoi.jpg", plain("JPEG") + jpeg_xmp(AI_TYPE))
    yield Case(
        "after-riff.webp", plain("WEBP") + b"XMP " + len(AI_TYPE).to_bytes(4, "little") + AI_TYPE
    )
    yield Case("after-trailer.gif", plain("GIF") + gif_xmp(AI_TYPE)[13:])
    yield Case("in-pixels.png", png((b"IDAT", b"parameters\0" + A1111.encode()), at=33))
    yield Case("unknown-gif.gif", gif((b"NETSCAPE2.0", b"\x03\x01\0\0\0")))
    big = packet(elements=f"<dc:description>{'x' * (1 << 21)}</dc:description>")
    yield Case("oversized.png", png_xmp(big.replace(b"<dc:desc", b"<!-- -->" + b"<dc:desc")))


def _damaged():
    png_data = png_texts(parameters=A1111)
    yield _claimed("cut-behind-text.png", png_data[: len(png_data) - 40], "png:a1111")
    yield Case("cut-in-text.png", png_data[:90])
    jpeg_data = jpeg_xmp(AI_TYPE)
    yield Case("cut-in-block.gif", plain("GIF")[:-1] + b"\x21")
    yield Case("cut-in-xmp.jpg", jpeg_data[:400])
    damaged = jpeg_xmp(AI_TYPE.replace(b"</rdf:RDF>", b"<<<"))
    yield _claimed("damaged-end.jpg", damaged, "xmp:trainedAlgorithmicMedia")
    yield Case("bad-zlib.png", png((b"zTXt", b"parameters\0\0not deflated")))
    pointer = bytearray(exif(**CAMERA, maker_note=NOTE))
    pointer[-8:] = b"\xff" * 8
    yield _claimed("odd-note.jpg", jpeg_exif(bytes(pointer)), "exif:maker-note", "camera")


def plain_cases():
    """All files without content credentials."""
    parts = (_a1111_family, _other_generators, _source_types, _google, _cameras, _controls, _traps)
    return [case for part in (*parts, _damaged) for case in part()]
