"""Metadata segments of each container."""
