"""From a Problem to answers: the functions that call the kernels.

Each chunk of sequences is one kernel call. The rare sequence that scaled arithmetic cannot represent is computed again
in log space, here and nowhere else.
"""

import threading
from functools import partial
from typing import NamedTuple

import numpy as np

from .exceptions import quiet
from .kernel_input import Problem
from .kernels import forward_backward
from .kernels import viterbi as viterbi_kernel
from .kernels.rows import fold
from .kernels.status import Status
from .log_space import Exact
from .memory import aligned, zeros
from .parallel import CHUNK_NS, chunks, run

INEXACT = int(Status.INEXACT)
NEVER = np.zeros(1, dtype=np.int32)  # `stop` for calls too short to be interrupted
BUDGET = 2**30  # bytes that one call may use for a table of all steps; beyond it, segments are computed twice


# One function for each answer ----------------------------------------------------------------------------------------


Counts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # see `expected_counts`


class Outcome(NamedTuple):
    """What became of each sequence."""

    loglik: np.ndarray  # (S,) log P(O), -inf where impossible
    step: np.ndarray  # (S,) the step at which it became impossible, -1 if it did not


def log_likelihood(problem: Problem, n_jobs: int = 1) -> Outcome:
    """log P(O) of each sequence. Memory: one row of alpha."""
    loglik, status, step = _outputs(problem)
    tables = problem.rows.tables  # made once, before any thread reads them

    def work(first, last, stop):
        part = slice(first, last)
        forward_backward.log_likelihood(
            tables, problem.index, problem.bounds[first : last + 1], stop, loglik[part], status[part],
            step[part],
        )  # fmt: skip
        for _ in _rescued(problem, first, last, loglik, status, step, stop):
            pass  # only log P is needed, and it is filled in

    _in_chunks(problem, work, 2, n_jobs)
    return Outcome(loglik, step)


def expected_counts(
    problem: Problem, weight: np.ndarray | None = None, scratch: "Scratch | None" = None, n_jobs: int = 1
) -> tuple[Counts, Outcome]:
    """The E-step: ((start (N,), trans (N, N), weights (K, N) by distinct value, ends (N,)), Outcome).

    An impossible sequence adds nothing. Memory: alpha of one sequence, or of two above 64 states.
    """
    loglik, status, step = _outputs(problem)
    chain, rows = problem.chain, problem.rows
    n, width = chain.n, chain.width
    scratch = Scratch() if scratch is None else scratch
    segment, size = forward_backward.alpha_scratch(n, problem.longest, BUDGET)

    tables = rows.tables  # made once, before any thread reads them and before any other large array
    if _long_alone(problem) and scratch.both_ends:
        answer = _from_both_ends(problem, 1.0 if weight is None else float(weight[0]), scratch, n_jobs)
        if answer is not None:
            return answer
        scratch.both_ends = False  # it would fail again in the next step
    # if no two steps share a row, all chunks can write to one table
    common = None if rows.shared else zeros(len(rows), width)

    def work(first, last, stop):
        part = slice(first, last)
        weights = zeros(len(rows), width) if common is None else common
        start, pairs = np.zeros(n), zeros(n, width)
        alpha = scratch.take(size)
        forward_backward.expected_counts(
            tables, problem.index, problem.bounds[first : last + 1], None if weight is None else weight[part],
            stop, segment, alpha, start, pairs, weights, loglik[part], status[part], step[part],
        )  # fmt: skip
        scratch.give(alpha)
        trans = _transitions(pairs, chain)
        for s, exact in _rescued(problem, first, last, loglik, status, step, stop):
            exact.expected_counts(1.0 if weight is None else weight[s], start, trans, weights)
        return start, trans, *(_folded(weights, rows) if common is None else (0.0, 0.0))

    parts = _in_chunks(problem, work, 6, n_jobs)
    start, trans, *folded = (sum(part[1:], part[0]) for part in zip(*parts, strict=True))
    return (start, trans, *(folded if common is None else _folded(common, rows))), Outcome(loglik, step)


def _transitions(pairs, chain):
    """The sum of xi. beta of an unreachable state may be huge, so pairs count only where A is above 0."""
    a = chain.transmat[:, : chain.n]
    return np.multiply(pairs[:, : chain.n], a, out=np.zeros(a.shape), where=a > 0)


def _long_alone(problem):
    """Whether there is a single sequence, long enough for two threads. Small models need only one thread to take it
    from both ends."""
    n, rows = problem.chain.n, problem.rows
    if n <= 16 or problem.n_sequences != 1:
        return False
    return len(problem.index) >= 2 * max(CHUNK_NS / _ns_per_step(n, 6), 4 * len(rows) if rows.shared else 0)


