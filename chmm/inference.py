"""From a Problem to answers: the functions that call the kernels.

Each chunk of sequences is one kernel call. The rare sequence that scaled arithmetic cannot represent is computed again
in log space, here and nowhere else.
"""

import threading
from collections.abc import Iterator
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from .exceptions import quiet
from .kernel_input import Problem
from .kernels import forward_backward
from .kernels import log_space as log_space_kernel
from .kernels import posterior_paths as posterior_paths_kernel
from .kernels import viterbi as viterbi_kernel
from .kernels.rows import fold
from .kernels.status import Status
from .kernels.stream import Past
from .log_space import Exact, log_sum, numbers, relative
from .memory import BLOCK, aligned, room, zeros
from .parallel import CHUNK_NS, NEVER, chunks, run
from .windows import Windows, highest

INEXACT = int(Status.INEXACT)
IMPOSSIBLE = int(Status.IMPOSSIBLE)
DRAWN = 2**20  # uniform numbers made in one call
BUDGET = 2**30  # bytes that one call may use for a table of all steps; beyond it, segments are computed twice
WINDOWS = 256  # windows of a sequence whose rows take as much


# One function for each answer ----------------------------------------------------------------------------------------


Counts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # see `expected_counts`


class Outcome(NamedTuple):
    """What became of each sequence."""

    loglik: np.ndarray  # (S,) log P(O), -inf where impossible
    step: np.ndarray  # (S,) the step at which it became impossible, -1 if it did not

    @classmethod
    def of(cls, problem: Problem) -> "Outcome":
        """To be filled in."""
        return cls(np.empty(problem.n_sequences), np.empty(problem.n_sequences, np.int64))

    def fill(self, other: "Outcome | Windows") -> None:
        self.loglik[:], self.step[:] = other.loglik, other.step


def log_likelihood(problem: Problem, n_jobs: int = 1) -> Outcome:
    """log P(O) of each sequence. Memory: one row of alpha."""
    if too_large(problem):
        outcome = Outcome.of(problem)
        for part, own in _parts(problem, outcome):
            own.fill(part if isinstance(part, Windows) else log_likelihood(part, n_jobs))
        return outcome
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


def counts_in_parts(
    problem: Problem, outcome: Outcome, weight: np.ndarray | None = None, scratch: "Scratch | None" = None,
    n_jobs: int = 1,
) -> Iterator[tuple[Any, Counts]]:  # fmt: skip
    """The E-step where the rows of all data do not fit into the budget: (values, counts as in `expected_counts`) of one
    part after the other. The outcome is filled in."""
    for part, own in _parts(problem._replace(weight=weight), outcome):
        if not isinstance(part, Windows):
            counts, found = expected_counts(part, part.weight, scratch, n_jobs)
            own.fill(found)
            yield part.observed.distinct, counts
            continue
        own.fill(part)
        for k, window in part.back():
            (start, trans, weights, end), _ = expected_counts(window, None, scratch, n_jobs)
            part.look_ahead(k, start)
            if k:
                start, trans = 0.0 * start, trans + part.between(k)
            w = part.weight
            yield window.observed.distinct, (w * start, w * trans, w * weights, w * end)


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


def in_log_space(problem, ask, passes=8):
    """(ask(Exact), Outcome) of one sequence of at least one step; None if it is impossible."""
    loglik, _, step = _outputs(problem)

    @quiet
    def work(first, last, stop):
        exact = Exact(problem.chain, problem.rows, problem.index, stop, BUDGET)
        loglik[0], step[0] = exact.loglik, exact.step
        return ask(exact) if exact.step < 0 else None

    (answer,) = _in_chunks(problem, work, passes, 1)
    return answer, Outcome(loglik, step)


