"""Availability of child processes on this system; quick to load."""

import os
import select
import sys

can_start = all(
    (
        bool(sys.executable),
        not getattr(sys, "frozen", False),
        hasattr(select, "poll"),
        hasattr(os, "set_blocking"),
    )
)
"""True if this process can start another Python and wait for it; not frozen, and not on Windows."""