def _from_both_ends(problem, weight, scratch, n_jobs):
    """`expected_counts` of one long sequence, taken from its two ends by two threads; None if that was not exact."""
    chain, rows, index = problem.chain, problem.rows, problem.index
    n, width = chain.n, chain.width
    if rows.scaled[2] is not None:
        return None
    half = (len(index) + 1) // 2
    segment, size = forward_backward.end_scratch(n, half, BUDGET // 2)
    blocks = [scratch.take(size), scratch.take(size)]
    steps = [index[:half], index[half:][::-1].copy()]
    front, back = (
        forward_backward.End(rows.tables, part, k, weight, segment, block)
        for k, (part, block) in enumerate(zip(steps, blocks, strict=True))
    )
    seconds = len(index) * _ns_per_step(n, 6) * 1e-9
    run([front.forward, back.forward], seconds, n_jobs)
    start, last, pairs, turned = np.zeros(n), np.zeros(n), zeros(n, width), zeros(n, width)
    loglik = forward_backward.meet(front, back, pairs)
    answer = None
    if loglik is not None:
        weights = zeros(len(rows), width)
        others = zeros(len(rows), width) if rows.shared else weights
        halves = [partial(front.count, start, pairs, weights), partial(back.count, last, turned, others)]
        run(halves, seconds, n_jobs)
        pairs[:, :n] += turned[:, :n].T
        if rows.shared:
            weights += others
        counts = start, _transitions(pairs, chain), *_folded(weights, rows)
        answer = counts, Outcome(np.array([loglik]), np.array([-1]))
    for block in blocks:
        scratch.give(block)
    return answer


def _folded(weights, rows):
    """((n_values, N), (N,)): the weights of the values, with those of copied rows added to the originals; and the total
    weight of the rows seen at the ends of sequences."""
    weights, last, source = weights[:, : rows.chain.n], rows.layout.last, rows.source
    ends = np.zeros(rows.chain.n) if last is None else weights[last].sum(axis=0)
    if len(source):
        fold(weights, source, rows.chain.n)
    return weights[: rows.n_values], ends


def posteriors(problem: Problem, n_jobs: int = 1) -> tuple[np.ndarray, Outcome]:
    """gamma of all steps (T, N), and an Outcome."""
    loglik, status, step = _outputs(problem)
    tables = problem.rows.tables  # made once, before any thread reads them
    table, slack = _table(len(problem.index), problem.chain)

    def work(first, last, stop):
        part = slice(first, last)
        bounds = problem.bounds[first : last + 1]
        # vector stores run past the last row, into the slack or into what another thread has written
        own_table = problem.chain.n < problem.chain.width and last < problem.n_sequences
        gamma, out = table[bounds[0] : bounds[-1]], slack[bounds[0] * problem.chain.n :]
        if own_table:
            gamma, out = _table(bounds[-1] - bounds[0], problem.chain)
        forward_backward.posteriors(
            tables, problem.index, bounds, stop, out, None, loglik[part], status[part], step[part]
        )
        for s, exact in _rescued(problem, first, last, loglik, status, step, stop):
            exact.posteriors(gamma[problem.bounds[s] - bounds[0] : problem.bounds[s + 1] - bounds[0]])
        if own_table:
            table[bounds[0] : bounds[-1]] = gamma

    _in_chunks(problem, work, 4, n_jobs)
    return table, Outcome(loglik, step)


def pair_posteriors(problem: Problem) -> tuple[np.ndarray, np.ndarray, Outcome]:
    """gamma (T, N) and xi (T-1, N, N) of one sequence, and an Outcome."""
    loglik, status, step = _outputs(problem)
    n, n_steps = problem.chain.n, len(problem.index)

    def work(first, last, stop):
        gamma, slack = _table(n_steps, problem.chain)
        xi = np.empty((max(n_steps - 1, 0), n, n))
        forward_backward.posteriors(
            problem.rows.tables, problem.index, problem.bounds, stop, slack, xi, loglik, status, step
        )
        for _, exact in _rescued(problem, first, last, loglik, status, step, stop):
            exact.posteriors(gamma, xi)
        return gamma, xi

    ((gamma, xi),) = _in_chunks(problem, work, 8, 1)
    return gamma, xi, Outcome(loglik, step)


def forward(problem: Problem, scaled: bool = True) -> tuple[np.ndarray, np.ndarray, Outcome]:
    """(alpha, log_scale, Outcome) of one sequence; if scaled, rows of alpha sum to 1."""
    return _one_way(problem, forward_backward.forward, Exact.forward, scaled)


def backward(problem: Problem, scaled: bool = True) -> tuple[np.ndarray, np.ndarray, Outcome]:
    """(beta, log_scale, Outcome) of one sequence; if scaled, alpha * beta = gamma."""
    return _one_way(problem, forward_backward.backward, Exact.backward, scaled)


def _one_way(problem, kernel, exactly, scaled):
    """The table of one recursion. Without scaling it is made in log space right away, since doubles soon underflow."""
    loglik, status, step = _outputs(problem)

    def work(first, last, stop):
        table, slack = _table(len(problem.index), problem.chain)
        log_scale = np.empty(len(problem.index))
        if scaled or not len(problem.index):
            kernel(problem.rows.tables, problem.index, problem.bounds, stop, slack, log_scale, loglik, status, step)
        else:
            status[:] = INEXACT
        for _, exact in _rescued(problem, first, last, loglik, status, step, stop):
            exactly(exact, table, log_scale, scaled)
        return table, log_scale

    ((table, log_scale),) = _in_chunks(problem, work, 4, 1)
    return table, log_scale, Outcome(loglik, step)


def viterbi(problem: Problem, n_jobs: int = 1) -> tuple[np.ndarray, Outcome]:
    """(path (T,), Outcome): the most probable path of each sequence, and log P(O, path)."""
    score, status, step = _outputs(problem)
    path = np.empty(len(problem.index), dtype=np.intp)
    chain, logs = problem.chain, problem.rows.logs

    def work(first, last, stop):
        part = slice(first, last)
        bounds = problem.bounds[first : last + 1]
        viterbi_kernel.viterbi(
            chain.log_startprob, chain.log_transmat, chain.log_transposed, logs, problem.index,
            bounds, stop, BUDGET, path[bounds[0] : bounds[-1]], score[part], status[part], step[part],
        )  # fmt: skip

    _in_chunks(problem, work, 2, n_jobs)
    return path, Outcome(score, step)


# What they share ---------------------------------------------------------------------------------------------------


class Scratch:
    """Large blocks that are reused: fresh pages would cost more than the whole E-step of a small model."""

    def __init__(self) -> None:
        self.both_ends = True  # whether to try a long sequence from both ends
        self._free: list[np.ndarray] = []
        self._lock = threading.Lock()

    def take(self, size: int) -> np.ndarray:
        with self._lock:
            for i, block in enumerate(self._free):
                if len(block) >= size:
                    return self._free.pop(i)
        return aligned(size)

    def give(self, block: np.ndarray) -> None:
        with self._lock:
            self._free.append(block)


def _outputs(problem):
    """Arrays for the kernels to fill: loglik, status, step. A status left unset by a stopped call is not INEXACT."""
    n = problem.n_sequences
    return np.empty(n), np.zeros(n, np.int32), np.empty(n, np.int64)


def _rescued(problem, first, last, loglik, status, step, stop):
    """Log space for those of the sequences first ... last - 1 that scaled arithmetic could not represent. Fills in
    their loglik and step, and yields (s, Exact) for each that is possible."""
    if last - first == 1 and status[first] != INEXACT:  # the NumPy calls below would slow a short question
        return
    with np.errstate(all="ignore"):  # also for the body of the caller's loop
        for s in first + np.flatnonzero(status[first:last] == INEXACT):
            steps = problem.index[problem.bounds[s] : problem.bounds[s + 1]]
            exact = Exact(problem.chain, problem.rows, steps, stop, BUDGET)
            loglik[s], step[s] = exact.loglik, exact.step
            if exact.step < 0:
                yield s, exact


def _table(n_steps, chain):
    """A (T, N) array, and the same memory with slack after the last row for vector stores."""
    slack = aligned(int(n_steps) * chain.n + chain.width)
    return slack[: int(n_steps) * chain.n].reshape(-1, chain.n), slack


def _ns_per_step(n, passes):
    """A rough estimate, within a factor of two of the times measured for 1 to 128 states on an AVX-512 processor.

    passes : number of multiply-adds per pair of states.
    """
    return passes * (0.015 * n * n + 0.15 * n + 0.5)


def _in_chunks(problem, work, passes, n_jobs):
    """work(first, last, stop) for chunks of sequences."""
    ns_per_step = _ns_per_step(problem.chain.n, passes)
    if len(problem.index) * ns_per_step < CHUNK_NS:  # too short to divide
        return [work(0, problem.n_sequences, NEVER)]
    n_rows = len(problem.rows) if problem.rows.shared else 0
    parts = chunks(problem.bounds, n_rows, ns_per_step)
    tasks = [lambda stop, a=a, b=b: quiet(work)(a, b, stop) for a, b in parts]
    return run(tasks, len(problem.index) * ns_per_step * 1e-9, n_jobs)
