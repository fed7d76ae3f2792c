"""Exact recursions for the rare sequence that scaled arithmetic cannot represent: each state has its own exponent.

A number is a pair (mantissa, exponent), mantissa * 2^exponent. The kernels work on rows of numbers, (..., 2, W),
padded with zeros to whole registers.
"""

import math
from itertools import pairwise

import numpy as np

from .kernels import log_space
from .kernels.log_space import NOTHING
from .memory import aligned, blocks

# ln 2 in parts of 24 bits, 24 bits and the rest: multiples of all but the last are exact
LN2 = 0.6931471228599548, 5.769998878690785e-08, 1.6885250050761978e-15
HALF = 2.0**26  # exponents in two halves, whose products with those parts are exact
DEEPEST = -(2.0**51)  # exponents above it are exact, and so are their sums
PLAIN = 2.0**-60  # numbers from this to its inverse get exponent 0: steps are fast while exponents do not change


def numbers(p):
    """(..., 2, W) of probabilities (..., W)."""
    mantissa, exponent = np.frexp(p)
    plain = p >= PLAIN
    return np.stack([np.where(plain, p, mantissa), np.where(plain, 0.0, np.where(p > 0, exponent, NOTHING))], axis=-2)


def exponentials(logs):
    """The pair exp(logs)."""
    limit, zero = -math.log(PLAIN), logs == -np.inf
    rest = np.where(zero, 0.0, logs)
    exponent = np.where(np.abs(rest) > limit, np.rint(rest / math.log(2)), 0.0)
    low = np.fmod(exponent, HALF)
    for part in LN2:
        rest = rest - (exponent - low) * part - low * part
    mantissa = np.exp(np.clip(rest, -limit, limit))
    return np.where(zero, 0.0, mantissa), np.where(zero, NOTHING, exponent)


def likelihoods(logs):
    """(rows (R, 2, W), shift (R,)): likelihoods divided by the largest of their row, and its logarithm."""
    shift = logs.max(axis=1)
    shift[shift == -np.inf] = 0.0
    return np.stack(exponentials(logs - shift[:, None]), axis=-2), shift


def parts(x):
    """The pair (mantissa, exponent) of rows of numbers."""
    return x[..., 0, :], x[..., 1, :]


def product(*pairs):
    mantissas, exponents = zip(*pairs, strict=True)
    return math.prod(mantissas), sum(exponents)


def quotient(x, y):
    return x[0] / y[0], x[1] - y[1]


def total(x):
    """The sum of each row of numbers, its mantissa between 1/2 and 1."""
    mantissa, exponent = parts(x)
    top = exponent.max(axis=-1)
    mantissa, more = np.frexp(doubles((mantissa, exponent - top[..., None])).sum(axis=-1))
    return mantissa, top + more


def doubles(x):
    """A pair as doubles: 0 below 5e-324, infinite above 1.8e308."""
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(x[0], np.clip(x[1], -3000, 3000).astype(np.int32))


def logarithm(x):
    return np.log(x[0]) + x[1] * math.log(2)


def relative(x):
    """The logarithms of rows of numbers, less that of the largest power of two of their row."""
    mantissa, exponent = parts(x)
    return logarithm((mantissa, exponent - exponent.max(axis=-1, keepdims=True)))


