"""Sums of squares, for densities and scatter: distances to the means in a kernel, so that nothing cancels."""

from typing import NamedTuple

import numpy as np

from ..kernels.gaussian import add_crossed_scatter, add_scatter

WORK = 2**24  # squares at a time, so that Ctrl-C acts
BLOCK = 256  # values that the kernels look at together


def together(values):
    """The values with columns that lie in one piece each, as the kernels take them."""
    return values if len(values) < 2 or values.strides[0] == values.itemsize else np.asfortranarray(values)


def scatter(values, means, weights, crossed=False):
    """Statistics: sums of weights and of distances to the means, (N, D) each, and of their squares, (N, D) of
    independent columns, (N, D, D) of crossed ones.

    A gap has no weight; among crossed columns it stands at the mean.
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


def patterns(values):
    """(rows, seen) for each pattern of gaps."""
    kinds, which = np.unique(~np.isnan(values), axis=0, return_inverse=True)
    for k, seen in enumerate(kinds):
        yield np.flatnonzero(which.ravel() == k), seen


class Moments(NamedTuple):
    """Count, mean and sum of squared distances to the mean of each column, (D,) each; `+` pools two samples."""

    count: np.ndarray  # type: ignore[assignment]
    mean: np.ndarray
    squares: np.ndarray

    def __add__(self, other):  # Chan, Golub & LeVeque (1979)
        count = self.count + other.count
        share = other.count / np.maximum(count, 1.0)
        apart = other.mean - self.mean
        mean = np.where(self.count > 0, self.mean + share * apart, other.mean)
        return Moments(count, mean, self.squares + other.squares + self.count * share * apart**2)


def moments(values):
    """The Moments of each column, gaps left out."""
    ones = np.broadcast_to(1.0, (len(values), 1))
    centre = _first(values)  # distances to a value of the data lose nothing
    around = scatter(values, centre[None], ones)
    mass = around["weights"][0]
    centre = centre + around["sums"][0] / np.maximum(mass, 1.0)
    return Moments(mass, centre, scatter(values, centre[None], ones)["squares"][0])


def spread(moments):
    """(mean, variance) of each column; where a column is constant, 1 stands for its variance."""
    centre, squares = moments.mean, moments.squares / np.maximum(moments.count, 1.0)
    squares[np.isnan(squares)] = np.inf
    # a spread that is no more than rounding is none
    variance = np.where(np.sqrt(squares) <= 1e-14 * np.abs(centre), 1.0, squares)
    extreme = ~((variance > 1e-200) & (variance < 1e200))
    if extreme.any():
        k = int(np.flatnonzero(extreme)[0])
        raise ValueError(
            f"column {k} of X has a variance of {variance[k]:.3g}; rescale it, such as by dividing by its "
            "standard deviation, so that squares and their inverses are numbers too"
        )
    return centre, variance


def _first(values):
    """The first number of each column; 0 where there is none."""
    first = values[0].copy()
    for k in np.flatnonzero(np.isnan(first)):
        seen = values[:, k][~np.isnan(values[:, k])]
        first[k] = seen[0] if len(seen) else 0.0
    return first


def has_gaps(values):
    """Whether anything is NaN; a sum tells at less cost than a look at each."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isnan(values.sum()))
