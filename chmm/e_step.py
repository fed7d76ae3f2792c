"""The E-step: a Problem under its parameters becomes Statistics. So does a path, which is counted.

weights[v, i], what an emission learns from, is how much of the data shows value v in state i.
"""

from copy import copy
from dataclasses import replace
from typing import Any

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
    outcome, labelled = inference.Outcome.of(problem), problem.labelled
    total: Any = 0
    parts = inference.counts_in_parts(
        problem, outcome, None if weight is None else weight / top, scratch, options.n_jobs
    )
    problem = problem._replace(rows=copy(problem.rows))  # whose tables may be as large as the data times the states
    for values, (start, trans, weights, end) in parts:
        weights = weights if top == 1 else top * weights  # no copy unless it must be
        weights = weights if labelled is None else weights + labelled
        tallies, ends = emission.statistics(values, weights), None if endprob is None else top * end
        total = total + Statistics(top * start, top * trans, tallies, 0.0, 0, 0, end=ends)
    problem.require_possible(outcome.step)
    return replace(
        total,
        loglik=total_loglik(outcome, problem),
        n_sequences=n_filled(problem.bounds),
        n_steps=int(problem.bounds[-1]),
        digest=Digest(startprob, transmat, emission, endprob),
        shards=shards,
    )


def of_path(problem, path, loglik=None, shards=frozenset()) -> Statistics:
    """The Statistics of one path (T,) under the parameters of the problem; loglik: log P(O, path), if known."""
    emission, (startprob, transmat, endprob) = problem.rows.emission, problem.chain.given
    bounds, explains = problem.bounds, loglik is None
    total: Any = 0
    for part, first, goes_on in inference.stretches(problem) if inference.too_large(problem) else [(problem, 0, False)]:
        mine, values = path[first : first + len(part.index)], part.observed.distinct
        start, trans, weights, end = counts_of(part, mine, problem.chain.n, endprob is not None)
        if goes_on:
            trans[path[first - 1], path[first]] += start.sum()
            start[:] = 0.0
        own = 0.0
        if explains:
            own = chain_loglik(start, trans, end, startprob, transmat, endprob) + explained(emission, values, weights)
        total = total + Statistics(start, trans, emission.statistics(values, weights), own, 0, 0, end=end)
    return replace(
        total,
        loglik=float(total.loglik if explains else loglik),
        n_sequences=n_filled(bounds),
        n_steps=int(bounds[-1]),
        digest=Digest(startprob, transmat, emission, endprob),
        shards=shards,
    )


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
