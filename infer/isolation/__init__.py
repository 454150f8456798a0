"""Decoding in other processes."""
