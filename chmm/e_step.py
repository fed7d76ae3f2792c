"""The E-step: a Problem under its parameters becomes Statistics. So does a path, which is counted.

weights[v, i], what an emission learns from, is how much of the data shows value v in state i.
"""

from collections.abc import Iterable

import numpy as np

from . import inference
from .kernels import counting
from .log_space import compensated_sum
from .parallel import run
from .statistics import Digest, Statistics, n_filled


def expectation(problem, options, scratch=None, shards=frozenset()) -> Statistics:
    """Statistics of all sequences; in hard EM those of their most probable paths, so that EM climbs log P(O, path)
    (segmental k-means, Juang & Rabiner 1990)."""
    if options.training == "viterbi":
        path, outcome = inference.viterbi(problem, options.n_jobs)
        problem.require_possible(outcome.step)
        return of_path(problem, path, total_loglik(outcome, problem), shards)
    emission, chain, weight = problem.rows.emission, problem.chain, problem.weight
    # weights at most 1 inside, so that nothing overflows
    top = 1.0 if weight is None else float(weight.max())
    startprob, transmat, endprob = chain.given
    labelled, total = problem.labelled, None
    weight = None if weight is None else weight / top
    if inference.too_large(problem):
        outcome = inference.Outcome.of(problem)
        parts: Iterable = inference.counts_in_parts(problem, outcome, weight, scratch, options.n_jobs)
    else:
        counts, outcome = inference.expected_counts(problem, weight, scratch, options.n_jobs)
        parts = [(problem.observed.distinct, counts)]
        if not problem.rows.shared:
            problem.rows.forget()  # they may be as large as the data times the states
    for values, (start, trans, weights, end) in parts:
        weights = weights if top == 1 else top * weights  # no copy unless it must be
        weights = weights if labelled is None else weights + labelled
        tallies, ends = emission.statistics(values, weights), None if endprob is None else top * end
        total = _added(total, (top * start, top * trans, tallies, ends))
    problem.require_possible(outcome.step)
    loglik, digest = total_loglik(outcome, problem), Digest(startprob, transmat, emission, endprob)
    return _statistics(total, loglik, problem.bounds, digest, shards)


def _added(one, other):
    """(start, trans, statistics of the emission, end or None) of two parts; None: nothing yet."""
    if one is None:
        return other
    (*chain, tallies, end), (*chain_too, tallies_too, end_too) = one, other
    sums = {name: value + tallies_too[name] for name, value in tallies.items()}
    return *(a + b for a, b in zip(chain, chain_too, strict=True)), sums, None if end is None else end + end_too


def _statistics(total, loglik, bounds, digest, shards):
    start, trans, tallies, end = total
    return Statistics(start, trans, tallies, float(loglik), n_filled(bounds), int(bounds[-1]), digest, shards, end)


def of_path(problem, path, loglik=None, shards=frozenset()) -> Statistics:
    """The Statistics of one path (T,) under the parameters of the problem; loglik: log P(O, path), if known."""
    emission, (startprob, transmat, endprob) = problem.rows.emission, problem.chain.given
    explains, total = loglik is None, None
    loglik = loglik or 0.0
    for part, first, goes_on in inference.windowed(problem):
        mine, values = path[first : first + len(part.index)], part.observed.distinct
        start, trans, weights, end = counts_of(part, mine, problem.chain.n, endprob is not None)
        if goes_on:
            trans[path[first - 1], path[first]] += start.sum()
            start[:] = 0.0
        if explains:
            loglik += chain_loglik(start, trans, end, startprob, transmat, endprob)
            loglik += explained(emission, values, weights)
        total = _added(total, (start, trans, emission.statistics(values, weights), end))
    return _statistics(total, loglik, problem.bounds, Digest(startprob, transmat, emission, endprob), shards)


def counts_of(problem, path, n_states, ends):
    """(start (N,), trans (N, N), weights of the distinct values (R, N), end (N,) or None) of a path (T,)."""
    index, bounds, weight = problem.observed.index, problem.bounds, problem.weight
    n_values, end = len(problem.observed.distinct), None
    start, trans, weights = count(path, index, bounds, weight, n_states, n_values + 1)  # the last is the missing value
    if ends:
        some = np.diff(bounds) > 0
        some = some if problem.ended is None else some & problem.ended
        last = path[bounds[1:][some] - 1]
        end = np.bincount(last, None if weight is None else weight[some], n_states).astype(np.float64)
    return start, trans, weights[:-1], end


def count(path, index, bounds, weight, n_states, n_values):
    """(start (N,), trans (N, N), weights (n_values, N)): how often each state comes first, follows another, and goes
    with each value. path (T,) int32 or intp, index (T,) int32 or uint8: states and values."""
    start, trans, weights = np.zeros(n_states), np.zeros((n_states, n_states)), np.zeros((n_values, n_states))

    def work(stop):
        counting.count(path, index, bounds, weight, stop, start, trans, weights)

    run([work], len(path) * 3e-9)
    return start, trans, weights


# log P of what was counted -------------------------------------------------------------------------------------------


def total_loglik(outcome, problem):
    """log P of all sequences, with that of labelled values which the recursions did not see."""
    emission, observed, weight = problem.rows.emission, problem.observed, problem.weight
    loglik = compensated_sum(outcome.loglik if weight is None else outcome.loglik * weight)
    if problem.labelled is None:
        return loglik
    apart = float(explained(emission, observed.distinct, problem.labelled))
    if apart == -np.inf:
        cannot = np.pad(emission.log_likelihood(observed.distinct) == -np.inf, ((0, 1), (0, 1)))
        t = np.flatnonzero(cannot[observed.index, problem.known.path])[::-1]
        s = np.searchsorted(problem.bounds, t, "right") - 1
        step = np.full(problem.n_sequences, -1)
        step[s] = t - problem.bounds[s]
        problem.require_possible(step)
    return loglik + apart


def explained(emission, values, weights):
    """sum weights * log b; nothing for what has no weight."""
    with np.errstate(invalid="ignore"):
        return np.nansum(weights * emission.log_likelihood(values))


def chain_loglik(start, trans, end, startprob, transmat, endprob):
    """The chain's part of log P."""
    loglik = xlogy(start, startprob) + xlogy(trans, transmat)
    return loglik if end is None else loglik + xlogy(end, endprob) + xlogy(trans.sum(axis=1), 1 - endprob)


def xlogy(counts, probs):
    """sum counts * log(probs), where 0 log 0 = 0."""
    return (counts * np.log(np.where(counts > 0, probs, 1.0))).sum()
