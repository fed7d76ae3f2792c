"""Learning: by counting where the states are known, by Baum-Welch (EM) where they are not."""

import copy
import warnings
from dataclasses import replace
from itertools import permutations

import numpy as np

from . import checks, inference
from .emissions import Emission, Survey, choose
from .emissions.seeding import shares
from .exceptions import ConvergenceWarning
from .fit import Fit, column_names
from .kernel_input import pose
from .kernels import counting
from .log_space import compensated_sum
from .parallel import run
from .paths import EVIDENCE, require_names, state_path
from .statistics import Digest, Statistics, log_prior, probabilities
from .symbols import shown

FALL = 1e-6  # of the objective: what EM may lose to rounding


def survey(family, data) -> tuple[Emission, Survey]:
    """The emission that learns from these data, and what it must know of all data before its first step."""
    emission = choose(family, data)
    checks.frozen_given(emission)
    counts = {"n_sequences": n_sequences(data), "n_steps": data.n_steps, "n_columns": {data.n_columns}}
    return emission, Survey({type(emission).__name__: emission.survey(data), **counts})


def n_sequences(data):
    return int((np.diff(data.bounds) > 0).sum())


def prepared(model, data, seen=None, labels=None, weight=None):
    """(structure, emission, problem): what a model is told, its emission ready to learn, and the data as a Problem that
    waits for parameters."""
    emission, own = survey(model.emission, data)
    seen, name, emission = own if seen is None else seen, type(emission).__name__, copy.deepcopy(emission)
    if not isinstance(seen, Survey):
        raise TypeError(f"survey = {shown(seen)} must be a Survey, such as sum(model.survey(X) for X in shards)")
    if name not in seen:
        raise ValueError(f"survey is of {next(iter(seen))}, the model learns {name}")
    if seen["n_columns"] != own["n_columns"]:
        raise ValueError(f"survey is of data with {min(seen['n_columns'])} columns, sample has {data.n_columns}")
    structure = checks.structure(model, emission, labels)
    emission.prepare(seen[name], structure.n, structure.pseudocount)
    return structure, emission, pose(data, emission.check(data), allowed=structure.allowed, weight=weight)


def fit(model, data, labels=None, weight=None) -> Fit:
    """All of Model.fit once its data are read."""
    options = checks.options(model)
    if labels is not None:
        require_names(labels, "y")
    structure, emission, problem = prepared(model, data, None, labels, weight)
    if labels is None:
        learnt = baum_welch(problem, structure, emission, options)
    else:
        path = state_path(labels, structure.states, "y")
        checks.agreeing_labels(path, data, structure)
        learnt = supervised(problem, structure, emission, path, options.rng)
    return replace(learnt, emission=learnt.emission.published(), report=report(problem, structure, learnt))


# Labelled data --------------------------------------------------------------------------------------------------------


def count(path, index, bounds, weight, n_states, n_values):
    """(start (N,), trans (N, N), weights (n_values, N)): how often each state comes first, follows another, and goes
    with each value. path, index : (T,) int32 of states and values."""
    start, trans, weights = np.zeros(n_states), np.zeros((n_states, n_states)), np.zeros((n_values, n_states))

    def work(stop):
        counting.count(path, index, bounds, weight, stop, start, trans, weights)

    run([work], len(path) * 3e-9)
    return start, trans, weights


def supervised(problem, structure, emission, path, rng):
    """Supervised learning: relative frequencies of the states `path` (T,), which go with the observations."""
    observed, n = problem.observed, structure.n
    distinct = observed.distinct
    start, trans, weights = count(path, observed.index, problem.bounds, problem.weight, n, len(distinct) + 1)
    weights = weights[:-1]
    if emission.max_inner_iter > 1:
        emission.start(distinct, weights, rng)  # its statistics may need parameters
    tallies = emission.statistics(distinct, weights)
    n_steps = problem.data.n_steps
    digest = Digest(None, None, copy.copy(emission))
    statistics = Statistics(start, trans, tallies, 0.0, n_sequences(problem.data), n_steps, digest)
    settle(emission, distinct, weights, tallies, n_steps)
    fits = explained(emission, distinct, weights)
    if fits == -np.inf:
        checks.possible_labels(path, problem, structure, weights, emission)
    startprob, transmat = maximise(structure, statistics)
    chain = xlogy(start, startprob) + xlogy(trans, transmat)
    return Fit(
        startprob, transmat, emission, structure.states, structure.allowed, column_names(problem.data),
        np.empty(0), loglik=float(chain + fits), statistics=statistics,
    )  # fmt: skip


def xlogy(counts, probs):
    """sum counts * log(probs), where 0 log 0 = 0."""
    return (counts * np.log(np.where(counts > 0, probs, 1.0))).sum()


