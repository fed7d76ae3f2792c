"""Learning: by counting where the states are known, by Baum-Welch (EM) where they are not."""

import copy
import warnings
from itertools import permutations
from typing import NamedTuple

import numpy as np

from . import inference
from .emissions.seeding import shares
from .exceptions import ConvergenceWarning
from .kernel_input import Chain, pose
from .kernels import counting
from .log_space import compensated_sum
from .parallel import run
from .statistics import Statistics, log_prior, probabilities

FALL = 1e-6  # of the objective: what EM may lose to rounding


class Task(NamedTuple):
    """What a fit starts from, all checked."""

    observed: object  # emissions.Observed
    bounds: np.ndarray
    weight: np.ndarray | None  # (S,), or None
    n_states: int
    startprob: np.ndarray | None  # given start values
    transmat: np.ndarray | None
    allowed: np.ndarray | None  # (N,) bool: final states
    pseudocount: float
    n_jobs: int

    @property
    def n_steps(self):
        return int(self.bounds[-1])

    @property
    def n_sequences(self):
        return int((np.diff(self.bounds) > 0).sum())


class Learnt(NamedTuple):
    """What a fit ends with."""

    startprob: np.ndarray
    transmat: np.ndarray
    emission: object
    statistics: Statistics
    history: np.ndarray
    n_iter: int
    converged: bool


class Impossible(Exception):
    """Sequence `sequence` has probability 0, by step `step`."""

    def __init__(self, sequence, step):
        self.sequence, self.step = int(sequence), int(step)


def count(task, emission, states, rng):
    """Supervised learning, (1.1)-(1.3): relative frequencies of `states` (T,), which go with the observations."""
    n, observed = task.n_states, task.observed
    start, trans = np.zeros(n), np.zeros((n, n))
    weights = np.zeros((len(observed.distinct) + 1, n))

    def work(stop):
        counting.count(states, observed.index, task.bounds, task.weight, stop, start, trans, weights)

    run([work], task.n_steps * 3e-9)
    if emission.max_inner_iter > 1:
        emission.start(observed.distinct, weights[:-1], rng)  # its statistics may need parameters
    tallies = emission.statistics(observed.distinct, weights[:-1])
    statistics = Statistics(start, trans, tallies, 0.0, task.n_sequences, task.n_steps)
    settle(emission, observed.distinct, weights[:-1], tallies, task.n_steps)
    startprob, transmat = maximise(task, statistics, uniform(task, task.startprob, 1), uniform(task, task.transmat, n))
    return Learnt(startprob, transmat, emission, statistics, np.empty(0), 0, True)


def settle(emission, distinct, weights, tallies, n_steps):
    """Update to the maximiser; again and again where statistics depend on the parameters, as a mixture's do."""
    before, looked, look = -np.inf, 0, 1
    for k in range(1, emission.max_inner_iter + 1):
        emission.update(tallies)
        if k == emission.max_inner_iter:
            break
        if k == look and emission.max_inner_iter > 2:  # seldom: a look costs more than a round
            objective = explained(emission, distinct, weights) + emission.log_prior()
            if objective - before <= 1e-9 * n_steps * (k - looked):
                break
            before, looked, look = objective, k, k + 1 + k // 4
        tallies = emission.statistics(distinct, weights)


def uniform(task, given, n_rows):
    """Rows for states without evidence: the given ones, else uniform."""
    if given is not None:
        return given
    shape = task.n_states if n_rows == 1 else (n_rows, task.n_states)
    return np.full(shape, 1 / task.n_states)


def maximise(task, statistics, startprob, transmat):
    """The M-step for the chain."""
    return (
        probabilities(statistics.start, startprob, task.pseudocount, free(task.startprob)),
        probabilities(statistics.trans, transmat, task.pseudocount, free(task.transmat)),
    )


def free(given):
    """Where a given array may move: its zeros are structural."""
    return None if given is None else given > 0


