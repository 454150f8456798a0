"""Content credentials (C2PA)."""
