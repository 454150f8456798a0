"""Files: from a name to bytes."""
