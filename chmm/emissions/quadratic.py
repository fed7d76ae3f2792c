"""Sums of squared distances for densities and scatter, from a kernel that subtracts the means first, so that nothing
cancels."""

from typing import NamedTuple

import numpy as np

from ..exceptions import quiet
from ..kernels.gaussian import add_crossed_scatter, add_scatter

WORK = 2**24  # squares at a time, so that Ctrl-C acts
BLOCK = 256  # values that the kernels take together
SMALLEST, LARGEST = 1e-100, 1e100  # of a standard deviation: its square and the inverse of that are numbers too


def together(values):
    """The values with contiguous columns, as the kernels take them."""
    return values if len(values) < 2 or values.strides[0] == values.itemsize else np.asfortranarray(values)


def scatter(values, means, weights, crossed=False):
    """Statistics: sums of weights and of distances to the means, (N, D) each, and of their squares, (N, D) of
    independent columns, (N, D, D) of crossed ones.

    A gap has no weight; among crossed columns it counts as the mean.
    """
    n, d = means.shape
    values, means = together(values), np.ascontiguousarray(means)
    mass, sums = np.zeros((2, n, d))
    squares = np.zeros((n, d, d) if crossed else (n, d))
    add = add_crossed_scatter if crossed else add_scatter
    step = max(1, WORK // (BLOCK * squares.size)) * BLOCK
    for start in range(0, len(values), step):
        some = slice(start, start + step)
        add(values[some], means, weights[some], mass, sums, squares)
    if crossed:
        squares += np.swapaxes(np.tril(squares, -1), 1, 2)
    return {"weights": mass, "sums": sums, "squares": squares}


def shifted(statistics, move):
    """The statistics of `scatter`, taken from other centres: the old ones less `move` (N, D)."""
    mass, sums, squares = (statistics[key] for key in ("weights", "sums", "squares"))
    new = sums + mass * move
    if squares.ndim == 3:
        squares = squares + sums[:, :, None] * move[:, None] + move[:, :, None] * new[:, None]
    else:
        squares = squares + move * (sums + new)
    return {"weights": mass, "sums": new, "squares": squares}


def patterns(values):
    """(rows, seen) for each pattern of gaps."""
    kinds, which = np.unique(~np.isnan(values), axis=0, return_inverse=True)
    for k, seen in enumerate(kinds):
        yield np.flatnonzero(which.ravel() == k), seen


class Moments(NamedTuple):
    """For each column, (D,): the number of values, their mean, and the root of the sum of squared distances to it. `+`
    pools two samples (Chan, Golub & LeVeque 1979)."""

    count: np.ndarray  # type: ignore[assignment]
    mean: np.ndarray
    norm: np.ndarray  # a root, since the squares may overflow

    @quiet
    def __add__(self, other):
        count = self.count + other.count
        share = other.count / np.maximum(count, 1.0)
        apart = other.mean - self.mean
        norm = np.hypot(np.hypot(self.norm, other.norm), np.sqrt(self.count * share) * np.abs(apart))
        return Moments(count, np.where(self.count > 0, self.mean + share * apart, other.mean), norm)


@quiet
def moments(values):
    """The Moments of each column, without its gaps."""
    ones = np.broadcast_to(1.0, (len(values), 1))
    low, high = (f.reduce(values, axis=0, initial=np.nan) for f in (np.fmin, np.fmax))
    low = np.where(np.isnan(low), 0.0, low)
    # scale by a power of two so that the squares of distances are finite
    exponent = np.where(high > low, np.frexp(high - low)[1], 0)
    exponent[np.abs(exponent) < 300] = 0
    if exponent.any():
        values, low = np.ldexp(values, -exponent), np.ldexp(low, -exponent)
    around = scatter(values, low[None], ones)  # distances to a value of the data lose nothing
    count = around["weights"][0]
    mean = low + around["sums"][0] / np.maximum(count, 1.0)
    squares = scatter(values, mean[None], ones)["squares"][0]
    return Moments(count, np.ldexp(mean, exponent), np.ldexp(np.sqrt(squares), exponent))


@quiet
def spread(moments):
    """(mean, variance) of each column; 1 for the variance of a column that is constant or was never seen."""
    deviation = moments.norm / np.sqrt(np.maximum(moments.count, 1.0))
    extreme = ~((deviation == 0) | (deviation > SMALLEST) & (deviation < LARGEST))
    if extreme.any():
        k = int(np.flatnonzero(extreme)[0])
        raise ValueError(
            f"column {k} of X has a standard deviation of {deviation[k]:.3g}; rescale it, such as by dividing by "
            f"that, so that squares and their inverses are numbers too"
        )
    return moments.mean, np.where(deviation == 0, 1.0, deviation**2)


@quiet
def has_gaps(values):
    """Whether any value is NaN; a sum is cheaper than a test of each."""
    return bool(np.isnan(values.sum()))
