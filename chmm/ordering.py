"""The order of states: EM finds them in any order, so that a canonical one is needed to compare fits."""

import numpy as np

from . import sequences
from .emissions import Emission

EXACT = 8  # states up to which the best assignment is found exactly


def canonical(emission: Emission, visits: np.ndarray) -> np.ndarray:
    """(N,), the states by their mean in the column that separates them most; by how often they are visited, the most
    frequent first, if the family has no means.

    visits : (N,), expected number of steps in each state. A column separates states by the variance of their means over
    their mean variance (its share of the total variance that the states explain).
    """
    means, variances = emission.mean(), emission.variance()
    if means is None or not np.isfinite(means).all():
        return np.argsort(-visits, kind="stable")
    share = visits / visits.sum() if visits.sum() > 0 else np.full(len(visits), 1 / len(visits))
    between = share @ (means - share @ means) ** 2
    within = share @ variances if variances is not None and np.isfinite(variances).all() else np.ones(len(between))
    column = int(np.argmax(between / (between + within + np.finfo(float).tiny)))
    return np.argsort(means[:, column], kind="stable")


def assignment(agreement: np.ndarray) -> np.ndarray:
    """(N,), for each row of an (N, N) table a column of its own, so that their entries have the largest sum.

    Exact up to 8 rows, by dynamic programming over sets of columns, 2^N N steps; above, greedy from the largest entry.

    >>> import numpy as np
    >>> assignment(np.array([[5, 4], [4, 0]])).tolist()
    [1, 0]
    """
    n = len(agreement)
    if n > EXACT:
        left, order = np.array(agreement, dtype=np.float64), np.empty(n, dtype=np.intp)
        for _ in range(n):
            i, j = divmod(int(left.argmax()), n)
            order[i] = j
            left[i, :] = left[:, j] = -np.inf
        return order
    best: dict = {0: (0.0, ())}  # set of columns taken by the first rows, as bits -> (sum, those columns)
    for row in agreement:
        reached: dict = {}
        for taken, (total, columns) in best.items():
            for j in range(n):
                if not taken >> j & 1:
                    more = total + row[j], (*columns, j)
                    if taken | 1 << j not in reached or more[0] > reached[taken | 1 << j][0]:
                        reached[taken | 1 << j] = more
        best = reached
    return np.array(best[2**n - 1][1], dtype=np.intp)


def likeness(one: Emission, other: Emission, n_draws: int = 200) -> np.ndarray:
    """(N, N), how alike state i of one emission and state j of another of the same kind are: the posterior of j for
    values that i draws, all states of the other being equally likely, and the other way round; their mean. The draws
    are the same at every call."""
    rng = np.random.default_rng(0)
    return 0.5 * (_recognised(one, other, n_draws, rng) + _recognised(other, one, n_draws, rng).T)


def _recognised(one, other, n_draws, rng):
    n = one.n_states
    drawn = one.sample(np.repeat(np.arange(n), n_draws), rng)
    observed = other.check(sequences.read("".join(drawn) if one.kind == "text" else drawn, kind=other.kind))
    logs = other.log_likelihood(observed.distinct)[observed.index]
    top = logs.max(axis=1, keepdims=True)
    share = np.exp(logs - np.where(np.isfinite(top), top, 0.0))
    share /= np.maximum(share.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    return share.reshape(n, n_draws, -1).mean(axis=1)


def confusion(path: np.ndarray, labels: np.ndarray, n_states: int, n_labels: int) -> np.ndarray:
    """(n_states, n_labels), how many steps are in state i and have label j; labels below 0 are unknown."""
    known = labels >= 0
    counts = np.bincount(path[known] * n_labels + labels[known], minlength=n_states * n_labels)
    return counts.reshape(n_states, n_labels)
