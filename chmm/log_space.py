"""The exact path: the rare sequence that scaled arithmetic cannot hold, in log space, within the budget too."""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .kernels import log_space


class Window(NamedTuple):
    """The steps first ... last of a sequence; neighbouring windows share the step between them."""

    first: int
    last: int
    log_alpha: np.ndarray  # (last - first + 1, N)
    log_beta: np.ndarray
    future: np.ndarray  # log xi[t, i, j] = log_alpha[t, i] + log A[i, j] + future[t + 1, j]

    @property
    def own(self):
        """The steps that no earlier window has, among all of the sequence."""
        return slice(self.first + (self.first > 0), self.last + 1)

    def of_own(self, table):
        return table[self.first > 0 :]

    def gamma(self):
        """Of its own steps."""
        return np.exp(self.of_own(self.log_alpha + self.log_beta))


class Exact:
    """One sequence in log space.

    loglik : log P(O). step : the step at which it became impossible, -1 if it did not. log_scale : (T,)
    """

    def __init__(self, chain, log_rows, index, stop, budget):
        self.log_startprob, self.log_transmat = chain.exact()
        self.log_rows, self.index, self.stop = log_rows, index, stop
        n_steps, size = len(index), 4 * 8 * chain.n  # bytes a step: rows, alpha, beta, and what is made of them
        window = n_steps if n_steps * size <= budget else math.isqrt(n_steps) + 1
        self.edges = list(pairwise([0, *range(window, n_steps - 1, window), n_steps - 1]))
        self.log_scale = np.empty(n_steps)
        self.entries = []  # log_alpha at the first step of each window
        log_alpha = None
        for first, last in self.edges:
            self.entries.append(None if log_alpha is None else log_alpha[-1].copy())
            self.rows, log_alpha, done = self._forward(first, last, self.entries[-1])
            if done <= last - first:
                self.step, self.loglik = first + done, -np.inf
                return
        self.log_alpha = log_alpha  # of the last window, which the way back needs first
        self.step, self.loglik = -1, compensated_sum(self.log_scale)

    def _forward(self, first, last, entry):
        """(rows, log_alpha) of a window, and how many of its steps are possible."""
        rows = self.log_rows[self.index[first : last + 1], : len(self.log_startprob)]
        log_scale = self.log_scale[first : last + 1]
        log_alpha = np.empty(rows.shape)
        if entry is None:
            log_alpha[0] = self.log_startprob + rows[0]
            log_scale[0] = np.logaddexp.reduce(log_alpha[0])
            if log_scale[0] == -np.inf:
                return rows, log_alpha, 0
            log_alpha[0] -= log_scale[0]
        else:
            log_alpha[0] = entry
        return rows, log_alpha, log_space.forward(self.log_transmat, rows, self.stop, log_alpha, log_scale)

    def windows(self):
        """From the last to the first."""
        rows, log_alpha, log_beta = self.rows, self.log_alpha, np.zeros((1, len(self.log_startprob)))
        for (first, last), entry in zip(reversed(self.edges), reversed(self.entries), strict=True):
            if last < len(self.index) - 1:
                rows, log_alpha, _ = self._forward(first, last, entry)
            ending, log_beta = log_beta[0], np.empty(rows.shape)
            log_beta[-1] = ending
            log_scale = self.log_scale[first : last + 1]
            log_space.backward(self.log_transmat, rows, log_scale, self.stop, log_beta)
            yield Window(first, last, log_alpha, log_beta, rows + log_beta - log_scale[:, None])

    def xi(self, window):
        """Of its pairs of steps."""
        return np.exp(window.log_alpha[:-1, :, None] + self.log_transmat + window.future[1:, None, :])

    def pairs(self, window):
        """Sum of xi, one pair at a time."""
        trans = np.zeros_like(self.log_transmat)
        log_space.pair_counts(self.log_transmat, window.log_alpha, window.future, self.stop, trans)
        return trans


def compensated_sum(x):
    """Sum of an array to a few ulp: NumPy's pairwise sums of blocks, and math.fsum of those."""
    if len(x) <= 64:
        return math.fsum(x.tolist())
    return math.fsum(np.add.reduceat(x, np.arange(0, len(x), 64)).tolist())
