"""From parameters, rows and sequences to answers: the kernels' caller.

A chunk of sequences is one kernel call; the rare sequence that scaled arithmetic cannot hold is done again in log
space, here and nowhere else.
"""

import math
import threading
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from .kernels import forward_backward, log_space
from .kernels import viterbi as viterbi_kernel
from .kernels.rows import scale_rows
from .parallel import LEAST, chunks, run

INEXACT = 2  # a sequence's status: needs log space
LARGEST = 2.0**1023
LARGEST_LOG = 1e280  # of a density; sums of them must not overflow
NEVER = np.zeros(1, dtype=np.int32)  # the `stop` of calls too short to be interrupted
BUDGET = 2**30  # bytes one call may take for a table of all steps; beyond it, stretches are computed twice


def aligned(*shape):
    """Uninitialised doubles that begin at a cache line, where vector registers are loaded fastest."""
    size = math.prod(shape)
    if size > 2**59:
        raise MemoryError(f"an array of shape {shape} does not fit into any memory")
    block = np.empty(size + 8)
    offset = (-block.ctypes.data // 8) % 8
    return block[offset : offset + size].reshape(shape)


def _padded(table, width, fill):
    out = aligned(len(table), width)
    out[:, : table.shape[1]] = table
    out[:, table.shape[1] :] = fill
    return out


def _log(table):
    with np.errstate(divide="ignore"):
        return np.log(table)


class Chain:
    """The hidden chain as the kernels want it: padded to whole registers, aligned, turned, in logarithms. Immutable."""

    def __init__(self, startprob, transmat):
        self.n = len(startprob)
        self.width = width = forward_backward.row_width(self.n)
        log_transmat = _log(transmat)
        self.startprob = _padded(startprob[None], width, 0.0)[0]
        self.transmat = _padded(transmat, width, 0.0)
        self.transposed = _padded(transmat.T, width, 0.0)
        self.log_startprob = _padded(_log(startprob)[None], width, -np.inf)[0]
        self.log_transmat = _padded(log_transmat, width, -np.inf)
        self.log_transposed = _padded(log_transmat.T, width, -np.inf)

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
        return forward_backward.Tables(chain.startprob, chain.transmat, chain.transposed, *self.scaled)


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


# One answer each ---------------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What became of each sequence."""

    loglik: np.ndarray  # (S,) log P(O), -inf where impossible
    step: np.ndarray  # (S,) the step at which it became impossible, -1 if it did not


def log_likelihood(problem, n_jobs=1):
    """log P(O) of each sequence: an Outcome. Memory: one row of alpha."""
    loglik, status, step = _outputs(problem)

    def work(first, last, stop):
        part = slice(first, last)
        forward_backward.log_likelihood(
            problem.rows.tables, problem.index, problem.bounds[first : last + 1], stop, loglik[part], status[part],
            step[part],
        )  # fmt: skip
        for s in _inexact(status[part]):
            s += first
            exact = _exact(problem, s, stop, backward=False)
            loglik[s], step[s] = exact.loglik, exact.step

    _in_chunks(problem, work, 2, n_jobs)
    return Outcome(loglik, step)


class Counts(NamedTuple):
    """Expected counts of one chunk, or of all."""

    start: np.ndarray  # (N,)
    trans: np.ndarray  # (N, N)
    weights: np.ndarray  # (K, N) by distinct value

    def __add__(self, other):
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def expected_counts(problem, weight=None, scratch=None, n_jobs=1):
    """The E-step: (Counts, Outcome). Nothing is counted for an impossible sequence. Memory: alpha of one sequence."""
    loglik, status, step = _outputs(problem)
    chain, rows = problem.chain, problem.rows
    n, width = chain.n, chain.width
    scratch = Scratch() if scratch is None else scratch
    stretch, size = forward_backward.alpha_scratch(n, problem.longest, BUDGET)

    tables = rows.tables  # once, before threads ask for them, and before there is another large array
    if _long_alone(problem) and scratch.both_ends:
        answer = _from_both_ends(problem, 1.0 if weight is None else float(weight[0]), scratch, n_jobs)
        if answer is not None:
            return answer
        scratch.both_ends = False  # the next time it would be in vain as well
    # rows that no two sequences share need one table for all chunks
    common = None if rows.shared else np.zeros((len(rows), width))

    def work(first, last, stop):
        part = slice(first, last)
        weights = np.zeros((len(rows), width)) if common is None else common
        start, pairs = np.zeros(n), aligned(n, width)
        pairs[:] = 0.0
        alpha = scratch.take(size)
        forward_backward.expected_counts(
            tables, problem.index, problem.bounds[first : last + 1], None if weight is None else weight[part],
            stop, stretch, alpha, start, pairs, weights, loglik[part], status[part], step[part],
        )  # fmt: skip
        scratch.give(alpha)
        trans = _transitions(pairs, chain)
        for s in _inexact(status[part]):
            s += first
            exact = _exact(problem, s, stop)
            loglik[s], step[s] = exact.loglik, exact.step
            if exact.step >= 0:
                continue
            w = 1.0 if weight is None else weight[s]
            gamma = w * np.exp(exact.log_alpha + exact.log_beta)
            start += gamma[0]
            trans += w * exact.pairs(stop)
            np.add.at(weights[:, :n], exact.index, gamma)
        if common is not None:
            return Counts(start, trans, 0.0)
        return Counts(start, trans, _folded(weights, rows))

    parts = _in_chunks(problem, work, 6, n_jobs)
    counts = sum(parts[1:], parts[0])
    return counts if common is None else counts._replace(weights=_folded(common, rows)), Outcome(loglik, step)


def _transitions(pairs, chain):
    """Sum of xi. beta of an unreachable state may be huge: its pairs count only where A lets it be reached."""
    a = chain.transmat[:, : chain.n]
    return np.multiply(pairs[:, : chain.n], a, out=np.zeros(a.shape), where=a > 0)


def _long_alone(problem):
    """Whether there is one sequence, worth two threads; tiny models take it from both ends in one."""
    n, rows = problem.chain.n, problem.rows
    if n <= 4 or problem.n_sequences != 1:
        return False
    return len(problem.index) >= 2 * max(LEAST / _ns_per_step(n, 6), 4 * len(rows) if rows.shared else 0)


def _from_both_ends(problem, weight, scratch, n_jobs):
    """`expected_counts` of one long sequence, which two threads take from its two ends. None if that was not exact."""
    chain, rows, index = problem.chain, problem.rows, problem.index
    n, width = chain.n, chain.width
    if rows.scaled[2] is not None:
        return None
    half = (len(index) + 1) // 2
    stretch, size = forward_backward.end_scratch(n, half, BUDGET // 2)
    blocks = [scratch.take(size), scratch.take(size)]
    steps = [index[:half], index[half:][::-1].copy()]
    front, back = (
        forward_backward.End(rows.tables, part, k, weight, stretch, block)
        for k, (part, block) in enumerate(zip(steps, blocks, strict=True))
    )
    seconds = len(index) * _ns_per_step(n, 6) * 1e-9
    run([front.grow, back.grow], seconds, n_jobs)
    start, last, pairs, turned = np.zeros(n), np.zeros(n), aligned(n, width), aligned(n, width)
    pairs[:] = turned[:] = 0.0
    loglik = forward_backward.meet(front, back, pairs)
    answer = None
    if loglik is not None:
        weights = np.zeros((len(rows), width))
        others = np.zeros((len(rows), width)) if rows.shared else weights
        halves = [partial(front.count, start, pairs, weights), partial(back.count, last, turned, others)]
        run(halves, seconds, n_jobs)
        pairs[:, :n] += turned[:, :n].T
        if rows.shared:
            weights += others
        counts = Counts(start, _transitions(pairs, chain), _folded(weights, rows))
        answer = counts, Outcome(np.array([loglik]), np.array([-1]))
    for block in blocks:
        scratch.give(block)
    return answer


def _folded(weights, rows):
    """(n_values, N): the weights of last steps added to those of the rows they are copies of."""
    weights = weights[:, : rows.chain.n]
    if len(rows.ends):
        np.add.at(weights, rows.ends, weights[rows.n_values + 1 :])
    return weights[: rows.n_values]


def posteriors(problem, n_jobs=1):
    """gamma of all steps (T, N), and an Outcome."""
    loglik, status, step = _outputs(problem)
    tables = []

    def work(first, last, stop):
        part = slice(first, last)
        bounds = problem.bounds[first : last + 1]
        gamma, slack = _table(bounds[-1] - bounds[0], problem.chain)
        forward_backward.posteriors(
            problem.rows.tables, problem.index, bounds, stop, slack, None, loglik[part], status[part], step[part]
        )
        for s in _inexact(status[part]):
            s += first
            exact = _exact(problem, s, stop)
            loglik[s], step[s] = exact.loglik, exact.step
            if exact.step < 0:
                gamma[problem.bounds[s] - bounds[0] : problem.bounds[s + 1] - bounds[0]] = np.exp(
                    exact.log_alpha + exact.log_beta
                )
        return gamma

    tables = _in_chunks(problem, work, 4, n_jobs)
    return tables[0] if len(tables) == 1 else np.concatenate(tables), Outcome(loglik, step)


def pair_posteriors(problem):
    """gamma (T, N) and xi (T-1, N, N) of one sequence, and an Outcome."""
    loglik, status, step = _outputs(problem)
    n, n_steps = problem.chain.n, len(problem.index)

    def work(first, last, stop):
        gamma, slack = _table(n_steps, problem.chain)
        xi = np.empty((max(n_steps - 1, 0), n, n))
        forward_backward.posteriors(
            problem.rows.tables, problem.index, problem.bounds, stop, slack, xi, loglik, status, step
        )
        if status[0] == INEXACT:
            exact = _exact(problem, 0, stop)
            loglik[0], step[0] = exact.loglik, exact.step
            if exact.step < 0:
                gamma = np.exp(exact.log_alpha + exact.log_beta)
                future = exact.log_rows[1:] + exact.log_beta[1:] - exact.log_scale[1:, None]
                xi = np.exp(exact.log_alpha[:-1, :, None] + exact.log_transmat + future[:, None, :])
        return gamma, xi

    ((gamma, xi),) = _in_chunks(problem, work, 8, 1)
    return gamma, xi, Outcome(loglik, step)


def forward(problem):
    """(alpha, log_scale, Outcome) of one sequence; rows of alpha sum to 1."""
    return _one_way(problem, forward_backward.forward, lambda exact: exact.log_alpha)


def backward(problem):
    """(beta, log_scale, Outcome) of one sequence; alpha * beta = gamma."""
    return _one_way(problem, forward_backward.backward, lambda exact: exact.log_beta)


def _one_way(problem, kernel, logarithm):
    loglik, status, step = _outputs(problem)

    def work(first, last, stop):
        table, slack = _table(len(problem.index), problem.chain)
        log_scale = np.empty(len(problem.index))
        kernel(problem.rows.tables, problem.index, problem.bounds, stop, slack, log_scale, loglik, status, step)
        if status[0] == INEXACT:
            exact = _exact(problem, 0, stop)
            loglik[0], step[0] = exact.loglik, exact.step
            if exact.step < 0:
                table = np.exp(np.minimum(logarithm(exact), np.log(LARGEST)))
                log_scale = exact.log_scale
        return table, log_scale

    ((table, log_scale),) = _in_chunks(problem, work, 4, 1)
    return table, log_scale, Outcome(loglik, step)


def viterbi(problem, n_jobs=1):
    """(path (T,), Outcome): the most probable path of each sequence, and log P(O, path)."""
    score, status, step = _outputs(problem)
    path = np.empty(len(problem.index), dtype=np.intp)
    chain = problem.chain

    def work(first, last, stop):
        part = slice(first, last)
        bounds = problem.bounds[first : last + 1]
        viterbi_kernel.viterbi(
            chain.log_startprob, chain.log_transmat, chain.log_transposed, problem.rows.logs, problem.index,
            bounds, stop, BUDGET, path[bounds[0] : bounds[-1]], score[part], status[part], step[part],
        )  # fmt: skip

    _in_chunks(problem, work, 2, n_jobs)
    return path, Outcome(score, step)


# What they share ---------------------------------------------------------------------------------------------------


class Scratch:
    """Large blocks that are used again: fresh pages would cost more than a small model's whole E-step."""

    def __init__(self):
        self.both_ends = True  # whether a long sequence may be tried from both ends
        self._free = []
        self._lock = threading.Lock()

    def take(self, size):
        with self._lock:
            for i, block in enumerate(self._free):
                if len(block) >= size:
                    return self._free.pop(i)
        return aligned(size)

    def give(self, block):
        with self._lock:
            self._free.append(block)


def _outputs(problem):
    """Arrays for the kernels to fill: loglik, status, step."""
    n = problem.n_sequences
    return np.empty(n), np.empty(n, np.int32), np.empty(n, np.int64)


def _inexact(status):
    """Sequences that must be done in log space."""
    if len(status) == 1:
        return (0,) if status[0] == INEXACT else ()
    return np.flatnonzero(status == INEXACT)


def _table(n_steps, chain):
    """A (T, N) array and the same memory with a row more, which vector stores may run into."""
    slack = aligned(int(n_steps) * chain.n + chain.width)
    return slack[: int(n_steps) * chain.n].reshape(-1, chain.n), slack


def _ns_per_step(n, passes):
    """A rough guess; `passes` is the number of multiply-adds per pair of states."""
    return passes * (0.1 * n * n + 2)


def _in_chunks(problem, work, passes, n_jobs):
    """work(first, last, stop) for chunks of sequences."""
    ns_per_step = _ns_per_step(problem.chain.n, passes)
    if len(problem.index) * ns_per_step < LEAST:  # not worth a second thought
        return [work(0, problem.n_sequences, NEVER)]
    n_rows = len(problem.rows) if problem.rows.shared else 0
    parts = chunks(problem.bounds, n_rows, ns_per_step)
    tasks = [lambda stop, a=a, b=b: work(a, b, stop) for a, b in parts]
    return run(tasks, len(problem.index) * ns_per_step * 1e-9, n_jobs)


class _exact:
    """The exact path: one sequence in log space."""

    def __init__(self, problem, s, stop, backward=True):
        n = problem.chain.n
        rows = problem.index[problem.bounds[s] : problem.bounds[s + 1]]
        self.log_startprob, self.log_transmat = problem.chain.exact()
        self.index = rows
        self.log_rows = problem.rows.logs[rows, :n]
        self.steps = np.arange(len(rows), dtype=np.int32)
        self.log_alpha, self.log_scale = np.empty((len(rows), n)), np.empty(len(rows))
        done = log_space.forward(
            self.log_startprob, self.log_transmat, self.log_rows, self.steps, stop, self.log_alpha, self.log_scale
        )
        self.step = -1 if done == len(rows) else done
        self.loglik = -np.inf if self.step >= 0 else compensated_sum(self.log_scale)
        if backward and self.step < 0:
            self.log_beta = np.empty((len(rows), n))
            log_space.backward(self.log_transmat, self.log_rows, self.steps, self.log_scale, stop, self.log_beta)

    def pairs(self, stop):
        trans = np.zeros_like(self.log_transmat)
        log_space.pair_counts(
            self.log_transmat, self.log_rows, self.steps, self.log_scale, self.log_alpha, self.log_beta, stop, trans
        )
        return trans


def compensated_sum(x):
    """Sum of an array to a few ulp: NumPy's pairwise sums of blocks, and math.fsum of those."""
    if len(x) <= 64:
        return math.fsum(x.tolist())
    return math.fsum(np.add.reduceat(x, np.arange(0, len(x), 64)).tolist())
