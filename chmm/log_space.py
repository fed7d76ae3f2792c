"""The exact path: the rare sequence that scaled arithmetic cannot hold, with an exponent for every state.

A number is a pair (mantissa, exponent), mantissa * 2^exponent. The kernels take rows of numbers: (..., 2, N).
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .kernels import log_space
from .kernels.log_space import NOTHING

LN2, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # a part whose multiples are exact, and the rest
PLAIN = 2.0**-60  # numbers from here to its inverse have exponent 0: steps are fast where exponents stand still


def numbers(p):
    """(..., 2, N) of probabilities (..., N)."""
    mantissa, exponent = np.frexp(p)
    plain = p >= PLAIN
    return np.stack([np.where(plain, p, mantissa), np.where(plain, 0.0, np.where(p > 0, exponent, NOTHING))], axis=-2)


def exponentials(logs):
    """The pair exp(logs)."""
    limit, zero = -math.log(PLAIN), logs == -np.inf
    logs = np.where(zero, 0.0, logs)
    exponent = np.where(np.abs(logs) > limit, np.rint(logs / (LN2 + LN2_LOW)), 0.0)
    mantissa = np.exp(np.clip(logs - exponent * LN2 - exponent * LN2_LOW, -limit, limit))
    return np.where(zero, 0.0, mantissa), np.where(zero, NOTHING, exponent)


def likelihoods(logs):
    """(rows (R, 2, N), shift (R,)): likelihoods divided by the largest of their row, and the logarithm of that."""
    shift = logs.max(axis=1)
    shift[shift == -np.inf] = 0.0
    return np.stack(exponentials(logs - shift[:, None]), axis=-2), shift


def parts(x):
    """The pair that rows of numbers hold."""
    return x[..., 0, :], x[..., 1, :]


def product(*pairs):
    mantissas, exponents = zip(*pairs, strict=True)
    return math.prod(mantissas), sum(exponents)


def quotient(x, y):
    return x[0] / y[0], x[1] - y[1]


def total(x):
    """The sum of each row of numbers."""
    mantissa, exponent = parts(x)
    top = exponent.max(axis=-1)
    return doubles((mantissa, exponent - top[..., None])).sum(axis=-1), top


def doubles(x):
    """A pair as doubles: 0 below 5e-324, infinite above 1.8e308."""
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(x[0], np.clip(x[1], -3000, 3000).astype(np.int32))


def log(x):
    return np.log(x[0]) + x[1] * (LN2 + LN2_LOW)


class Window(NamedTuple):
    """The steps first ... last of a sequence. Neighbouring windows share the step between them; the earlier owns it."""

    first: int
    last: int
    rows: np.ndarray  # (R, 2, N)
    index: np.ndarray  # (last - first + 1,): the row that each step sees
    alpha: np.ndarray  # (last - first + 1, 2, N)
    beta: np.ndarray

    @property
    def own(self):
        """Its steps among all of the sequence."""
        return slice(self.first + (self.first > 0), self.last + 1)

    def of_own(self, table):
        return table[self.first > 0 :]


class Exact:
    """One sequence with an exponent for every state.

    loglik : log P(O). step : the step at which it became impossible, -1 if it did not.
    """

    def __init__(self, chain, rows, index, stop, budget):
        self.startprob, self.transmat, self.transposed = chain.numbers
        self.rows, self.index, self.stop = rows, index, stop
        n_steps = len(index)
        size = 8 * chain.n * (5 if rows.shared else 10)  # bytes a step: alpha, beta, an answer; rows of its own
        window = n_steps if n_steps * size <= budget else math.isqrt(n_steps) + 1
        self.edges = list(pairwise([0, *range(window, n_steps - 1, window), n_steps - 1]))
        self.shift = np.empty(n_steps)
        self.entries = []  # alpha at the first step of each window
        alpha = None
        for first, last in self.edges:
            self.entries.append(None if alpha is None else alpha[-1].copy())
            rows, index, alpha, done = self._forward(first, last, self.entries[-1])
            if done <= last - first:
                self.step, self.loglik = first + done, -np.inf
                return
        self.latest = rows, index, alpha
        self.step, self.total = -1, total(alpha[-1])  # P(O) but for the shifts
        self.loglik = float(log(self.total)) + compensated_sum(self.shift)

    def _forward(self, first, last, entry):
        """(rows, index, alpha) of a window, and how many of its steps are possible."""
        index = self.index[first : last + 1]
        if self.rows.shared:
            rows, shift = self.rows.numbers
            self.shift[first : last + 1] = shift[index]
        else:
            rows, self.shift[first : last + 1] = likelihoods(self.rows.logs[index, : len(self.transmat)])
            index = np.arange(len(index), dtype=np.int32)
        alpha = np.empty((len(index), *rows.shape[1:]))
        if entry is not None:
            alpha[0] = entry
        startprob = self.startprob if entry is None else None
        return rows, index, alpha, log_space.forward(startprob, self.transmat, rows, index, self.stop, alpha)

    def windows(self):
        """From the last to the first."""
        (rows, index, alpha), ending = self.latest, numbers(np.ones(len(self.transmat)))
        for (first, last), entry in zip(reversed(self.edges), reversed(self.entries), strict=True):
            if last < len(self.index) - 1:
                rows, index, alpha, _ = self._forward(first, last, entry)
            beta = np.empty(alpha.shape)
            beta[-1] = ending
            log_space.backward(self.transposed, rows, index, self.stop, beta)
            ending = beta[0].copy()
            yield Window(first, last, rows, index, alpha, beta)

    def expected_counts(self, weight, start, trans, weights):
        """Adds to start (N,), trans (N, N), and weights (R, N or more), the sums of gamma by row."""
        for window in self.windows():
            self._count(window, weight, self.index[window.first : window.last + 1], weights, trans)
        start += weight * self._probability(parts(window.alpha[0]), parts(window.beta[0]))

    def posteriors(self, gamma, xi=None):
        """Fills in gamma (T, N), and xi (T - 1, N, N)."""
        for window in self.windows():
            part = gamma[window.own]
            part[:] = 0.0
            self._count(window, 1.0, np.arange(len(part) - len(window.index), len(part), dtype=np.int32), part, None)
            if xi is not None:
                future = product(parts(window.beta[1:]), parts(window.rows[window.index[1:]]))
                xi[window.first : window.last] = self._probability(
                    [x[:, :, None] for x in parts(window.alpha[:-1])],
                    parts(self.transmat),
                    [x[:, None, :] for x in future],
                )

    def _count(self, window, weight, values, weights, trans):
        log_space.count(
            self.transmat, window.rows, window.index, self.stop, window.alpha, window.beta, *self.total, weight,
            int(window.first > 0), values, weights, trans,
        )  # fmt: skip

    def _probability(self, *factors):
        return doubles(quotient(product(*factors), self.total))

    def forward(self, alpha, log_scale, scaled):
        """Fills in alpha (T, N), divided by its sums if it is to be scaled, and log P(o_t | o_1 ... o_t-1)."""
        shifts = np.cumsum(self.shift)
        for window in self.windows():
            sums = self._sums(window, log_scale)
            x = parts(window.of_own(window.alpha))
            x = quotient(x, sums) if scaled else product(x, exponentials(shifts[window.own, None]))
            alpha[window.own] = _fitting(x, "alpha", window, scaled)

    def backward(self, beta, log_scale, scaled):
        """The same with beta (T, N); scaled, alpha * beta = gamma."""
        shifts = np.append(np.cumsum(self.shift[:0:-1])[::-1], 0.0)
        for window in self.windows():
            sums = self._sums(window, log_scale)
            x = parts(window.of_own(window.beta))
            x = quotient(product(x, sums), self.total) if scaled else product(x, exponentials(shifts[window.own, None]))
            beta[window.own] = _fitting(x, "beta", window, scaled)

    def _sums(self, window, log_scale):
        """The sum of alpha (T, 1) at its own steps; fills in log_scale."""
        mantissa, exponent = total(window.alpha)
        if window.first == 0:
            mantissa, exponent = np.append(1.0, mantissa), np.append(0.0, exponent)
        ratios = log((mantissa[1:] / mantissa[:-1], np.diff(exponent)))
        log_scale[window.own] = self.shift[window.own] + ratios
        return mantissa[1:, None], exponent[1:, None]


def _fitting(x, name, window, scaled):
    """Doubles, or a ValueError if one does not fit. What is scaled may be as small as it likes."""
    values = doubles(x)
    wrong = np.isinf(values)
    if not scaled:
        wrong |= (values < np.finfo(float).tiny) & (x[0] > 0)
    if wrong.any():
        t, i = np.argwhere(wrong)[0].tolist()
        where, size = f"{name}[{window.own.start + t}, {i}]", "above 1.8e308" if values[t, i] > 1 else "below 1e-308"
        raise ValueError(
            f"{where} is {size}, although it is scaled: state {i} is next to impossible there, given the past, and "
            "fits what follows far better; use posteriors(x), which holds any length"
            if scaled
            else f"{where} is {size} without scaling; use scaled=True, which holds any length"
        )
    return values


def compensated_sum(x):
    """Sum of an array to a few ulp: NumPy's pairwise sums of blocks, and math.fsum of those."""
    if len(x) <= 64:
        return math.fsum(x.tolist())
    return math.fsum(np.add.reduceat(x, np.arange(0, len(x), 64)).tolist())
