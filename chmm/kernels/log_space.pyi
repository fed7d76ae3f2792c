import numpy as np
from numpy.typing import NDArray

def forward(
    log_transmat: NDArray[np.float64],
    log_rows: NDArray[np.float64],
    stop: NDArray[np.int32],
    log_alpha: NDArray[np.float64],
    log_scale: NDArray[np.float64],
) -> int: ...
def backward(
    log_transmat: NDArray[np.float64],
    log_rows: NDArray[np.float64],
    log_scale: NDArray[np.float64],
    stop: NDArray[np.int32],
    log_beta: NDArray[np.float64],
) -> int: ...
def pair_counts(
    log_transmat: NDArray[np.float64],
    log_alpha: NDArray[np.float64],
    future: NDArray[np.float64],
    stop: NDArray[np.int32],
    trans: NDArray[np.float64],
) -> int: ...
