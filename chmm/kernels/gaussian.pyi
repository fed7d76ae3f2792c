import numpy as np
from numpy.typing import NDArray

def log_densities(
    values: NDArray[np.float64],
    means: NDArray[np.float64],
    halves: NDArray[np.float64],
    constants: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None: ...
def crossed_log_densities(
    values: NDArray[np.float64],
    means: NDArray[np.float64],
    roots: NDArray[np.float64],
    constants: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None: ...
def add_scatter(
    values: NDArray[np.float64],
    means: NDArray[np.float64],
    weights: NDArray[np.float64],
    mass: NDArray[np.float64],
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
) -> None: ...
def add_crossed_scatter(
    values: NDArray[np.float64],
    means: NDArray[np.float64],
    weights: NDArray[np.float64],
    mass: NDArray[np.float64],
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
) -> None: ...
