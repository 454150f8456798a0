"""A file's bytes to its metadata, as a scan reads them."""

from trustthepixels.infer.images.formats.registry import identify
from trustthepixels.infer.provenance import find


def read_metadata(data):
    return find.read_metadata(identify(data))
