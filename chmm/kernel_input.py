"""The kernels' input: a chain, rows of likelihoods and sequences of rows, laid out for vector registers."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from .emissions import Emission, Observed
from .exceptions import ImpossibleError, quiet
from .kernels import forward_backward
from .kernels.rows import scale_rows, weigh
from .known import Known
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
    """The hidden chain as the kernels expect it: padded to whole registers, aligned, transposed, in logarithms.
    Immutable.

    endprob : (N,) or None; with it, the kernels are given (1 - e_i) a_ij, and e_i as a weight on the rows of last
        steps.
    final : (N,) or None, the states that may be last; a weight on the rows of last steps, too.
    """

    def __init__(self, startprob, transmat, endprob=None, final=None):
        self.given = startprob, transmat, endprob
        self.moves = transmat = transmat if endprob is None else (1 - endprob)[:, None] * transmat
        self.last = final if endprob is None else endprob  # (N,), what a last step is weighted by; None: nothing
        self.n = len(startprob)
        self.width = width = forward_backward.row_width(self.n)
        self.startprob = _padded(startprob[None], width, 0.0)[0]
        self.transmat = _padded(transmat, width, 0.0)
        self.transposed = _padded(transmat.T, width, 0.0)
        self.panels, self.turned = _in_panels(self.transmat), _in_panels(self.transposed)

    # EM does not need the logarithms

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


class Layout(NamedTuple):
    """The rows of a Problem: one for each distinct pair of a value and weights of the states, whether the weights come
    from labels, masks, likelihoods, final states or ends.

    The rows of the distinct values come first, then one of ones, which missing steps see, then copies of these rows for
    steps that weight the states.
    """

    source: np.ndarray | tuple = ()  # (C,), the row that each copy is made from, ascending
    masks: np.ndarray | None = None  # (M, N), logarithms of weights; the first, all 0, is that of nothing known
    mask: np.ndarray | None = None  # (R,), the mask that weights each row
    last: np.ndarray | None = None  # (R,) bool, whether a row is seen where sequences end
    own: bool = False  # whether each step sees a row of its own, although steps may share a value

    @classmethod
    def of(cls, observed, bounds, ends=False, known=None, ended=None):
        """(index (T,) of the row that each step sees, Layout).

        ends : whether last steps are weighted. ended : (S,) bool, the sequences to which this applies; None: all.
        known : what is `Known` of the states.
        """
        value, n_values = observed.index, len(observed.distinct)
        some = np.diff(bounds) > 0
        at = bounds[1:][some if ended is None else some & ended] - 1
        if observed.shared and known is None and ended is None:  # the rows of an alphabet can then be kept
            index = value.astype(np.int32)
            index[at] += n_values + 1
            return index, cls.of_alphabet(n_values)
        last = np.zeros(len(value), dtype=bool)
        last[at] = ends
        mask = np.zeros(len(value), dtype=np.int32) if known is None else known.index
        n_masks = 1 if known is None else len(known.masks)
        row_mask, row_last = np.zeros(n_values + 1, dtype=np.int32), np.zeros(n_values + 1, dtype=bool)
        copied = (mask != 0) | last
        if not observed.shared:  # a step that has a value has a row of its own, which needs no copy
            own = np.flatnonzero(value < n_values)
            row_mask[value[own]], row_last[value[own]] = mask[own], last[own]
            copied &= value == n_values
        copied = np.flatnonzero(copied)
        pairs, copies = distinct((value[copied].astype(np.int64) * n_masks + mask[copied]) * 2 + last[copied])
        index = value.astype(np.int32)
        index[copied] = n_values + 1 + copies
        source, copied_mask = np.divmod(pairs // 2, n_masks)
        return index, cls(
            source,
            None if known is None else known.masks,
            None if known is None else np.append(row_mask, copied_mask).astype(np.int32),
            np.append(row_last, pairs % 2 > 0) if ends else None,
            known is not None and known.own,
        )

    @classmethod
    def of_alphabet(cls, n_values):
        """Layout with a copy of each row for last steps."""
        n = n_values + 1
        return cls(np.arange(n), last=np.arange(2 * n) >= n)


PLAIN = Layout()  # a row for each value, and nothing known


def distinct(keys):
    """(distinct keys (K,), sorted; the place of each key among them, (T,))."""
    n = int(keys.max(initial=-1)) + 1
    if n > 4 * len(keys) + 1000:
        return np.unique(keys, return_inverse=True)
    seen = np.zeros(n, dtype=bool)
    seen[keys] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[keys]


MADE = ("logs", "numbers", "scaled", "tables")  # of `Rows`, when they are first asked for


class Rows:
    """Likelihoods of the values, arranged as a `Layout` says.

    Their logarithms are computed block by block each time that a table is made from them, so that EM, which needs only
    `scaled`, keeps no more than one large array.
    """

    def __init__(
        self, emission, values, chain, layout=PLAIN, shared=True, place: Callable[[int], str] | None = None
    ):
        self.emission, self.values, self.chain = emission, values, chain
        self.n_values = len(values)
        self.layout, self.source = layout, np.asarray(layout.source, dtype=np.intp)
        self.shared = shared and not layout.own  # whether several steps may see one row
        self.place = place or "value {} of X".format  # the position of a value, in words

    def __len__(self):
        return self.n_values + 1 + len(self.source)

    def __getstate__(self):
        """Without the cached tables, which copies compute anew."""
        return {name: value for name, value in vars(self).items() if name not in MADE}

    def forget(self):
        """Drop the cached tables."""
        for name in MADE:
            vars(self).pop(name, None)

    def _blocks(self):
        """(slice of rows, their logarithms): the values block by block, then the rows that follow them."""
        values, source = self.values, self.source
        behind = np.zeros((1 + len(source), self.chain.n))
        for where, block in blocks(values, self.chain.n):
            logs = self._logarithms(block, where.start)
            if len(source):
                here = slice(*np.searchsorted(source, [where.start, where.stop]))
                behind[1:][here] = logs[source[here] - where.start]
            yield where, self._weighted(logs, where)
        where = slice(self.n_values, len(self))
        yield where, self._weighted(behind, where)

    def _weighted(self, logs, where):
        """The logarithms of some rows plus those of the weights in the layout."""
        layout, ending = self.layout, self.chain.last
        if layout.mask is not None:
            logs = np.array(logs)  # not in place: an emission may return an array of its own
            weigh(logs, layout.masks, layout.mask[where])
        if layout.last is not None and ending is not None and layout.last[where].any():
            with np.errstate(divide="ignore"):
                logs = logs + np.where(layout.last[where, None], np.log(ending), 0.0)
        return logs

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
        """(rows (R, 2, W), shift (R,)) for log space, if rows are shared."""
        return likelihoods(self.logs)

    @cached_property
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
                k = where.start + int(np.abs(np.where(best == -np.inf, 0.0, best)).argmax())
                value = k if k <= self.n_values else int(self.source[k - self.n_values - 1])
                raise ValueError(
                    f"{self.place(value)} has the log likelihood {best[k - where.start]:g} at best; sums of such "
                    "numbers overflow: rescale the data, or check the emission's parameters"
                )
        return rows, shift, lost if any_lost else None

    @cached_property
    def tables(self):
        """Everything that the scaled recursions read, except the steps."""
        chain = self.chain
        return forward_backward.Tables(
            chain.startprob, chain.transmat, chain.transposed, chain.panels, chain.turned, *self.scaled
        )


class Problem(NamedTuple):
    """The kernels' input: sequences of rows, their weights, and a chain."""

    data: Sequences
    observed: Observed
    index: np.ndarray  # type: ignore[assignment]  # (T,) int32, or bytes: the row each step sees
    bounds: np.ndarray  # (S + 1,) int64
    layout: Layout
    final: np.ndarray | None  # (N,) bool: the final states, where ends have no probability
    known: Known | None  # of the states of some steps
    ended: np.ndarray | None  # (S,) bool: which sequences ended rather than being cut off; None: all
    weight: np.ndarray | None  # (S,): how often each sequence counts; None: once
    chain: Chain
    rows: Rows
    origin: np.ndarray | None = None  # (T,): which steps of the data these are; None: all, in their order
    labelled: np.ndarray | None = None  # (n_values, N): weights of values that the recursions do not see (`pose`)

    @property
    def n_sequences(self):
        return len(self.bounds) - 1

    @property
    def longest(self):
        return int(np.diff(self.bounds).max(initial=0))

    def under(self, startprob, transmat, emission: Emission, endprob=None) -> "Problem":
        """The same sequences under these parameters."""
        chain, observed = Chain(startprob, transmat, endprob, self.final), self.observed
        place = partial(observed.place, self.data, emission, origin=self.origin)
        rows = Rows(emission, observed.distinct, chain, self.layout, observed.shared, place)
        return self._replace(chain=chain, rows=rows)

    @quiet
    def beside_values(self):
        """(T, N) or 0.0: the logarithms of what weighs the states of each step beside its value."""
        layout, ending, out = self.layout, self.chain.last, 0.0
        if layout.mask is not None:
            out = layout.masks[layout.mask[self.index]]
        if layout.last is not None and ending is not None:
            out = out + np.where(layout.last[self.index][:, None], np.log(ending), 0.0)
        return out

    def part(self, sequences, offset=0, lengths=None, before=None, after=None, chain=None) -> "Problem":
        """The Problem of some sequences, in their order, or of stretches of them.

        before, after : if it is one stretch, more weights of the states at its first and its last step, (N,) in
            logarithms. chain : if it has parameters already.
        """
        whole = self.bounds[sequences + 1] - self.bounds[sequences]
        lengths = whole if lengths is None else lengths
        bounds = np.append(0, np.cumsum(lengths))
        steps = np.arange(bounds[-1]) + np.repeat(self.bounds[sequences] + offset - bounds[:-1], lengths)
        observed, ends = self.observed, self.layout.last is not None
        index, distinct = observed.index[steps], observed.distinct
        if not observed.shared:
            seen = index < len(distinct)
            distinct = distinct[index[seen]]
            index = np.where(seen, np.cumsum(seen) - 1, len(distinct)).astype(np.int32)
        observed = observed._replace(distinct=distinct, index=index)
        weight, ended = (None if a is None else a[sequences] for a in (self.weight, self.ended))
        if ends and (offset + lengths < whole).any():
            ended = (offset + lengths == whole) & (True if ended is None else ended)
        known = None if self.known is None else self.known.at(steps)
        if before is not None:
            known = Known.nothing(len(steps), len(before)) if known is None else known
            known = known.also(0, before).also(-1, after)
        return pose(
            self.data, observed, None if chain is None else self.rows.emission, chain, ends=ends, final=self.final,
            known=known, ended=ended, weight=weight, bounds=bounds,
            origin=steps if self.origin is None else self.origin[steps], learning=True,
        )  # fmt: skip

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
        known = "" if self.known is None else ", and agrees with what is known"
        others = f" (and {len(impossible) - 1} other sequences are, too)" if len(impossible) > 1 else ""
        raise ImpossibleError(
            f"{data.where(t)}: {emission.describe(data, t)} has probability 0 in every state that can be reached there "
            f"(and, at a last step, is final{known}), so the sequence is impossible{others}; {emission.hint}",
            (first + impossible).tolist(),
        )


