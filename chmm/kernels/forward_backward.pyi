from typing import final

import numpy as np
from numpy.typing import NDArray

@final
class Tables:
    def __init__(
        self,
        startprob: NDArray[np.float64],
        transmat: NDArray[np.float64],
        transposed: NDArray[np.float64],
        panels: NDArray[np.float64],
        turned: NDArray[np.float64],
        rows: NDArray[np.float64],
        shift: NDArray[np.float64],
        lost: NDArray[np.uint8] | None,
    ) -> None: ...

@final
class End:
    def __init__(
        self,
        tables: Tables,
        index: NDArray[np.int32],
        back: bool,
        weight: float,
        stretch: int,
        scratch: NDArray[np.float64],
    ) -> None: ...
    def grow(self, stop: NDArray[np.int32]) -> None: ...
    def count(
        self,
        start: NDArray[np.float64],
        pairs: NDArray[np.float64],
        weights: NDArray[np.float64],
        stop: NDArray[np.int32],
    ) -> None: ...

def row_width(n_states: int) -> int: ...
def in_panels(table: NDArray[np.float64], panels: NDArray[np.float64]) -> None: ...
def alpha_scratch(n_states: int, longest: int, budget: int) -> tuple[int, int]: ...
def end_scratch(n_states: int, longest: int, budget: int) -> tuple[int, int]: ...
def meet(front: End, back: End, pairs: NDArray[np.float64]) -> float | None: ...
def log_likelihood(
    tables: Tables,
    index: NDArray[np.int32],
    bounds: NDArray[np.int64],
    stop: NDArray[np.int32],
    loglik: NDArray[np.float64],
    status: NDArray[np.int32],
    step: NDArray[np.int64],
) -> bool: ...
def expected_counts(
    tables: Tables,
    index: NDArray[np.int32],
    bounds: NDArray[np.int64],
    weight: NDArray[np.float64] | None,
    stop: NDArray[np.int32],
    stretch: int,
    scratch: NDArray[np.float64],
    start: NDArray[np.float64],
    pairs: NDArray[np.float64],
    weights: NDArray[np.float64],
    loglik: NDArray[np.float64],
    status: NDArray[np.int32],
    step: NDArray[np.int64],
) -> bool: ...
def forward(
    tables: Tables,
    index: NDArray[np.int32],
    bounds: NDArray[np.int64],
    stop: NDArray[np.int32],
    alpha: NDArray[np.float64],
    log_scale: NDArray[np.float64],
    loglik: NDArray[np.float64],
    status: NDArray[np.int32],
    step: NDArray[np.int64],
) -> bool: ...
def backward(
    tables: Tables,
    index: NDArray[np.int32],
    bounds: NDArray[np.int64],
    stop: NDArray[np.int32],
    beta: NDArray[np.float64],
    log_scale: NDArray[np.float64],
    loglik: NDArray[np.float64],
    status: NDArray[np.int32],
    step: NDArray[np.int64],
) -> bool: ...
def posteriors(
    tables: Tables,
    index: NDArray[np.int32],
    bounds: NDArray[np.int64],
    stop: NDArray[np.int32],
    gamma: NDArray[np.float64],
    xi: NDArray[np.float64] | None,
    loglik: NDArray[np.float64],
    status: NDArray[np.int32],
    step: NDArray[np.int64],
) -> bool: ...