class Exact:
    """One sequence, with an exponent for every state.

    loglik : log P(O). step : the step at which it became impossible, -1 if it did not.

    alpha is kept for one window of steps at a time; the window is the whole sequence if `budget` bytes suffice.
    Neighbouring windows share a step, which belongs to the earlier one.
    """

    def __init__(self, chain, rows, index, stop, budget):
        self.startprob, self.transmat, self.transposed = chain.numbers
        self.n, self.rows, self.index, self.stop = chain.n, rows, index, stop
        n_steps, width = len(index), chain.width
        size = 8 * width * (5 if rows.shared else 10)  # bytes a step: alpha, perhaps beta, an answer; unshared rows
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
        self.step, self.total = -1, total(alpha[-1])  # P(O), without the shifts
        self.loglik = float(logarithm(self.total)) + compensated_sum(self.shift)

    def _forward(self, first, last, entry):
        """(rows, index, alpha, number of possible steps) of a window."""
        index = self.index[first : last + 1].astype(np.int32, copy=False)
        if self.rows.shared:
            rows, shift = self.rows.numbers
            self.shift[first : last + 1] = shift[index]
        else:
            rows, self.shift[first : last + 1] = likelihoods(self.rows.logs[index])
            index = np.arange(len(index), dtype=np.int32)
        alpha = aligned(len(index), *rows.shape[1:])
        if entry is not None:
            alpha[0] = entry
        startprob = self.startprob if entry is None else None
        return rows, index, alpha, log_space.forward(startprob, self.transmat, rows, index, self.stop, alpha)

    def _rows_seen(self, first, index):
        """The rows that the steps of a window see, as they are numbered in `weights`."""
        return self.index[first : first + len(index)].astype(np.int32, copy=False)

    def windows(self):
        """(first, rows, index, alpha) of each window, from the last to the first."""
        if self.total[1] < DEEPEST:
            raise ValueError(
                f"the log likelihoods of this sequence are too far apart: its log P is {self.loglik:.6g}, and the best "
                f"states of its steps alone make {compensated_sum(self.shift):.6g}; where these differ by more than "
                "1.5e15, paths can no longer be told apart: rescale the data, or use -inf for what is impossible"
            )
        rows, index, alpha = self.latest
        for (first, last), entry in zip(reversed(self.edges), reversed(self.entries), strict=True):
            if last < len(self.index) - 1:
                rows, index, alpha, _ = self._forward(first, last, entry)
            yield first, rows, index, alpha

    def last(self):
        """P(q_T = i | O), (N,)."""
        gamma = doubles(quotient(parts(self.latest[2][-1]), self.total))[: self.n]
        return gamma / gamma.sum()

    def _ending(self):
        """beta of the last step."""
        return numbers(np.ones(self.startprob.shape[1]))

    def _betas(self, rows, index, ending):
        beta = aligned(len(index), *ending.shape)
        beta[-1] = ending
        log_space.backward(self.transposed, rows, index, self.stop, beta)
        return beta

    def _probability(self, *factors):
        return doubles(quotient(product(*factors), self.total))

    def expected_counts(self, weight, start, trans, weights):
        """Add to start (N,), to trans (N, N), and to weights (R, at least N), which has the sums of gamma by row."""
        beta = self._ending()
        for first, rows, index, alpha in self.windows():
            log_space.posteriors(
                self.transmat, self.transposed, rows, index, self.stop, alpha, beta, *self.total, weight,
                int(first > 0), self._rows_seen(first, index), weights, trans,
            )  # fmt: skip
        start += weight * self._probability(parts(alpha[0]), parts(beta))[: self.n]

    def posteriors(self, gamma, xi=None):
        """Fill in gamma (T, N), and xi (T - 1, N, N)."""
        gamma[:] = 0.0
        beta, steps = self._ending(), np.arange(len(gamma), dtype=np.int32)
        for first, rows, index, alpha in self.windows():
            if xi is not None:
                future = product(parts(self._betas(rows, index, beta)[1:]), parts(rows[index[1:]]))
                xi[first : first + len(index) - 1] = self._probability(
                    [x[:, : self.n, None] for x in parts(alpha[:-1])],
                    [x[:, : self.n] for x in parts(self.transmat)],
                    [x[:, None, : self.n] for x in future],
                )
            log_space.posteriors(
                self.transmat, self.transposed, rows, index, self.stop, alpha, beta, *self.total, 1.0,
                int(first > 0), steps[first : first + len(index)], gamma, None,
            )  # fmt: skip

    def forward(self, alpha, log_scale, scaled):
        """Fill in alpha (T, N), divided by its sums if `scaled`, and log P(o_t | o_1 ... o_t-1)."""
        shifts = np.cumsum(self.shift)
        for first, _, index, past in self.windows():
            own = slice(first + (first > 0), first + len(index))
            sums = self._sums(past, own, log_scale)
            x = parts(past[first > 0 :, :, : self.n])
            x = quotient(x, sums) if scaled else product(x, exponentials(shifts[own, None]))
            alpha[own] = _fitting(x, "alpha", own.start, scaled)

    def backward(self, beta, log_scale, scaled):
        """The same with beta (T, N). Scaled, alpha * beta = gamma."""
        shifts, ending = np.append(np.cumsum(self.shift[:0:-1])[::-1], 0.0), self._ending()
        for first, rows, index, past in self.windows():
            own = slice(first + (first > 0), first + len(index))
            sums, future = self._sums(past, own, log_scale), self._betas(rows, index, ending)
            x = parts(future[first > 0 :, :, : self.n])
            x = quotient(product(x, sums), self.total) if scaled else product(x, exponentials(shifts[own, None]))
            beta[own] = _fitting(x, "beta", own.start, scaled)
            ending = future[0]

    def here(self):
        """P(o_1 ... o_T, q_T = i) up to a constant, numbers (2, W)."""
        return self.latest[2][-1]

    def apart(self):
        """(past, future), (T, N) each: log P(o_1 ... o_t-1, q_t = i) and log P(o_t+1 ... o_T | q_t = i), both up to a
        constant for each step."""
        past, future = np.empty((2, len(self.index), self.n))
        moves, ending = logarithm(parts(self.transmat))[:, : self.n], self._ending()
        past[0] = relative(self.startprob)[: self.n]
        for first, rows, index, alpha in self.windows():
            beta = self._betas(rows, index, ending)
            future[first : first + len(index)] = relative(beta)[:, : self.n]
            before = relative(alpha[:-1])[:, : self.n]
            for where, some in blocks(before, self.n**2):
                past[first + 1 :][where] = log_sum(some[:, :, None] + moves, 1)
            ending = beta[0]
        return past, future

    def _sums(self, alpha, own, log_scale):
        """The sums of alpha at a window's own steps, (T, 1); log_scale is filled in."""
        mantissa, exponent = total(alpha)
        if own.start == 0:
            mantissa, exponent = np.append(1.0, mantissa), np.append(0.0, exponent)
        log_scale[own] = self.shift[own] + logarithm((mantissa[1:] / mantissa[:-1], np.diff(exponent)))
        return mantissa[1:, None], exponent[1:, None]


