import numpy as np
from numpy.typing import NDArray

def sample_paths(
    start: NDArray[np.float64],
    trans: NDArray[np.float64],
    bounds: NDArray[np.int64],
    uniforms: NDArray[np.float64],
    path: NDArray[np.int32],
) -> None: ...
