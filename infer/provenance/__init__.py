"""Statements of a file about its own origin."""
