"""Type of pixels, for modules that decode nothing."""

import numpy as np
import numpy.typing as npt

PixelArray = npt.NDArray[np.uint8]
"""Pixels, 0 to 255, RGB in the last axis."""
