"""How long a chain stays in a state, and how soon it comes to one."""

import numpy as np

from .stationary import reachable


def expected_durations(transmat, endprob=None):
    """(N,), 1 / P(a state is left), or the sequence ends; infinite where neither can be.

    P(left) is the sum of the other transitions: 1 - transmat[i, i] has lost its digits where states last.
    """
    n = len(transmat)
    leave = np.where(np.eye(n, dtype=bool), 0.0, transmat).sum(axis=1)
    if endprob is not None:
        leave = endprob + (1 - endprob) * leave
    return np.divide(1.0, leave, out=np.full(n, np.inf), where=leave > 0)


def passage_times(transmat, least):
    """(N, N), the mean number of steps from i until j is first seen; on the diagonal, until i is seen again.

    m[i, j] = 1 + sum_k!=j transmat[i, k] m[k, j], infinite where the chain may never come to j. A transition of at most
    `least` is no connection. O(N^4): one elimination for each j, without subtractions, so that rare transitions keep
    their digits (Grassmann, Taksar and Heyman 1985).
    """
    a = np.where(transmat > least, transmat, 0.0)
    n = len(a)
    times = np.full((n, n), np.inf)
    for j in range(n):
        onwards = a.copy()
        onwards[j] = 0.0  # the walk ends there
        reach = reachable(onwards > 0)
        sure = ~(reach & ~reach[:, j]).any(axis=1)  # from all that can be reached, j can be
        others = np.flatnonzero(sure & (np.arange(n) != j))
        times[others, j] = _until(a[np.ix_(others, others)], a[others, j])
        further = a[j] > 0
        further[j] = False
        times[j, j] = 1.0 + (a[j, further] * times[further, j]).sum()
    return times


def _until(a, out):
    """The mean number of steps until a chain leaves the states of a (N, N), which it does with probability out (N,)."""
    a, out, steps = np.array(a), np.array(out), np.ones(len(a))
    leave = np.empty(len(a))
    for k in range(len(a) - 1, -1, -1):  # the others take over the ways through k
        leave[k] = a[k, :k].sum() + out[k]
        through = a[:k, k] / leave[k]
        a[:k, :k] += np.outer(through, a[k, :k])
        out[:k] += through * out[k]
        steps[:k] += through * steps[k]
    for k in range(len(a)):
        steps[k] = (steps[k] + a[k, :k] @ steps[:k]) / leave[k]
    return steps
