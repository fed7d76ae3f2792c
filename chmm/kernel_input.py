"""What is asked of the kernels: a chain, rows of likelihoods and sequences of rows, laid out for vector registers."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from .emissions import Emission
from .emissions.base import Observed
from .exceptions import ImpossibleError, quiet
from .kernels import forward_backward
from .kernels.rows import scale_rows
from .log_space import likelihoods, numbers
from .memory import aligned, blocks
from .sequences import Sequences

NO_ENDS = np.empty(0, dtype=np.intp)


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
        self.given = startprob, transmat
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

    @cached_property
    def numbers(self):
        """(startprob (2, W), transmat (N, 2, W), transposed) for log space: an exponent for every entry."""
        return numbers(self.startprob), numbers(self.transmat), numbers(self.transposed)


class Rows:
    """Likelihoods of distinct values, then a row of ones, which a missing step sees, then copies of the rows `ends` in
    which only the `allowed` states are possible, for last steps.

    Their logarithms are made when something needs them, and again when something else does, block by block: so that EM,
    which asks for `scaled`, keeps no more than one large array.
    """

    def __init__(
        self, emission, values, chain, allowed=None, ends=NO_ENDS, shared=True,
        place: Callable[[int], str] | None = None,
    ):  # fmt: skip
        self.emission, self.values, self.chain = emission, values, chain
        self.n_values = len(values)
        self.allowed, self.ends = allowed, ends  # in their order
        self.shared = shared  # whether several steps may see one row
        self.place = place or "value {} of X".format  # where a value is, in words

    def __len__(self):
        return self.n_values + 1 + len(self.ends)

    def __getstate__(self):
        """For copies, which make their tables anew."""
        made = ("logs", "numbers", "scaled", "tables")
        return {name: value for name, value in vars(self).items() if name not in made}

    def _blocks(self):
        """(where, logarithms): those of the values by blocks, then of what comes behind."""
        values, ends = self.values, self.ends
        behind = np.zeros((1 + len(ends), self.chain.n))
        for where, block in blocks(values, self.chain.n):
            logs = self._logarithms(block, where.start)
            if len(ends):
                here = slice(*np.searchsorted(ends, [where.start, where.stop]))
                behind[1:][here] = logs[ends[here] - where.start]
            yield where, logs
        if len(ends):
            behind[1:][:, ~self.allowed] = -np.inf
        yield slice(self.n_values, len(self)), behind

    def _logarithms(self, values, start):
        logs = np.ascontiguousarray(self.emission.log_likelihood(values), dtype=np.float64)
        n = self.chain.n
        if logs.shape != (len(values), n):
            shape = (len(logs) + self.n_values - len(values), *logs.shape[1:])
            raise ValueError(f"X gives log likelihoods of shape {shape}; {n} states need {(self.n_values, n)}")
        return logs

    def _require_numbers(self, logs, start):
        if logs.size and not logs.max() < np.inf:  # NaN is not, either
            k, i = np.argwhere(~(logs < np.inf))[0].tolist()
            raise ValueError(
                f"{self.place(start + k)} has the log likelihood {logs[k, i]} in state {i}; it must be -inf or a "
                "finite number: check the emission's parameters, or its log_likelihood if it is your own"
            )

    @cached_property
    @quiet
    def logs(self):
        """(R, W) logarithms, -inf where padded."""
        table = aligned(len(self), self.chain.width)
        for where, logs in self._blocks():
            self._require_numbers(logs, where.start)
            table[where, : self.chain.n] = logs
        table[:, self.chain.n :] = -np.inf
        return table

    @cached_property
    def numbers(self):
        """(rows (R, 2, W), shift (R,)): for log space, if they are shared."""
        return likelihoods(self.logs)

    @cached_property
    @quiet
    def scaled(self):
        """(rows (R, W), shift (R,), lost (R,) or None): see kernels/rows.pyx."""
        n, width = len(self), self.chain.width
        both = aligned(n * (width + 1))
        rows, shift = both[: n * width].reshape(n, width), both[n * width :]
        lost, any_lost = np.empty(n, dtype=np.uint8), False
        for where, logs in self._blocks():
            flushed, sound = scale_rows(logs, rows[where], shift[where], lost[where])
            any_lost |= flushed
            if not sound:
                self._require_numbers(logs, where.start)
                best = logs.max(axis=1)
                k = int(np.abs(np.where(best == -np.inf, 0.0, best)).argmax())
                raise ValueError(
                    f"{self.place(where.start + k)} has the log likelihood {best[k]:g} at best; sums of such numbers "
                    "overflow: rescale the data, or check the emission's parameters"
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
    """What is asked of the kernels: sequences of rows, their weights, and a chain."""

    data: Sequences
    observed: Observed
    index: np.ndarray  # type: ignore[assignment]  # (T,) int32: the row each step sees
    bounds: np.ndarray  # (S + 1,) int64
    ends: np.ndarray  # the rows that have a copy for last steps, in which only final states are possible
    allowed: np.ndarray | None  # (N,) bool: the final states
    weight: np.ndarray | None  # (S,): how often each sequence counts
    chain: Chain
    rows: Rows
    origin: np.ndarray | None = None  # (T,): which steps of the data these are; None: all, in their order

    @property
    def n_sequences(self):
        return len(self.bounds) - 1

    @property
    def longest(self):
        return int(np.diff(self.bounds).max(initial=0))

    def under(self, startprob, transmat, emission: Emission) -> "Problem":
        """The same sequences under these parameters."""
        chain, observed = Chain(startprob, transmat), self.observed
        place = partial(observed.place, self.data, emission, origin=self.origin)
        rows = Rows(emission, observed.distinct, chain, self.allowed, self.ends, observed.shared, place)
        return self._replace(chain=chain, rows=rows)

    def alone(self):
        """One Problem for each sequence."""
        if self.n_sequences == 1:
            yield self
            return
        for first, last in zip(self.bounds[:-1].tolist(), self.bounds[1:].tolist(), strict=True):
            bounds = np.array([0, last - first], dtype=np.int64)
            yield self._replace(index=self.index[first:last], bounds=bounds)

    def require_possible(self, step, first=0):
        """ImpossibleError if a sequence has probability 0; step (S,) says by which step, or -1. The first of these is
        sequence `first` of the data."""
        if step.item() < 0 if len(step) == 1 else step.max(initial=-1) < 0:
            return
        impossible = np.flatnonzero(step >= 0)
        s, data, emission = int(impossible[0]), self.data, self.rows.emission
        t = int(data.bounds[first + s] + step[s])
        if self.origin is not None:
            t = int(self.origin[self.bounds[s] + step[s]])
        others = f" (and {len(impossible) - 1} other sequences are, too)" if len(impossible) > 1 else ""
        raise ImpossibleError(
            f"{data.where(t)}: {emission.describe(data, t)} has probability 0 in every state that can be reached there "
            f"(and, at a last step, is final), so the sequence is impossible{others}; {emission.hint}",
            (first + impossible).tolist(),
        )


def pose(
    data, observed, emission=None, chain=None, allowed=None, weight=None, rows=None, bounds=None, origin=None
) -> Problem:
    """The Problem of observations; without a chain, one that waits for parameters (`under`).

    rows : those of the whole alphabet, where they are known already. bounds, origin : of pieces of the data.
    """
    index: np.ndarray = observed.index
    ends = NO_ENDS
    bounds = data.bounds if bounds is None else bounds
    if allowed is not None:
        # last steps see copies of their rows, behind those of the values and the missing step
        last = bounds[1:][np.diff(bounds) > 0] - 1
        n_values = len(observed.distinct)
        index = index.copy()
        if observed.shared:
            ends = np.arange(n_values + 1)
            index[last] += n_values + 1
        else:
            ends, copies = np.unique(observed.index[last], return_inverse=True)
            index[last] = n_values + 1 + copies
            ends = ends.astype(np.intp)
    if rows is None and chain is not None:
        place = partial(observed.place, data, emission, origin=origin)
        rows = Rows(emission, observed.distinct, chain, allowed, ends, observed.shared, place)
    return Problem(data, observed, index, bounds, ends, allowed, weight, chain, rows, origin)
