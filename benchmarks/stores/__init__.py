"""A scan from an object store, next to one from disk."""
