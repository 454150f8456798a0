"""Commands for browsers."""
