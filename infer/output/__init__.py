"""Output: rows to bytes on a disk, and back."""
