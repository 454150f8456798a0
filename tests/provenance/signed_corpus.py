"""Files with real content credentials, signed here, with what is expected of them."""

import functools
import time
from dataclasses import dataclass

import c2pa
from credential_signing import BASE, Signer, manifest, other, short_lived, trusted
from metadata_corpus import AI_TYPE, CAMERA, NOTE
from metadata_writers import exif, jpeg_exif, jpeg_xmp, packet, plain

AI = ("c2pa.created", "trainedAlgorithmicMedia", "a generator")
CAPTURE = ("c2pa.created", "digitalCapture", "")
EDIT = ("c2pa.edited", "compositeWithTrainedAlgorithmicMedia", "a filler")


@dataclass(frozen=True)
class SignedCase:
    """A file, and its columns where the signatures are checked, and where they are not."""

    name: str
    data: bytes
    checked: tuple[str, str, str]
    unchecked: tuple[str, str, str]


def _made(name, data, origin, grade, word, unchecked_origin=None, unchecked_word=None):
    evidence = f"c2pa:{word}"
    unchecked = unchecked_origin or origin, "claimed", f"c2pa:{unchecked_word or word}"
    return SignedCase(name, data, (origin, grade, evidence), unchecked)


@functools.cache
def anchors():
    """Return the trust list of these tests."""
    return trusted().anchors + maker_of_none().anchors + _expired()[0].anchors


@functools.cache
def maker_of_none():
    """A trusted signer who builds no cameras."""
    return Signer("Honest Editors")


@functools.cache
def _expired():
    for seconds in (3, 10, 30, 90):
        started, signer = time.monotonic(), short_lived(seconds)
        try:
            data = signer.sign(plain("JPEG"), "image/jpeg", manifest(AI))
            photograph = signer.sign(plain("JPEG"), "image/jpeg", manifest(CAPTURE))
        except c2pa.C2paError:
            # A busy machine takes longer to sign than the certificate holds.
            continue
        time.sleep(max(0.0, started + seconds + 1.5 - time.monotonic()))
        return signer, data, photograph
    raise AssertionError("this machine cannot sign within 90 seconds")


def _ingredient(data, relationship="parentOf"):
    return {"title": "a picture", "relationship": relationship}, "image/jpeg", data


@functools.cache
def signed_cases():
    """All files with content credentials."""
    return (*_containers(), *_statements(), *_ingredients(), *_damaged())


def _containers():
    word = "trainedAlgorithmicMedia"
    for format_name in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"):
        media = f"image/{format_name.lower()}"
        data = trusted().sign(plain(format_name), media, manifest(AI))
        yield _made(f"trusted.{format_name.lower()}", data, "ai", "signed", word)
    data = other().sign(plain("JPEG"), "image/jpeg", manifest(AI))
    yield _made("unknown-signer.jpg", data, "ai", "intact", word)
    _, expired, photograph = _expired()
    yield _made("expired.jpg", expired, "ai", "intact", word)
    yield _made("expired-camera.jpg", photograph, "other", "intact", "digitalCapture")


def _statements():
    def signed(*actions, by=None, generator="a test"):
        return (by or trusted()).sign(
            plain("JPEG"), "image/jpeg", manifest(*actions, generator=generator)
        )

    yield _made("camera.jpg", signed(CAPTURE), "camera", "signed", "digitalCapture", "other")
    untrusted = signed(CAPTURE, by=other())
    yield _made("camera-unknown.jpg", untrusted, "other", "intact", "digitalCapture")
    editor = signed(CAPTURE, by=maker_of_none())
    yield _made("camera-of-editor.jpg", editor, "other", "signed", "digitalCapture")
    rules = ("c2pa.created", "algorithmicMedia", "")
    yield _made("algorithmic.jpg", signed(rules), "other", "signed", "algorithmicMedia")
    edited = ("c2pa.created", "compositeWithTrainedAlgorithmicMedia", "")
    word = "compositeWithTrainedAlgorithmicMedia"
    yield _made("edited.jpg", signed(edited), "ai-edited", "signed", word)
    misspelled = ("c2pa.created", BASE + "compositedWithTrainedAlgorithmicMedia", "")
    yield _made("edited-misspelled.jpg", signed(misspelled), "ai-edited", "signed", word)
    # No source type, only the generator's name.
    named = signed(("c2pa.created", BASE + "unheardOf", "Image Creator from Designer"), by=other())
    yield _made("named-agent.jpg", named, "ai", "intact", "microsoft")
    named = signed(("c2pa.created", BASE + "unheardOf", ""), generator="Microsoft_Responsible_AI")
    yield _made("named-generator.jpg", named, "ai", "signed", "microsoft")
    plainly = signed(("c2pa.created", BASE + "unheardOf", ""))
    yield _made("no-statement.jpg", plainly, "other", "signed", "manifest")
    photograph = jpeg_exif(exif(**CAMERA, maker_note=NOTE))
    data = trusted().sign(photograph, "image/jpeg", manifest(AI))
    evidence = "c2pa:trainedAlgorithmicMedia;exif:maker-note"
    yield SignedCase(
        "ai-over-camera.jpg", data, ("ai", "signed", evidence), ("ai", "claimed", evidence)
    )


