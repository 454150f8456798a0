"""Small pictures with metadata, as their writers lay them into each container."""

import functools
import io
import struct
import zlib

from PIL import Image

from trustthepixels.infer.images.formats.registry import identify
from trustthepixels.infer.provenance import find

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
XAP = "http://ns.adobe.com/xap/1.0/"


@functools.cache
def plain(format_name):
    """A picture of this format without metadata."""
    out = io.BytesIO()
    picture = Image.linear_gradient("L").resize((96, 96)).convert("RGB")
    picture.save(out, format_name)
    return out.getvalue()


def packet(attributes="", elements=""):
    """A packet of XMP with these properties of the picture."""
    names = (
        f'xmlns:rdf="{RDF}" xmlns:x="adobe:ns:meta/" xmlns:Iptc4xmpExt="{IPTC_EXT}" '
        f'xmlns:photoshop="{PHOTOSHOP}" xmlns:xmp="{XAP}" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" '
        'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" '
        'xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"'
    )
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta {names}><rdf:RDF><rdf:Description rdf:about="" {attributes}>{elements}'
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def source_type_packet(kind):
    return packet(f'Iptc4xmpExt:DigitalSourceType="{kind}"')


def iim(credit, record=2, data_set=110):
    """A block of IPTC with one data set."""
    text = credit.encode()
    return struct.pack(">BBBH", 0x1C, record, data_set, len(text)) + text


def photoshop(block):
    """Photoshop's resources with a block of IPTC."""
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block + b"\0" * (len(block) % 2)


TAGS = {
    "ImageDescription": 0x010E,
    "Make": 0x010F,
    "Model": 0x0110,
    "Software": 0x0131,
    "Artist": 0x013B,
}
MAKER_NOTE, USER_COMMENT = 0x927C, 0x9286


def exif(order="<", *, maker_note=b"", comment=b"", **texts):
    """A block of EXIF from the byte order on."""
    first = [(TAGS[name], 2, text.encode() + b"\0") for name, text in texts.items()]
    below = [
        (tag, 7, value)
        for tag, value in ((MAKER_NOTE, maker_note), (USER_COMMENT, comment))
        if value
    ]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    pointer = [(0x8769, 4, b"")] if below else []
    block = _directory(order, first + pointer, 8)
    if below:
        start = 8 + len(block)
        first[:] = sorted(first)
        block = _directory(order, [*first, (34665, 4, struct.pack(order + "I", start))], 8)
        block += _directory(order, below, start)
    return head + block


def _directory(order, entries, start):
    entries = sorted(entries)
    values_at = start + 2 + 12 * len(entries) + 4
    head, values = struct.pack(order + "H", len(entries)), b""
    for tag, kind, value in entries:
        size = 1 if kind == 4 else len(value)
        head += struct.pack(order + "HHI", tag, kind, size)
        if len(value) <= 4:
            head += value.ljust(4, b"\0")
        else:
            head += struct.pack(order + "I", values_at + len(values))
            values += value + b"\0" * (len(value) % 2)
    return head + struct.pack(order + "I", 0) + values


def utf16(text, order="be"):
    """A comment as most writers encode it."""
    return b"UNICODE\0" + text.encode(f"utf-16-{order}")


def jpeg(*segments):
    """A JPEG with application segments, each a marker and its content."""
    data = plain("JPEG")
    made = b"".join(
        bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content
        for marker, content in segments
    )
    return data[:2] + made + data[2:]


def jpeg_exif(block):
    return jpeg((0xE1, b"Exif\0\0" + block))


def jpeg_xmp(content):
    return jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + content))


def jpeg_iim(block):
    return jpeg((0xED, b"Photoshop 3.0\0" + photoshop(block)))


def png_chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(*chunks, at=33):
    """A PNG with more chunks, each a type and its content, behind its header."""
    data = plain("PNG")
    return data[:at] + b"".join(png_chunk(*chunk) for chunk in chunks) + data[at:]


