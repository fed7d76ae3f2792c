"""Sums of squares, for densities and scatter: of independent columns in a kernel; of crossed ones fast as matrix
products of features, exact as distances to the means."""

import numpy as np

from ..kernels.quadratic import add_scatter

SAFE = 1e4  # expanded squares lose digits as (distance / deviation)^2: up to here no more than the last four of 16
BLOCK = 65536  # numbers in a block of features, to stay in the cache


def columns(values, fill):
    """(values, seen) as the kernel takes them: columns together, gaps filled and marked by 0 in `seen`, else None."""
    values = np.asfortranarray(values)
    if not has_gaps(values):
        return values, None
    seen = ~np.isnan(values)
    return np.asfortranarray(np.where(seen, values, fill)), np.asfortranarray(seen, dtype=np.float64)


def scatter(values, seen, means, weights):
    """Statistics of independent columns: sums of weights, distances to the means and their squares, (N, D) each."""
    mass, sums, squares = np.zeros((3, *means.shape))
    add_scatter(values, seen, np.ascontiguousarray(means), weights, mass, sums, squares)
    return {"weights": mass, "sums": sums, "squares": squares}


def blocks(values, centre):
    """(rows, features) by blocks: features (F, B) are products z_i z_j, z, and ones."""
    n, d = values.shape
    pairs = d * (d + 1) // 2
    step = max(256, BLOCK // (pairs + d + 1))
    features = np.ones((pairs + d + 1, min(step, n)))
    centre = centre[:, None]
    for a in range(0, n, step):
        block = values[a : a + step].T
        f = features[:, : block.shape[1]]
        z = f[pairs : pairs + d]
        np.subtract(block, centre, out=z)
        k = 0
        for i in range(d):
            np.multiply(z[i], z[i:], out=f[k : k + d - i])
            k += d - i
        yield slice(a, a + step), f


def distances(values, weights, means):
    """Statistics of crossed columns from the distances to each mean, one state after the other: nothing cancels. A gap
    stands at the mean."""
    n, d = means.shape
    mass, sums, squares = np.empty((n, d)), np.empty((n, d)), np.empty((n, d, d))
    for i in range(n):
        y = values - means[i]
        y[np.isnan(y)] = 0.0
        w = weights[:, i]
        mass[i] = w.sum()
        sums[i] = w @ y
        squares[i] = (w[:, None] * y).T @ y
    return {"weights": mass, "sums": sums, "squares": squares}


def patterns(values):
    """(rows, seen) for each pattern of gaps."""
    kinds, which = np.unique(~np.isnan(values), axis=0, return_inverse=True)
    for k, seen in enumerate(kinds):
        yield np.flatnonzero(which.ravel() == k), seen


def spread(values):
    """(mean, variance) of each column, gaps left out; where a column is constant, 1 stands for its variance."""
    centre, variance = np.zeros(values.shape[1]), np.ones(values.shape[1])
    seen = ~np.isnan(values).all(axis=0)
    if seen.any():
        with np.errstate(over="ignore", invalid="ignore"):
            centre[seen] = _mean(values[:, seen])
            squares = _mean((values - centre)[:, seen] ** 2)
        squares[np.isnan(squares)] = np.inf
        # a spread that is no more than rounding is none
        variance[seen] = np.where(np.sqrt(squares) <= 1e-14 * np.abs(centre[seen]), 1.0, squares)
        extreme = ~((variance > 1e-200) & (variance < 1e200))
        if extreme.any():
            k = int(np.flatnonzero(extreme)[0])
            raise ValueError(
                f"column {k} of X has a variance of {variance[k]:.3g}; rescale it, such as by dividing by its "
                "standard deviation, so that squares and their inverses are numbers too"
            )
    return centre, variance


def has_gaps(values):
    """Whether anything is NaN; a sum tells at less cost than a look at each."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isnan(values.sum()))


def _mean(values):
    """Mean of each column, gaps left out."""
    if not has_gaps(values):
        first = values[0]
        return first + np.array([(column - x).sum() for column, x in zip(values.T, first, strict=True)]) / len(values)
    seen = ~np.isnan(values)
    first = values[seen.argmax(axis=0), np.arange(values.shape[1])]  # distances to a value of the data lose nothing
    return first + np.where(seen, values - first, 0.0).sum(axis=0) / seen.sum(axis=0)