def baum_welch(task, emission, options):
    """EM from `n_init` starts: short runs from each, longer ones from the better half, the best one to the end."""
    n_init, max_iter, tol = options.n_init, options.max_iter, options.tol
    starts = [initial(task, emission, options.rng) for _ in range(n_init)]
    # the better half goes on, for twice as many steps, until one is left
    steps = 10
    first = min(steps, max_iter) if n_init > 1 else max_iter
    runs = [iterate(task, *start, max_iter=first, tol=tol) for start in starts]
    while len(runs) > 1:
        runs.sort(key=lambda run: final_objective(task, run), reverse=True)
        runs = runs[: len(runs) // 2]
        steps = 2 * steps if len(runs) > 1 else max_iter
        runs = [
            iterate(
                task, run.startprob, run.transmat, run.emission, max_iter=min(steps, max_iter - run.n_iter), tol=tol,
                before=run,
            )
            for run in runs
        ]  # fmt: skip
    learnt = runs[0]
    before, last = learnt.history[-2:] if len(learnt.history) > 1 else (-np.inf, np.inf)
    if last < before - FALL * max(1.0, abs(before)):
        learnt = learnt._replace(converged=False)
        warnings.warn(
            f"EM stopped because its last step lowered the objective, from {before:.9g} to {last:.9g}: the numbers are "
            "too large for this emission (rescale them), or, if it is your own, its update is no maximiser",
            ConvergenceWarning,
            stacklevel=3,
        )
    elif not learnt.converged:
        warnings.warn(
            f"EM stopped after max_iter = {max_iter} steps, before the gain per observation fell to tol = {tol}; "
            "fit with a larger max_iter, or a larger tol if the fit is good enough",
            ConvergenceWarning,
            stacklevel=3,
        )
    return learnt


def initial(task, emission, rng):
    """Start values: those given, else drawn away from 0."""
    n = task.n_states

    def rows(*shape):
        x = 0.1 + rng.random(shape)
        return x / x.sum(axis=-1, keepdims=True)

    startprob = rows(n) if task.startprob is None else task.startprob
    transmat = rows(n, n) if task.transmat is None else task.transmat
    if not emission.complete:
        distinct, index = task.observed.distinct, task.observed.index
        weight = None if task.weight is None else np.repeat(task.weight, np.diff(task.bounds))
        times = np.bincount(index, weight, len(distinct) + 1)[:-1].astype(np.float64)
        weights = shares(emission.embed(distinct), times, n, rng) * times[:, None]
        best, most = None, -np.inf
        for order in orders(emission, n, rng):
            mine, trial = weights[:, order], copy.deepcopy(emission)
            trial.start(distinct, mine, rng)
            fit = -np.inf if emission.exchangeable else explained(trial, distinct, mine)
            if best is None or fit > most:
                best, most = trial, fit
        return startprob, transmat, best
    return startprob, transmat, copy.deepcopy(emission)


def orders(emission, n, rng):
    """Which cluster each state starts with. Where something is given, all orders are tried, or as many as of four."""
    if emission.exchangeable:
        return [np.arange(n)]
    if n <= 4:
        return [list(order) for order in permutations(range(n))]
    return [rng.permutation(n) for _ in range(24)]


def explained(emission, distinct, weights):
    """sum weights * log b; nothing for what has no weight."""
    with np.errstate(invalid="ignore"):
        return np.nansum(weights * emission.log_likelihood(distinct))


def iterate(task, startprob, transmat, emission, *, max_iter, tol, before=None):
    """EM from one start. history[k] is the objective at the parameters that step k started from."""
    history = [] if before is None else list(before.history)
    n_iter = 0 if before is None else before.n_iter
    converged = before is not None and before.converged
    statistics = None if before is None else before.statistics
    last = n_iter + max(max_iter, 0)
    scratch = inference.Scratch()
    while not converged and n_iter < last:
        statistics = expectation(task, startprob, transmat, emission, scratch)
        history.append(statistics.loglik + prior(task, startprob, transmat, emission))
        if len(history) > 1 and history[-1] - history[-2] <= tol * task.n_steps:
            converged = True
            break
        emission = copy.copy(emission)
        emission.update(statistics.emission)
        startprob, transmat = maximise(task, statistics, startprob, transmat)
        n_iter += 1
    return Learnt(startprob, transmat, emission, statistics, np.array(history), n_iter, converged)


def expectation(task, startprob, transmat, emission, scratch=None):
    """The E-step: Statistics of all sequences."""
    problem = make_problem(task, startprob, transmat, emission)
    # weights at most 1 inside, so that nothing overflows
    top = 1.0 if task.weight is None else float(task.weight.max())
    weight = None if task.weight is None else task.weight / top
    counts, outcome = inference.expected_counts(problem, weight, scratch, task.n_jobs)
    del problem  # its rows may be as large as the data times the states
    if (outcome.step >= 0).any():
        s = np.flatnonzero(outcome.step >= 0)[0]
        raise Impossible(s, outcome.step[s])
    loglik = outcome.loglik if task.weight is None else outcome.loglik * task.weight
    # the largest array there is: no copy unless it must be
    weights = counts.weights if top == 1 else top * counts.weights
    return Statistics(
        top * counts.start,
        top * counts.trans,
        emission.statistics(task.observed.distinct, weights),
        compensated_sum(loglik),
        task.n_sequences,
        task.n_steps,
    )


def make_problem(task, startprob, transmat, emission):
    return pose(Chain(startprob, transmat), emission, task.observed, task.bounds, task.allowed)


def prior(task, startprob, transmat, emission):
    """What the objective holds beside log P."""
    return (
        log_prior(startprob, task.pseudocount, free(task.startprob))
        + log_prior(transmat, task.pseudocount, free(task.transmat))
        + emission.log_prior()
    )


def final_objective(task, learnt):
    """The objective at the parameters a run ended with."""
    if learnt.converged:
        return learnt.history[-1]
    problem = make_problem(task, learnt.startprob, learnt.transmat, learnt.emission)
    loglik = inference.log_likelihood(problem, task.n_jobs).loglik
    loglik = loglik if task.weight is None else loglik * task.weight
    return loglik.sum() + prior(task, learnt.startprob, learnt.transmat, learnt.emission)


def report(task, learnt, states):
    """What the fit met, as a dict."""
    statistics = learnt.statistics
    visits = statistics.start + statistics.trans.sum(axis=0)
    given = [a for a in (task.startprob, task.transmat) if a is not None]
    return {
        "n_sequences": task.n_sequences,
        "n_steps": task.n_steps,
        "missing": int(np.count_nonzero(task.observed.index == len(task.observed.distinct))),
        "states_without_evidence": [name for name, mass in zip(states.names, visits, strict=True) if not mass > 0],
        "structural_zeros": sum(int((a == 0).sum()) for a in given),
        **task.observed.notes,
        **learnt.emission.report(statistics.emission),
    }