def settle(emission, distinct, weights, tallies, n_steps):
    """Update to the maximiser; again and again where statistics depend on the parameters, as a mixture's do."""
    before, looked, look = -np.inf, 0, 1
    for k in range(1, emission.max_inner_iter + 1):
        emission.update(tallies)
        if k == emission.max_inner_iter:
            break
        if k == look and emission.max_inner_iter > 2:  # rarely: the objective costs more than a round
            objective = explained(emission, distinct, weights) + emission.log_prior()
            if objective - before <= 1e-9 * n_steps * (k - looked):
                break
            before, looked, look = objective, k, k + 1 + k // 4
        tallies = emission.statistics(distinct, weights)


def explained(emission, distinct, weights):
    """sum weights * log b; nothing for what has no weight."""
    with np.errstate(invalid="ignore"):
        return np.nansum(weights * emission.log_likelihood(distinct))


# The M-step of the chain ----------------------------------------------------------------------------------------------


def maximise(structure, statistics, startprob=None, transmat=None):
    """(startprob, transmat): the maximisers. A row without evidence stays as it was, or as given, or is uniform."""
    n, new = structure.n, []
    old = {"startprob": (statistics.start, startprob), "transmat": (statistics.trans, transmat)}
    for name, (counts, before) in old.items():
        given = getattr(structure, name)
        if before is None:
            before = np.full(counts.shape, 1 / n) if given is None else given
        new.append(probabilities(counts, before, structure.pseudocount, free(given)))
    return new


def free(given):
    """Where a given array may move: its zeros are structural."""
    return None if given is None else given > 0


def prior(structure, startprob, transmat, emission):
    """What the objective holds beside log P."""
    return (
        log_prior(startprob, structure.pseudocount, free(structure.startprob))
        + log_prior(transmat, structure.pseudocount, free(structure.transmat))
        + emission.log_prior()
    )


# Baum-Welch -----------------------------------------------------------------------------------------------------------


