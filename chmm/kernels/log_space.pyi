import numpy as np
from numpy.typing import NDArray

NOTHING: float

def forward(
    startprob: NDArray[np.float64] | None,
    transmat: NDArray[np.float64],
    rows: NDArray[np.float64],
    index: NDArray[np.int32],
    stop: NDArray[np.int32],
    alpha: NDArray[np.float64],
) -> int: ...
def backward(
    transposed: NDArray[np.float64],
    rows: NDArray[np.float64],
    index: NDArray[np.int32],
    stop: NDArray[np.int32],
    beta: NDArray[np.float64],
) -> None: ...
def posteriors(
    transmat: NDArray[np.float64],
    transposed: NDArray[np.float64],
    rows: NDArray[np.float64],
    index: NDArray[np.int32],
    stop: NDArray[np.int32],
    alpha: NDArray[np.float64],
    beta: NDArray[np.float64],
    mantissa_of_total: float,
    exponent_of_total: float,
    weight: float,
    own: int,
    values: NDArray[np.int32],
    weights: NDArray[np.float64],
    trans: NDArray[np.float64] | None,
) -> None: ...
