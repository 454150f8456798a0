"""Rows to bytes on a disk, and back."""
