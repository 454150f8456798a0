"""Labelled pictures as arrays and tensors."""
