"""Pictures in the ways of storing that a page meets, made by code."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

ORIENTATION = 0x0112
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><tiff:Orientation>{}</tiff:Orientation></x:xmpmeta>'


def stored(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def with_exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif.tobytes()


def clear_picture(photo: Image.Image) -> Image.Image:
    """A photograph whose alpha runs from 0 to 255 across, with all values of both."""
    picture = photo.convert("RGBA")
    ramp = np.linspace(0, 255, picture.width).round().astype(np.uint8)
    picture.putalpha(Image.fromarray(np.broadcast_to(ramp, (picture.height, picture.width)).copy()))
    return picture


def plain_cases(examples: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of opaque pictures."""
    photo = Image.open(examples / "Real" / "coffee.jpg").convert("RGB")
    # An odd size, of which no edge is like another.
    photo = photo.crop((3, 5, 450, 388))
    grey = photo.convert("L")
    for turn in range(1, 9):
        yield f"exif-{turn}.jpg", stored(photo, "JPEG", exif=with_exif(turn))
        yield f"exif-{turn}.png", stored(photo, "PNG", exif=with_exif(turn))
        yield f"exif-{turn}.webp", stored(photo, "WEBP", exif=with_exif(turn), lossless=True)
        yield f"xmp-{turn}.jpg", stored(photo, "JPEG", xmp=XMP.format(turn).encode())
        yield f"xmp-{turn}.webp", stored(photo, "WEBP", xmp=XMP.format(turn).encode())
    both = {"exif": with_exif(6), "xmp": XMP.format(3).encode()}
    yield "both.jpg", stored(photo, "JPEG", **both)
    yield "both.webp", stored(photo, "WEBP", **both)
    yield "grey.jpg", stored(grey, "JPEG")
    yield "grey.png", stored(grey, "PNG")
    yield "grey-16.png", stored(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "PNG")
    yield "line.png", stored(grey.convert("1"), "PNG")
    yield "palette.png", stored(photo.quantize(64), "PNG")
    yield "444.jpg", stored(photo, "JPEG", subsampling=0, quality=93)
    yield "progressive.jpg", stored(photo, "JPEG", progressive=True, quality=60)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    yield "profile.jpg", stored(photo, "JPEG", icc_profile=profile)
    yield "lossy.webp", stored(photo, "WEBP", quality=70)
    yield "plain.gif", stored(photo, "GIF")
    yield "plain.bmp", stored(photo, "BMP")
    yield "plain.avif", stored(photo, "AVIF", quality=80, subsampling="4:4:4")
    yield "small.png", stored(photo.resize((40, 30)), "PNG")
    yield "wide.png", stored(photo.resize((3000, 9)), "PNG")
    yield "tall.jpg", stored(photo.resize((70, 2600)), "JPEG")
    yield "model-sized.png", stored(photo.resize((160, 160)), "PNG")


def clear_cases(examples: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of pictures with transparency."""
    photo = Image.open(examples / "Real" / "chelsea.jpg").convert("RGB")
    clear = clear_picture(photo)
    yield "clear.png", stored(clear, "PNG")
    yield "clear.webp", stored(clear, "WEBP", lossless=True, exact=True)
    yield "clear-turned.webp", stored(clear, "WEBP", lossless=True, exif=with_exif(8))
    yield "clear-grey.png", stored(clear.convert("LA"), "PNG")
    yield "clear-palette.png", stored(photo.quantize(32), "PNG", transparency=5)
    yield "clear.gif", stored(photo.quantize(32), "GIF", transparency=3)


def printed_case(examples: Path) -> bytes:
    """A CMYK JPEG, as Adobe's programs store it."""
    photo = Image.open(examples / "Real" / "coffee.jpg").convert("CMYK")
    return stored(photo, "JPEG", quality=95)
