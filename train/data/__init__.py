"""Labelled pictures, and their splits."""
