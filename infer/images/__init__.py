"""Decoding: bytes of a file to upright RGB to the model's input."""
