import numpy as np
from numpy.typing import NDArray

def scale_rows(
    log_rows: NDArray[np.float64],
    rows: NDArray[np.float64],
    shift: NDArray[np.float64],
    lost: NDArray[np.uint8] | None,
) -> bool: ...
