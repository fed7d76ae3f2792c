"""Learning: by counting where the states are known, by Baum-Welch (EM) where they are not."""

import copy
import warnings
from typing import NamedTuple

import numpy as np

from . import inference, starts
from .acceleration import MEMORY, Run
from .exceptions import ConvergenceWarning
from .kernel_input import Chain, pose
from .kernels import counting
from .log_space import compensated_sum
from .parallel import run
from .statistics import Statistics, log_prior, probabilities


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


class Impossible(ValueError):
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
            objective = starts.explained(emission, distinct, weights) + emission.log_prior()
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


class Point(NamedTuple):
    """Parameters, and what an E-step found at them."""

    startprob: np.ndarray
    transmat: np.ndarray
    emission: object
    statistics: Statistics
    objective: float


class EM:
    """The two steps of a task."""

    def __init__(self, task):
        self.task = task
        self.scratch = inference.Scratch()

    def expect(self, parameters):
        statistics = expectation(self.task, *parameters, self.scratch)
        return Point(*parameters, statistics, statistics.loglik + prior(self.task, *parameters))

    def maximise(self, point, statistics):
        emission = copy.copy(point.emission)
        emission.update(statistics.emission)
        return *maximise(self.task, statistics, point.startprob, point.transmat), emission


def baum_welch(task, emission, options):
    """EM from several starts, of which the best is followed to its end."""
    max_iter = options.max_iter
    tol = options.tol * (1.0 if task.weight is None else float(task.weight.max()))
    seen = starts.sample(task, emission)
    em = EM(seen)
    n_init = starts.N_STARTS if options.n_init == "auto" else options.n_init
    drawn = starts.draw(seen, emission, n_init, options.rng)
    runs = [Run(em, start, tol, options.accelerate, MEMORY // len(drawn)) for start in drawn]
    run = starts.race(runs, max_iter)
    if seen.n_steps < task.n_steps:
        run.advance(min(100, max_iter - run.n_steps))
        run = Run(EM(task), widened(task, em, run.point), tol, options.accelerate)
    run.advance(max_iter - run.n_steps)
    point = run.point
    if run.fell:
        warnings.warn(
            "EM stopped because its last step lowered the objective: the numbers are "
            "too large for this emission (rescale them), or, if it is your own, its update is no maximiser",
            ConvergenceWarning,
            stacklevel=3,
        )
    elif not run.converged:
        warnings.warn(
            f"EM stopped after max_iter = {max_iter} steps, before the gain fell to tol = {options.tol}; "
            "fit with a larger max_iter, or a larger tol if the fit is good enough",
            ConvergenceWarning,
            stacklevel=3,
        )
    parameters = point[:3] if run.converged else em.maximise(point, point.statistics)
    return Learnt(*parameters, point.statistics, np.array(run.history), len(run.history), run.converged)


def widened(task, em, point):
    """The M-step from pieces of the data, and a little of all of it: what no piece showed must not be impossible."""
    observed, n = task.observed, task.n_states
    times = np.bincount(observed.index, minlength=len(observed.distinct) + 1)[:-1]
    little = np.repeat((times / max(times.sum(), 1))[:, None], n, axis=1)
    extra = point.emission.statistics(observed.distinct, little)
    seen = point.statistics
    emission = {key: value + extra[key] for key, value in seen.emission.items()}
    statistics = Statistics(seen.start + 0.01, seen.trans + 0.01, emission, 0.0, 0, 0)
    return em.maximise(point, statistics)


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
