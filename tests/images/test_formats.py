"""Decoded formats depend on the installed decoders, and the walk follows."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from PIL import Image, features

from trustthepixels.infer.images.decode import decode
from trustthepixels.infer.images.failures import DecodeError
from trustthepixels.infer.images.formats.registry import image_extensions, registered_formats


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ask anew what is installed, and forget the answer."""
    # A plugin registers itself once, when it is first imported; only then is there what to restore.
    registered_formats()
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    registered_formats.cache_clear()
    image_extensions.cache_clear()
    yield
    registered_formats.cache_clear()
    image_extensions.cache_clear()


def test_the_usual_formats_are_always_there():
    usual = {"jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"}
    assert usual <= image_extensions()


def test_no_plugin_that_could_run_programs_is_asked():
    assert not {"EPS", "PDF", "WMF", "FPX", "MIC"} & set(registered_formats())


def test_avif_is_there_where_pillow_was_built_with_its_decoder(monkeypatch):
    assert ("avif" in image_extensions()) == bool(features.check("avif"))
    registered_formats.cache_clear()
    image_extensions.cache_clear()
    monkeypatch.setattr(features, "check", lambda feature: feature != "avif")
    assert "avif" not in image_extensions()


def test_heif_is_there_where_its_decoder_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    assert not {"heic", "heif"} & image_extensions()
    registered_formats.cache_clear()
    image_extensions.cache_clear()
    stand_in = ModuleType("pi_heif")
    stand_in.register_heif_opener = lambda: Image.OPEN.update(HEIF=(None, None))
    monkeypatch.setitem(sys.modules, "pi_heif", stand_in)
    assert {"heic", "heif"} <= image_extensions()


def test_without_its_decoder_a_heif_file_gets_a_row_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    with pytest.raises(DecodeError, match=r"unsupported: .*HEIF.*pip install pi-heif"):
        decode(content)