def text(keyword, content):
    return b"tEXt", keyword.encode("latin-1") + b"\0" + content.encode("latin-1")


def compressed_text(keyword, content):
    return b"zTXt", keyword.encode() + b"\0\0" + zlib.compress(content.encode("latin-1"))


def international_text(keyword, content, *, compressed=False):
    body = content.encode()
    body = zlib.compress(body) if compressed else body
    return b"iTXt", keyword.encode() + b"\0" + bytes((compressed, 0)) + b"\0\0" + body


def png_texts(**texts):
    return png(*(text(key.replace("__", "-"), content) for key, content in texts.items()))


def png_xmp(content):
    return png(international_text("XML:com.adobe.xmp", content.decode()))


def raw_profile(name, block):
    """A block in hexadecimal digits, as ImageMagick keeps it in a text."""
    digits = block.hex()
    lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    return compressed_text(f"Raw profile type {name}", f"\n{name}\n{len(block):8}\n{lines}\n")


def webp(*chunks):
    """An extended WebP with more chunks."""
    data = plain("WEBP")
    canvas = struct.pack("<I", 0x0C)[:4] + (95).to_bytes(3, "little") + (95).to_bytes(3, "little")
    body = _riff(b"VP8X", canvas) + data[12:] + b"".join(_riff(*chunk) for chunk in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _riff(kind, content):
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def gif(*applications):
    """A GIF with application blocks in front of its trailer."""
    made = b""
    for name, content in applications:
        made += b"\x21\xff\x0b" + name + content
    return plain("GIF")[:-1] + made + b";"


def gif_xmp(content):
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    return gif((b"XMP DataXMP", content + trailer))


def tiff(order="<", **values):
    """A TIFF whose first directory also holds the tags of ``exif``, XMP and IPTC."""
    tags = {700: values.pop("xmp", None), 33723: values.pop("iptc", None)}
    comment, maker_note = values.pop("comment", None), values.pop("maker_note", None)
    out = io.BytesIO()
    picture = Image.open(io.BytesIO(plain("PNG")))
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory = ImageFileDirectory_v2()
    for tag, value in tags.items():
        if value is not None:
            directory.tagtype[tag] = 7
            directory[tag] = value
    for name, value in values.items():
        directory[TAGS[name]] = value
    below = {
        tag: value for tag, value in ((MAKER_NOTE, maker_note), (USER_COMMENT, comment)) if value
    }
    if below:
        directory[0x8769] = below
    picture.save(out, "TIFF", tiffinfo=directory)
    return out.getvalue()


def avif(**metadata):
    out = io.BytesIO()
    Image.open(io.BytesIO(plain("PNG"))).save(out, "AVIF", **metadata)
    return out.getvalue()


def heif(*items, brand=b"heic"):
    """The containers of a HEIF, without pixels: each item has a type and its content."""
    infos, places, contents = b"", b"", b""
    for number, (kind, content) in enumerate(items, 1):
        if kind == b"Exif":
            content = struct.pack(">I", 0) + content
        media = b"application/rdf+xml\0" if kind == b"mime" else b""
        entry = struct.pack(">IHH", 2 << 24, number, 0) + kind + b"\0" + media
        infos += _box(b"infe", entry)
        places += struct.pack(">HHHHII", number, 1, 0, 1, len(contents), len(content))
        contents += content
    count = struct.pack(">H", len(items))
    boxes = _box(b"iinf", b"\0\0\0\0" + count + infos)
    boxes += _box(b"iloc", b"\1\0\0\0\x44\0" + count + places)
    boxes += _box(b"idat", contents)
    start = _box(b"ftyp", brand + b"\0\0\0\0mif1" + brand)
    return start + _box(b"meta", b"\0\0\0\0" + boxes)


def _box(kind, content):
    return struct.pack(">I", 8 + len(content)) + kind + content


def read_metadata(data):
    """Read the metadata of a file's bytes as a scan does."""
    return find.read_metadata(identify(data))
