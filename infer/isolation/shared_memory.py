"""Anonymous memory that a process can share with a child."""

import os
import tempfile

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]


def memory_file(size: int) -> int:
    """Return a descriptor of so many zero bytes, to be mapped; of fixed size if the kernel can.

    Without a fixed size, the child could cut it short, and reading it would end this process
    (SIGBUS).

    Raises:
        OSError: the memory is unavailable.
    """
    descriptor = _unnamed()
    try:
        os.ftruncate(descriptor, size)
        if fcntl is not None and hasattr(os, "MFD_ALLOW_SEALING"):
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _unnamed() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("trustthepixels", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
