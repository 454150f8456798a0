"""A scan from its request to its last row."""
