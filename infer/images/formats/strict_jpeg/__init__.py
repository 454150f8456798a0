"""Strict decoding of JPEG: markers, holes, unusual sampling, pixels."""