def _ingredients():
    word = "trainedAlgorithmicMedia"
    opened = ("c2pa.opened", "", "")
    ai = other().sign(plain("JPEG"), "image/jpeg", manifest(AI))
    trusted_ai = trusted().sign(plain("JPEG"), "image/jpeg", manifest(AI))
    photograph = trusted().sign(plain("JPEG"), "image/jpeg", manifest(CAPTURE))
    unknown_photograph = other().sign(plain("JPEG"), "image/jpeg", manifest(CAPTURE))

    def derived(*actions, of, by=None, relationship="parentOf"):
        return (by or trusted()).sign(
            plain("JPEG"), "image/jpeg", manifest(*actions), [_ingredient(of, relationship)]
        )

    # A trusted editor does not lend its trust to what it opened.
    yield _made("opened-unknown-ai.jpg", derived(opened, of=ai), "ai", "intact", word)
    yield _made("opened-trusted-ai.jpg", derived(opened, of=trusted_ai), "ai", "signed", word)
    unknown = derived(opened, of=trusted_ai, by=other())
    yield _made("opened-by-unknown.jpg", unknown, "ai", "intact", word)
    yield _made(
        "opened-camera.jpg",
        derived(opened, of=photograph),
        "camera",
        "signed",
        "digitalCapture",
        "other",
    )
    laundered = derived(opened, of=unknown_photograph)
    yield _made("opened-unknown-camera.jpg", laundered, "other", "intact", "digitalCapture")
    edited = derived(opened, EDIT, of=photograph)
    yield SignedCase(
        "ai-edit-of-photograph.jpg",
        edited,
        ("ai-edited", "signed", "c2pa:compositeWithTrainedAlgorithmicMedia;c2pa:digitalCapture"),
        ("ai-edited", "claimed", "c2pa:compositeWithTrainedAlgorithmicMedia;c2pa:digitalCapture"),
    )
    filled = derived(opened, ("c2pa.edited", word, "Adobe Firefly"), of=photograph)
    yield SignedCase(
        "generated-part.jpg",
        filled,
        ("ai-edited", "signed", f"c2pa:{word};c2pa:digitalCapture"),
        ("ai-edited", "claimed", f"c2pa:{word};c2pa:digitalCapture"),
    )
    placed = derived(CAPTURE, of=ai, relationship="componentOf")
    yield SignedCase(
        "placed-ai.jpg",
        placed,
        ("ai-edited", "intact", f"c2pa:{word};c2pa:digitalCapture"),
        ("ai-edited", "claimed", f"c2pa:{word};c2pa:digitalCapture"),
    )


def _damaged():
    word = "trainedAlgorithmicMedia"
    signed = trusted().sign(plain("JPEG"), "image/jpeg", manifest(AI))
    tampered = bytearray(signed)
    tampered[-20] ^= 0x55
    broken = ("ai", "broken", f"c2pa:{word};c2pa:broken")
    yield SignedCase("tampered.jpg", bytes(tampered), broken, ("ai", "claimed", f"c2pa:{word}"))
    appended = signed + b"more"
    yield SignedCase("appended.jpg", appended, broken, ("ai", "claimed", f"c2pa:{word}"))
    photograph = trusted().sign(plain("JPEG"), "image/jpeg", manifest(CAPTURE))
    moved = signed[:2] + app11(photograph) + plain("JPEG")[2:-2] + b"\0\xff\xd9"
    yield SignedCase(
        "moved-camera.jpg",
        moved,
        ("other", "broken", "c2pa:broken;c2pa:digitalCapture"),
        ("other", "claimed", "c2pa:digitalCapture"),
    )
    # Plain metadata beside a manifest that does not fit are as good as without it.
    both = bytearray(signed)
    both[2:2] = b"\xff\xe1" + (len(AI_TYPE) + 31).to_bytes(2, "big")
    both[6:6] = b"http://ns.adobe.com/xap/1.0/\0" + AI_TYPE
    evidence = f"c2pa:{word};xmp:{word};c2pa:broken"
    yield SignedCase(
        "broken-and-claimed.jpg",
        bytes(both),
        ("ai", "claimed", evidence),
        ("ai", "claimed", f"xmp:{word};c2pa:{word}"),
    )
    remote = jpeg_remote("http://127.0.0.1:9/manifest")
    pointer = ("other", "claimed", "c2pa:remote")
    yield SignedCase("remote.jpg", remote, pointer, pointer)


def app11(data):
    """The APP11 segments of a JPEG."""
    found, position = b"", 2
    while data[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        found += data[position:end] if data[position + 1] == 0xEB else b""
        position = end
    return found


def jpeg_remote(address):
    """A JPEG that only names the address of its manifest."""
    return jpeg_xmp(packet(f'dcterms:provenance="{address}"'))