def pose(
    data, observed, emission=None, chain=None, *, ends=False, final=None, known=None, ended=None, weight=None,
    rows=None, bounds=None, origin=None, learning=False,
) -> Problem:  # fmt: skip
    """The Problem of these observations; without a chain, it still needs parameters (`under`).

    ends : whether last steps are weighted. rows : those of the whole alphabet, if they are known already.
    bounds, origin : as in `Problem`, if it is about pieces of the data.
    learning : only weights and log P are asked for. A label then says all about its step, and the recursions need not
        see the value, which is counted here, once: rows of all pairs of a value and a label may not fit into the cache.
    """
    bounds = data.bounds if bounds is None else bounds
    seen, labelled = observed, None
    if learning and observed.shared and known is not None and known.path is not None:
        labelled = known.counts(observed, None if weight is None else np.repeat(weight, np.diff(bounds)))
        index = np.where(known.index > 0, np.int32(len(observed.distinct)), observed.index)
        seen = observed._replace(index=index)
    index, layout = seen.index, PLAIN
    if ends or known is not None:
        index, layout = Layout.of(seen, bounds, ends, known, ended)
    if chain is not None and (rows is None or known is not None or ended is not None):
        place = partial(observed.place, data, emission, origin=origin)
        rows = Rows(emission, observed.distinct, chain, layout, observed.shared, place)
    return Problem(data, observed, index, bounds, layout, final, known, ended, weight, chain, rows, origin, labelled)
