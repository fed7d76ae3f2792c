"""What is asked of the kernels: a chain, rows of likelihoods and sequences of rows, laid out for vector registers."""

import math
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from .kernels import forward_backward
from .kernels.rows import scale_rows

LARGEST_LOG = 1e280  # of a density; sums of them must not overflow


def aligned(*shape):
    """Uninitialised doubles that begin at a cache line, where vector registers are loaded fastest."""
    size = math.prod(shape)
    if size > 2**59:
        raise MemoryError(f"an array of shape {shape} does not fit into any memory")
    block = np.empty(size + 8)
    offset = (-block.ctypes.data // 8) % 8
    return block[offset : offset + size].reshape(shape)


def zeros(*shape):
    """The same, all 0. Not np.zeros: its pages are always fresh, which cost more than to write zeros to used ones."""
    out = aligned(*shape)
    out[:] = 0.0
    return out


def _padded(table, width, fill):
    out = aligned(len(table), width)
    out[:, : table.shape[1]] = table
    out[:, table.shape[1] :] = fill
    return out


def _in_panels(table):
    out = aligned(*table.shape)
    forward_backward.in_panels(table, out)
    return out


class Chain:
    """The hidden chain as the kernels want it: padded to whole registers, aligned, turned, in logarithms. Immutable."""

    def __init__(self, startprob, transmat):
        self.n = len(startprob)
        self.width = width = forward_backward.row_width(self.n)
        self.startprob = _padded(startprob[None], width, 0.0)[0]
        self.transmat = _padded(transmat, width, 0.0)
        self.transposed = _padded(transmat.T, width, 0.0)
        self.panels, self.turned = _in_panels(self.transmat), _in_panels(self.transposed)

    # EM asks for no logarithms

    @cached_property
    def log_startprob(self):
        return self._log(self.startprob[None])[0]

    @cached_property
    def log_transmat(self):
        return self._log(self.transmat)

    @cached_property
    def log_transposed(self):
        return self._log(self.transposed)

    def _log(self, table):
        with np.errstate(divide="ignore"):
            return np.log(table, out=aligned(*table.shape))

    def exact(self):
        """Logarithms without padding, for log space."""
        return self.log_startprob[: self.n].copy(), self.log_transmat[:, : self.n].copy()


class Rows:
    """Likelihoods of distinct values, then a row of ones, which a missing step sees, then copies of the rows `ends` in
    which only the `allowed` states are possible, for last steps.

    `likelihood()` gives the logarithms, (n_values, N). It is asked when something needs them, and again when something
    else does: so that no more than one large array is kept.
    """

    def __init__(self, likelihood, n_values, chain, allowed=None, ends=(), shared=True):
        self.likelihood, self.n_values, self.chain = likelihood, n_values, chain
        self.allowed, self.ends = allowed, np.asarray(ends, dtype=np.intp)
        self.shared = shared  # whether several steps may see one row

    def __len__(self):
        return self.n_values + 1 + len(self.ends)

    def __getstate__(self):
        """For copies, which make their tables anew."""
        return {name: value for name, value in vars(self).items() if name not in ("logs", "scaled", "tables")}

    def _parts(self):
        """Logarithms of the values, and of what comes behind them."""
        values = np.ascontiguousarray(self.likelihood(), dtype=np.float64)
        n = self.chain.n
        if values.shape != (self.n_values, n):
            raise ValueError(f"X gives log likelihoods of shape {values.shape}; {n} states need {(self.n_values, n)}")
        if values.size and not values.max() < np.inf:  # NaN is not, either
            k, i = np.argwhere(~(values < np.inf))[0].tolist()
            raise ValueError(
                f"the log likelihood of value {k} of X in state {i} is {values[k, i]}; it must be -inf or a finite "
                "number: look at the emission's parameters, or at its log_likelihood if it is your own"
            )
        behind = np.zeros((1 + len(self.ends), n))
        if len(self.ends):
            seen = self.ends < self.n_values  # the others see the row of ones
            behind[1:][seen] = values[self.ends[seen]]
            behind[1:][:, ~self.allowed] = -np.inf
        return values, behind

    @cached_property
    def logs(self):
        """(R, W) logarithms, -inf where padded."""
        values, behind = self._parts()
        logs = aligned(len(self), self.chain.width)
        logs[: self.n_values, : self.chain.n] = values
        logs[self.n_values :, : self.chain.n] = behind
        logs[:, self.chain.n :] = -np.inf
        return logs

    @cached_property
    def scaled(self):
        """(rows (R, W), shift (R,), lost (R,) or None): see kernels/rows.pyx."""
        values, behind = self._parts()
        rows = aligned(len(self), self.chain.width)
        shift, lost = np.empty(len(self)), np.empty(len(self), dtype=np.uint8)
        k = self.n_values
        any_lost = scale_rows(values, rows[:k], shift[:k], lost[:k])
        any_lost |= scale_rows(behind, rows[k:], shift[k:], lost[k:])
        if not np.abs(shift).max() < LARGEST_LOG:
            k = int(np.abs(shift).argmax())
            raise ValueError(
                f"the log likelihood of value {k} of X is {shift[k]:g} at best; sums of such numbers overflow: "
                "rescale the data, or look at the emission's parameters"
            )
        return rows, shift, lost if any_lost else None

    @cached_property
    def tables(self):
        """All that the scaled recursions read, beside the steps."""
        chain = self.chain
        return forward_backward.Tables(
            chain.startprob, chain.transmat, chain.transposed, chain.panels, chain.turned, *self.scaled
        )


class Problem(NamedTuple):
    """What is asked of the kernels: a chain, rows, and sequences of rows."""

    chain: Chain
    rows: Rows
    index: np.ndarray  # type: ignore[assignment]  # (T,) int32
    bounds: np.ndarray  # (S + 1,) int64

    @property
    def n_sequences(self):
        return len(self.bounds) - 1

    @property
    def longest(self):
        return int(np.diff(self.bounds).max(initial=0))


def last_rows(observed, bounds):
    """(ends, index): the rows that get a copy with final states only, and the index that sends last steps there."""
    last = bounds[1:][np.diff(bounds) > 0] - 1
    n_values = len(observed.distinct)
    index = observed.index.copy()
    if observed.shared:
        ends = np.arange(n_values + 1)
        index[last] += n_values + 1
    else:
        ends, place = np.unique(observed.index[last], return_inverse=True)
        index[last] = n_values + 1 + place
    return ends, index


def pose(chain, emission, observed, bounds, allowed=None, rows=None):
    """The Problem of observations (`rows`: those of the whole alphabet, where they are known already)."""
    ends, index = (), observed.index
    if allowed is not None:
        ends, index = last_rows(observed, bounds)
    if rows is None:
        values = observed.distinct
        likelihood = partial(emission.log_likelihood, values)
        rows = Rows(likelihood, len(values), chain, allowed, ends, observed.shared)
    return Problem(chain, rows, index, bounds)