@quiet
def ahead(chain, here, out):
    """Fill in out (n_steps, N): log P(q_T+1+k = i | o_1 ... o_T) for k = 0, 1, ..., from `Exact.here`; None: T is 0.
    The number of steps that are possible."""
    startprob, transmat, _ = chain.numbers
    ones = numbers(np.ones((1, chain.width)))
    step = max(BLOCK // chain.width, 1)
    for first in range(0, len(out), step):
        own = out[first : first + step]
        known = int(here is not None)  # a step before these
        alpha = aligned(known + len(own), *startprob.shape)
        if known:
            alpha[0] = here
        index = np.zeros(len(alpha), dtype=np.int32)
        possible = log_space_kernel.forward(None if known else startprob, transmat, ones, index, NEVER, alpha)
        if possible < len(alpha):
            return first + possible - known
        logs = relative(alpha[known:])[:, : chain.n]
        own[:] = logs - log_sum(logs, 1)[:, None]
        here = alpha[-1]
    return len(out)


def viterbi(problem: Problem, n_jobs: int = 1) -> tuple[np.ndarray, Outcome]:
    """(path (T,), Outcome): the most probable path of each sequence, and log P(O, path)."""
    if too_large(problem):
        return _viterbi_in_parts(problem, n_jobs)
    return _viterbi(problem, n_jobs)


def _viterbi(problem, n_jobs=1, **out):
    score, status, step = _outputs(problem)
    path = np.empty(len(problem.index), dtype=np.intp)
    chain, logs = problem.chain, problem.rows.logs

    def work(first, last, stop):
        part = slice(first, last)
        bounds = problem.bounds[first : last + 1]
        viterbi_kernel.viterbi(
            chain.log_startprob, chain.log_transmat, chain.log_transposed, logs, problem.index,
            bounds, stop, BUDGET, path[bounds[0] : bounds[-1]], score[part], status[part], step[part], **out,
        )  # fmt: skip

    _in_chunks(problem, work, 2, n_jobs)
    return path, Outcome(score, step)


def _viterbi_in_parts(problem, n_jobs):
    path, outcome, n = np.empty(len(problem.index), dtype=np.intp), Outcome.of(problem), problem.chain.n
    rest = path
    for part, own in _parts(problem, outcome, _delta_of_last, highest):
        n_steps = len(part.index) if isinstance(part, Problem) else part.n_steps
        mine, rest = rest[:n_steps], rest[n_steps:]
        if not isinstance(part, Windows):
            mine[:], found = _viterbi(part, n_jobs)
            own.fill(found)
            continue
        own.fill(part)
        for k, window in part.back():
            first, last = part.edges[k]
            mine[first:last], _ = _viterbi(window)
            part.ahead = np.where(np.arange(n) == mine[first], 0.0, -np.inf)
    return path, outcome


def viterbi_tables(problem):
    """(delta (T, N), in logarithms, the largest of each step taken out; log_scale (T,), what was taken out in addition
    to the step before; psi (T, N)) of one possible sequence."""
    n_steps, n, index = len(problem.index), problem.chain.n, problem.index.astype(np.int32, copy=False)

    def work(first, last, stop):
        delta, log_scale, psi = np.empty((n_steps, n)), np.empty(n_steps), np.empty((n_steps, n), dtype=np.intp)
        chain = problem.chain
        viterbi_kernel.tables(
            chain.log_startprob, chain.log_transmat, problem.rows.logs, index, stop, delta, log_scale, psi
        )
        return delta, log_scale, psi

    return _in_chunks(problem, work, 2, 1)[0]


def best_paths(problem, n_paths):
    """(paths (K, T), log P(O, path) (K,), Outcome): the K <= n_paths most probable paths of one sequence. Memory: delta
    of all steps, or of two in sqrt(T), and the paths."""
    n_steps, n = len(problem.index), problem.chain.n
    path, outcome = viterbi(problem)
    if n_steps == 0 or outcome.step[0] >= 0:
        return path[None], outcome.loglik, outcome
    if n ** min(n_steps, 64) < n_paths:  # so that no room is made for more than there are
        n_paths = n**n_steps

    def work(first, last, stop):
        paths, score = np.empty((n_paths, n_steps), dtype=np.intp), np.empty(n_paths)
        paths[0] = path
        chain = problem.chain
        found = viterbi_kernel.best_paths(
            chain.log_startprob, chain.log_transmat, chain.log_transposed, problem.rows.logs, problem.index, stop,
            BUDGET, paths, score,
        )  # fmt: skip
        return paths[: max(found, 0)], score[: max(found, 0)]

    paths, score = _in_chunks(problem, work, 2 + n_paths, 1)[0]
    score[0] = outcome.loglik[0]
    order = np.append(0, 1 + np.argsort(-score[1:], kind="stable"))  # equal up to rounding, they came in any order
    return paths[order], score[order], outcome


def past(problem, lag=None):
    """(table, log P(o_t | o_1 ... o_t-1) (T,), step (1,) as in Outcome) of one sequence, whose end is not known.

    table : (T, N), P(q_t = i | o_1 ... o_t+lag); lag 0 is the filter, -1 what is expected. None without a lag.
    """
    step, n_steps, chain = np.array([-1]), len(problem.index), problem.chain
    logs = problem.rows.logs

    def work(first, last, stop):
        log_scale = np.zeros(n_steps)
        table = None if lag is None else np.empty((n_steps, chain.n))
        if n_steps:
            memory = Past(*chain.numbers, 0 if lag is None else lag)
            index = problem.index.astype(np.int32, copy=False)
            status = memory.run(logs, index, stop, log_scale, table)
            if status == INEXACT:
                _ = problem.rows.scaled  # says which number is too large
            if status == IMPOSSIBLE:
                step[0] = memory.n_steps
            elif lag:
                memory.rest(table[max(n_steps - max(lag, 0), 0) :])
        return table, log_scale

    table, log_scale = _in_chunks(problem, work, 1 if lag is None else 2 + max(lag, 0), 1)[0]
    return table, log_scale, step


# Backwards, a path given the data is a Markov chain: see kernels/posterior_paths.pyx


def sample_posterior(problem, n_samples, rng):
    """(paths (T, K) drawn from P(path | O), Outcome) of one sequence. Uniform numbers are made for some steps at a
    time."""
    n_steps, steps = len(problem.index), max(DRAWN // n_samples, 1)

    def draw(exact, path):
        path[-1] = _drawn(exact.last(), rng.random(n_samples))
        for first, *_, alpha in exact.windows():
            for end in range(len(alpha), 1, -steps):
                start = max(end - steps - 1, 0)
                uniforms = rng.random((end - start - 1, n_samples))
                block = path[first + start : first + end]
                posterior_paths_kernel.sample(exact.transposed, alpha[start:end], uniforms, exact.stop, block)

    path = room("n_samples", n_samples, n_steps, n_samples, dtype=np.int32)
    return _backwards(problem, draw, path, n_samples)


def _drawn(p, uniforms):
    """A state for each uniform number, none of probability 0."""
    total = np.cumsum(p)
    return np.searchsorted(total, uniforms * total[-1], side="right")


def along(problem, path):
    """(log P(q_t-1 = path[t-1] | q_t = path[t], O) (T,), 0 at the first step; Outcome) of one sequence."""

    def look(exact, back):
        for first, *_, alpha in exact.windows():
            window = slice(first, first + len(alpha))
            posterior_paths_kernel.along(exact.transposed, alpha, path[window], exact.stop, back[window])

    return _backwards(problem, look, np.zeros(len(problem.index)))


def entropy(problem):
    """(the entropy of the paths given O (1,), in nats; Outcome) of one sequence."""

    def add_up(exact, total):
        gamma = exact.last()
        some = gamma[gamma > 0]
        total[0] = -(some * np.log(some)).sum()
        for _, *_, alpha in exact.windows():
            total[0] += posterior_paths_kernel.entropy(exact.transposed, alpha, exact.stop, gamma)

    return _backwards(problem, add_up, np.zeros(1))


def _backwards(problem, fill, out, passes=1):
    """(out, Outcome), filled from the filter of one sequence, window by window from its end."""
    if not len(problem.index):
        return out, Outcome(np.zeros(1), np.array([-1]))
    _, outcome = in_log_space(problem, lambda exact: fill(exact, out), 4 + passes)
    return out, outcome


# Rows that would not fit into the budget -----------------------------------------------------------------------------


def window(problem: Problem) -> int:
    """The steps of a window."""
    return max(BUDGET // (8 * WINDOWS * problem.chain.width), 1)


def too_large(problem: Problem) -> bool:
    """Whether the rows would take more than the budget: one for each step, most of which are needed once."""
    return not problem.rows.shared and len(problem.index) > WINDOWS * window(problem)


def _groups(problem):
    """(first, last + 1, whether they fit) of as many sequences as fit into the budget, or of one that does not."""
    first, bounds, room = 0, problem.bounds, WINDOWS * window(problem)
    while first < problem.n_sequences:
        last = max(int(np.searchsorted(bounds, bounds[first] + room, "right")) - 1, first + 1)
        yield first, last, bounds[last] - bounds[first] <= room
        first = last


def _parts(problem, outcome, leave=None, join=log_sum):
    """(part, what belongs to it of an Outcome): the Problem of some sequences that fit into the budget, or the Windows
    of one that does not. leave, join : see there."""
    for first, last, fits in _groups(problem):
        own = Outcome(outcome.loglik[first:last], outcome.step[first:last])
        if fits:
            yield problem.part(np.arange(first, last), chain=problem.chain), own
        else:
            yield Windows(problem, first, window(problem), leave or _alpha_of_last, join), own


def windowed(problem: Problem) -> Iterator[tuple[Problem, int, bool]]:
    """(Problem, its first step, whether a sequence goes on in it): the same sequences, in windows without what is
    around them where they do not fit."""
    if not too_large(problem):
        yield problem, 0, False
        return
    for first, last, fits in _groups(problem):
        begin, end, size = int(problem.bounds[first]), int(problem.bounds[last]), window(problem)
        if fits:
            yield problem.part(np.arange(first, last), chain=problem.chain), begin, False
            continue
        for start in range(begin, end, size):
            length = np.array([min(size, end - start)])
            yield problem.part(np.array([first]), start - begin, length, chain=problem.chain), start, start > begin


def _alpha_of_last(problem):
    """(log alpha of the last step up to a constant (N,), Outcome) of one sequence."""
    loglik, status, step = _outputs(problem)

    def work(first, last, stop):
        alpha, slack = _table(len(problem.index), problem.chain)
        args = problem.rows.tables, problem.index, problem.bounds, stop, slack, np.empty(0), loglik, status, step
        forward_backward.forward(*args)
        here = np.log(alpha[-1])
        for _, exact in _rescued(problem, first, last, loglik, status, step, stop):
            here = relative(exact.here())[: problem.chain.n]
        return here

    (here,) = _in_chunks(problem, quiet(work), 4, 1)
    return here, Outcome(loglik, step)


def _delta_of_last(problem):
    """The same of delta."""
    here = np.empty(problem.chain.n)
    _, outcome = _viterbi(problem, last=here)
    return here, outcome


# What they share ---------------------------------------------------------------------------------------------------


class Scratch:
    """Large blocks that are reused: fresh pages would cost more than the whole E-step of a small model.

    beside : another, whose blocks this one uses, too.
    """

    def __init__(self, beside: "Scratch | None" = None) -> None:
        self.both_ends = True  # whether to try a long sequence from both ends
        self._free: list[np.ndarray] = [] if beside is None else beside._free
        self._lock: threading.Lock = threading.Lock() if beside is None else beside._lock

    def take(self, size: int) -> np.ndarray:
        with self._lock:
            for i, block in enumerate(self._free):
                if len(block) >= size:
                    return self._free.pop(i)
            if self._free:
                self._free.pop()  # too small, and others would be as well
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


@cache
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