def _fitting(x, name, first, scaled):
    """Doubles, or a ValueError if a number does not fit. Scaled numbers may be arbitrarily small."""
    values = doubles(x)
    wrong = np.isinf(values)
    if not scaled:
        wrong |= (values < np.finfo(float).tiny) & (x[0] > 0)
    if wrong.any():
        t, i = np.argwhere(wrong)[0].tolist()
        where, size = f"{name}[{first + t}, {i}]", "above 1.8e308" if values[t, i] > 1 else "below 1e-308"
        raise ValueError(
            f"{where} is {size}, although it is scaled: state {i} is next to impossible there, given the past, and "
            "fits what follows far better; use posteriors(x), which holds any length"
            if scaled
            else f"{where} is {size} without scaling; use scaled=True, which holds any length"
        )
    return values


def log_sum(x, axis):
    """log sum exp, -inf where all are."""
    top = x.max(axis=axis, keepdims=True)
    top = np.where(top > -np.inf, top, 0.0)
    return np.log(np.exp(x - top).sum(axis=axis)) + top.squeeze(axis)


def compensated_sum(x):
    """The sum of an array to a few ulp: NumPy's pairwise sums of blocks, added by math.fsum."""
    if len(x) <= 64:
        return math.fsum(x.tolist())
    return math.fsum(np.add.reduceat(x, np.arange(0, len(x), 64)).tolist())
