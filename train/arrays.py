"""Names of array types."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


BoolArray = npt.NDArray[np.bool_]


IntArray = npt.NDArray[np.integer]
