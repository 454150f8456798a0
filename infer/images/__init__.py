"""Bytes of a file to upright RGB to what the model sees."""
