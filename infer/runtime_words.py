"""ONNX Runtime's errors in few words: the library's own, without the C++ around them."""

import re

from .errors import one_line

_LIBRARY_SAYS = re.compile(r"\b(?:CUDA|CUDNN|CUBLAS|CUFFT) failure \d+: [^;]+?(?= ;|$)")
"""In a text of hundreds of characters that begins with a function's signature."""

_TOO_MUCH = (
    "out of memory",
    "failed to allocate",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
    # How cuDNN refuses a tensor that is larger than its convolutions take.
    "cudnn_status_not_supported",
)
"""What ONNX Runtime's arenas, CUDA, cuDNN, cuBLAS and C++ say; none has a code of its own."""


def reason_of(error: Exception) -> str:
    """One line of why a session failed."""
    text = one_line(error)
    found = _LIBRARY_SAYS.search(text)
    return found.group() if found else text


def is_too_much(error: Exception) -> bool:
    """Whether a device refused a batch for its size: a smaller one may fit."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _TOO_MUCH)
