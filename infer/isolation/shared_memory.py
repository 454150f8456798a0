"""Memory without a name that a process can share with one that it starts."""

import fcntl
import os
import tempfile


def memory_file(size: int) -> int:
    """A descriptor of so many zero bytes, to be mapped; where the kernel can, of fixed size.

    Else whoever shares it could cut it short, and then reading it ends the process (SIGBUS).

    Raises:
        OSError: it cannot be had.
    """
    descriptor = _unnamed()
    try:
        os.ftruncate(descriptor, size)
        if hasattr(os, "MFD_ALLOW_SEALING"):
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
