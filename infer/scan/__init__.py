"""Scans, from files to rows."""
