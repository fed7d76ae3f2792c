from typing import Any

import numpy as np
from numpy.typing import NDArray

def encode(values: NDArray[Any], n_symbols: int, index: NDArray[np.int32]) -> int: ...
def mark(values: NDArray[Any], low: int, seen: NDArray[np.uint8]) -> None: ...
def look_up(points: NDArray[np.uint32], table: NDArray[np.int32], index: NDArray[np.int32]) -> int: ...
def characters(strings: NDArray[np.uint8], points: NDArray[np.uint32]) -> bool: ...
def count(
    states: NDArray[np.int32],
    index: NDArray[np.int32],
    bounds: NDArray[np.int64],
    weight: NDArray[np.float64] | None,
    stop: NDArray[np.int32],
    start: NDArray[np.float64],
    trans: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> bool: ...
