"""Decode threads of a scan, and the processes that decode for them."""
