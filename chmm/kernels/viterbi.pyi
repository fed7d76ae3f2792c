import numpy as np
from numpy.typing import NDArray

def viterbi(
    log_startprob: NDArray[np.float64],
    log_transmat: NDArray[np.float64],
    log_transposed: NDArray[np.float64],
    log_rows: NDArray[np.float64],
    index: NDArray[np.int32],
    bounds: NDArray[np.int64],
    stop: NDArray[np.int32],
    budget: int,
    path: NDArray[np.intp],
    score: NDArray[np.float64],
    status: NDArray[np.int32],
    step: NDArray[np.int64],
) -> bool: ...