def baum_welch(problem, structure, emission, options):
    """EM from `n_init` starts: short runs from each, longer ones from the better half, the best one to the end."""
    n_init, max_iter = options.n_init, options.max_iter
    runs = [initial(problem, structure, emission, options.rng) for _ in range(n_init)]
    # the better half goes on, for twice as many steps, until one is left
    steps = 10
    runs = [iterate(problem, structure, run, steps if n_init > 1 else max_iter, options) for run in runs]
    while len(runs) > 1:
        runs = [finished(problem, run, options) for run in runs]
        runs.sort(key=lambda run: run.loglik + prior_of(structure, run), reverse=True)
        runs = runs[: len(runs) // 2]
        steps = 2 * steps if len(runs) > 1 else max_iter
        runs = [iterate(problem, structure, run, steps, options) for run in runs]
    learnt = finished(problem, runs[0], options)
    before, last = learnt.history[-2:] if len(learnt.history) > 1 else (-np.inf, np.inf)
    if last < before - FALL * max(1.0, abs(before)):
        learnt = replace(learnt, converged=False)
        told = (
            f"EM stopped because its last step lowered the objective, from {before:.9g} to {last:.9g}: the numbers are "
            "too large for this emission (rescale them), or, if it is your own, its update is no maximiser"
        )
    elif not learnt.converged:
        told = (
            f"EM stopped after max_iter = {max_iter} steps, before the gain per observation fell to tol = "
            f"{options.tol}; fit with a larger max_iter, or a larger tol if the fit is good enough"
        )
    else:
        return learnt
    warnings.warn(told, ConvergenceWarning, stacklevel=5)
    return learnt


def prior_of(structure, run):
    return prior(structure, run.startprob, run.transmat, run.emission)


def initial(problem, structure, emission, rng) -> Fit:
    """Start values: those given, else drawn away from 0."""
    n, observed = structure.n, problem.observed

    def rows(*shape):
        x = 0.1 + rng.random(shape)
        return x / x.sum(axis=-1, keepdims=True)

    startprob = rows(n) if structure.startprob is None else structure.startprob
    transmat = rows(n, n) if structure.transmat is None else structure.transmat
    started = copy.deepcopy(emission)
    if not emission.complete:
        distinct, index, weight = observed.distinct, observed.index, problem.weight
        weight = None if weight is None else np.repeat(weight, np.diff(problem.bounds))
        times = np.bincount(index, weight, len(distinct) + 1)[:-1].astype(np.float64)
        weights = shares(emission.embed(distinct), times, n, rng) * times[:, None]
        most = -np.inf
        for k, order in enumerate(orders(emission, n, rng)):
            mine, trial = weights[:, order], copy.deepcopy(emission)
            trial.start(distinct, mine, rng)
            fits = -np.inf if emission.exchangeable else explained(trial, distinct, mine)
            if k == 0 or fits > most:
                started, most = trial, fits
    columns = column_names(problem.data)
    return Fit(startprob, transmat, started, structure.states, structure.allowed, columns, np.empty(0), converged=False)


def orders(emission, n, rng):
    """Which cluster each state starts with. Where something is given, all orders are tried, or as many as of four."""
    if emission.exchangeable:
        return [np.arange(n)]
    if n <= 4:
        return [list(order) for order in permutations(range(n))]
    return [rng.permutation(n) for _ in range(24)]


def iterate(problem, structure, run, max_iter, options) -> Fit:
    """At most max_iter more EM steps, and at most options.max_iter in all. history[k] is the objective at the
    parameters that step k started from."""
    history, n_iter, converged = list(run.history), run.n_iter, run.converged
    parameters, statistics = (run.startprob, run.transmat, run.emission), run.statistics
    last, scratch = min(n_iter + max_iter, options.max_iter), inference.Scratch()
    enough = options.tol * observed_steps(problem)
    while not converged and n_iter < last:
        statistics = expectation(problem.under(*parameters), options.n_jobs, scratch)
        history.append(statistics.loglik + prior(structure, *parameters))
        if len(history) > 1 and history[-1] - history[-2] <= enough:
            converged = True
            break
        parameters = step(structure, statistics, *parameters)
        n_iter += 1
    startprob, transmat, emission = parameters
    return replace(
        run, startprob=startprob, transmat=transmat, emission=emission, history=np.array(history), n_iter=n_iter,
        converged=converged, statistics=statistics, loglik=statistics.loglik if converged else None,
    )  # fmt: skip


def observed_steps(problem):
    """How many steps there are to explain: missing ones do not count, others by their weight."""
    seen = problem.observed.index < len(problem.observed.distinct)
    if problem.weight is None:
        return int(np.count_nonzero(seen))
    return float(np.repeat(problem.weight, np.diff(problem.bounds))[seen].sum())


def expectation(problem, n_jobs=1, scratch=None, shards=frozenset()) -> Statistics:
    """The E-step: Statistics of all sequences."""
    emission, chain, weight = problem.rows.emission, problem.chain, problem.weight
    # weights at most 1 inside, so that nothing overflows
    top = 1.0 if weight is None else float(weight.max())
    (start, trans, weights), outcome = inference.expected_counts(
        problem, None if weight is None else weight / top, scratch, n_jobs
    )
    problem.require_possible(outcome.step)
    observed, data = problem.observed, problem.data
    startprob, transmat = chain.given
    digest = Digest(startprob, transmat, emission)
    del problem, chain  # its rows may be as large as the data times the states
    return Statistics(
        top * start,
        top * trans,
        emission.statistics(observed.distinct, weights if top == 1 else top * weights),  # no copy unless it must be
        total_loglik(outcome, weight),
        n_sequences(data),
        data.n_steps,
        digest,
        shards,
    )


def total_loglik(outcome, weight):
    return compensated_sum(outcome.loglik if weight is None else outcome.loglik * weight)


def step(structure, statistics, startprob, transmat, emission):
    """The M-step: new (startprob, transmat, emission)."""
    emission = copy.copy(emission)
    emission.update(statistics.emission)
    return *maximise(structure, statistics, startprob, transmat), emission


def next_fit(structure, statistics, fit) -> Fit:
    """An EM step by hand, from statistics that were taken with the parameters of `fit`."""
    if not isinstance(statistics, Statistics):
        raise TypeError(f"statistics = {shown(statistics)} must be Statistics, such as model.e_step(X)")
    parameters = fit.startprob, fit.transmat, fit.emission
    if statistics.digest is not None and statistics.digest != Digest(*parameters):
        raise ValueError(
            "these statistics were made with other parameters: call m_step of the model whose e_step took them"
        )
    history = np.append(fit.history, statistics.loglik + prior(structure, *parameters))
    startprob, transmat, emission = step(structure, statistics, *parameters)
    return replace(
        fit, startprob=startprob, transmat=transmat, emission=emission.published(), history=history,
        n_iter=fit.n_iter + 1, converged=False, statistics=statistics, loglik=None,
    )  # fmt: skip


def finished(problem, run, options):
    """The run with log P at the parameters it ended with."""
    if run.loglik is not None:
        return run
    outcome = inference.log_likelihood(problem.under(run.startprob, run.transmat, run.emission), options.n_jobs)
    return replace(run, loglik=total_loglik(outcome, problem.weight))


def report(problem, structure, learnt):
    """What the fit met, as a dict."""
    statistics, observed, data = learnt.statistics, problem.observed, problem.data
    visits = statistics.start + statistics.trans.sum(axis=0)
    top = 1.0 if problem.weight is None else problem.weight.max()
    given = [a for a in (structure.startprob, structure.transmat) if a is not None]
    dust = int(((learnt.transmat > 0) & (learnt.transmat <= learnt.least_transition)).sum())
    return {
        "n_sequences": statistics.n_sequences,
        "n_steps": statistics.n_steps,
        "kind": data.kind,
        "missing": int(np.count_nonzero(observed.index == len(observed.distinct))),
        "states_without_evidence": [
            name for name, mass in zip(structure.states.names, visits, strict=True) if not mass > EVIDENCE * top
        ],
        "structural_zeros": sum(int((a == 0).sum()) for a in given),
        **({"transitions_without_evidence": dust} if dust else {}),
        **observed.notes,
        **learnt.emission.report({name: sums / top for name, sums in statistics.emission.items()}),
    }
