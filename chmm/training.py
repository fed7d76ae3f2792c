"""Learning: by counting where the states are known, by Baum-Welch (EM) where they are not."""

import copy
import warnings
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from . import checks, inference, starts
from .acceleration import MEMORY, Run
from .emissions import Emission, Survey, choose
from .exceptions import ConvergenceWarning
from .fit import Fit, column_names
from .kernel_input import pose
from .kernels import counting
from .known import resolve, with_gaps
from .log_space import compensated_sum
from .parallel import run
from .paths import EVIDENCE, require_names
from .sequences import Sequences
from .stationary import ascend, settled
from .statistics import Digest, Statistics, log_prior, probabilities, spread

ASCENTS = 2  # steps uphill that an M-step takes where startprob follows transmat


def survey(family, data) -> tuple[Emission, Survey]:
    """The emission that learns from these data, and what it must know of all data before its first step."""
    emission = choose(family, data)
    checks.frozen_given(emission)
    seen = {type(emission).__name__: emission.survey(data), "n_sequences": n_sequences(data), "n_steps": data.n_steps}
    return emission, Survey(seen)


def n_sequences(data):
    return int((np.diff(data.bounds) > 0).sum())


def prepared(model, data, seen=None, labels=None, weight=None, ended=None):
    """(structure, emission, problem): what a model is told, its emission ready to learn, and the data as a Problem that
    waits for parameters."""
    if isinstance(labels, Sequences):
        labels = with_gaps(labels)
        if labels is not None:
            require_names(labels, "y")
    emission, own = survey(model.emission, data)
    seen, name, emission = own if seen is None else seen, type(emission).__name__, copy.deepcopy(emission)
    if name not in seen:
        raise ValueError(f"survey is of {next(iter(seen))}, the model learns {name}")
    structure = checks.structure(model, emission, labels)
    emission.prepare(seen[name], structure.n, structure.pseudocount.emission)
    observed, known = emission.check(data), resolve(labels, data, structure.states, "y")
    ended = checks.ended_sequences(ended, data, structure.ends)
    if known is not None and known.path is not None:
        checks.agreeing_labels(known.path, data, structure, "y", ended)
    problem = pose(
        data, observed, ends=structure.ends, final=None if structure.endprob is not None else structure.allowed,
        known=known, ended=ended, weight=weight,
    )  # fmt: skip
    return structure, emission, problem


def fit(model, data, labels=None, weight=None, ended=None) -> Fit:
    """All of Model.fit once its data are read. labels : Sequences of names, or weights of the states (T, N)."""
    options = checks.options(model)
    structure, emission, problem = prepared(model, data, None, labels, weight, ended)
    if problem.known is not None and problem.known.complete:
        learnt = supervised(problem, structure, emission, problem.known.path, options.rng)
    else:
        learnt = baum_welch(problem, structure, emission, options)
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
    end = None if structure.endprob is None else count_ends(problem, path, n)
    statistics = Statistics(start, trans, tallies, 0.0, n_sequences(problem.data), n_steps, digest, end=end)
    settle(emission, distinct, weights, tallies, n_steps)
    startprob, transmat = maximise(structure, statistics)
    endprob = maximise_end(structure, statistics)
    chain = xlogy(start, startprob) + xlogy(trans, transmat)
    if endprob is not None:
        chain += xlogy(end, endprob) + xlogy(trans.sum(axis=1), 1 - endprob)
    return Fit(
        startprob, transmat, emission, structure.states, structure.allowed, column_names(problem.data),
        np.empty(0), loglik=float(chain + starts.explained(emission, distinct, weights)), statistics=statistics,
        endprob=endprob,
    )  # fmt: skip


def count_ends(problem, path, n):
    """(N,), how often a sequence ends in each state."""
    some = np.diff(problem.bounds) > 0
    some = some if problem.ended is None else some & problem.ended
    last = path[problem.bounds[1:][some] - 1]
    return np.bincount(last, None if problem.weight is None else problem.weight[some], n)


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
            objective = starts.explained(emission, distinct, weights) + emission.log_prior()
            if objective - before <= 1e-9 * n_steps * (k - looked):
                break
            before, looked, look = objective, k, k + 1 + k // 4
        tallies = emission.statistics(distinct, weights)


# The M-step of the chain ----------------------------------------------------------------------------------------------


def maximise(structure, statistics, startprob=None, transmat=None):
    """(startprob, transmat): the maximisers. A row without evidence stays as it was, or as given, or is uniform."""
    start = _rows(structure, "startprob", statistics.start, startprob)
    if not structure.stationary:
        return start, _rows(structure, "transmat", statistics.trans, transmat)
    free, counts = structure.free.get("transmat", True), structure.pseudocount
    n_ascents = ASCENTS
    if transmat is None:  # counts of labels alone: there is no next step of EM
        n_ascents = 1000
        transmat = structure.transmat
    if transmat is None:
        transmat = _rows(structure, "transmat", statistics.trans + 1 / structure.n, None)
    transmat = ascend(
        transmat,
        statistics.start + spread(counts.startprob, statistics.start.shape),
        statistics.trans + spread(counts.transmat, statistics.trans.shape),
        np.full(statistics.trans.shape, free) & ~np.asarray(structure.held("transmat")),
        n_ascents,
    )
    return settled(transmat), transmat


def _rows(structure, name, counts, before):
    """The maximiser of one parameter, whose rows share no parameters."""
    free, given = structure.free.get(name), getattr(structure, name)
    if before is None:
        before = given
    if before is None:
        before = np.full(counts.shape, 1 / structure.n) if free is None else free / free.sum(axis=-1, keepdims=True)
    return probabilities(counts, before, getattr(structure.pseudocount, name), free, structure.held(name))


def maximise_end(structure, statistics, endprob=None):
    """(N,), the share of ends among ends and goings-on in each state, the maximiser; None if there are no ends."""
    if structure.endprob is None:
        return None
    counts = end_or_go(statistics.end, statistics.trans.sum(axis=1))
    first = end_or_go(structure.endprob)
    before = first if endprob is None else end_or_go(endprob)
    return probabilities(counts, before, *_end_options(structure))[:, 0]


def _end_options(structure):
    """(pseudocount, free, held) of the (N, 2) table of ends and goings-on: both get the pseudocount."""
    pseudocount, held = structure.pseudocount.endprob, structure.held("endprob")
    column = pseudocount if np.ndim(pseudocount) == 0 else np.broadcast_to(pseudocount, structure.n)[:, None]
    return column, end_or_go(structure.endprob) > 0, held if held is True or held is False else held[:, None]


def end_or_go(end, go=None):
    """(N, 2): what ends, and what goes on."""
    return np.stack([end, 1 - end if go is None else go], axis=1)


def prior(structure, startprob, transmat, emission, endprob=None):
    """What the objective holds beside log P."""
    told = (("startprob", startprob), ("transmat", transmat))
    return (
        emission.log_prior()
        + sum(
            log_prior(probs, getattr(structure.pseudocount, name), structure.free.get(name), structure.held(name))
            for name, probs in told
        )
        + (0.0 if endprob is None else log_prior(end_or_go(endprob), *_end_options(structure)))
    )


# Baum-Welch -----------------------------------------------------------------------------------------------------------


class Point(NamedTuple):
    """Parameters, and what an E-step found at them."""

    startprob: np.ndarray
    transmat: np.ndarray
    emission: Emission
    endprob: np.ndarray | None
    statistics: Statistics
    objective: float

    @property
    def parameters(self):
        return self[:4]


class EM:
    """The two steps of EM, for one Problem."""

    def __init__(self, problem, structure, n_jobs):
        self.problem, self.structure, self.n_jobs = problem, structure, n_jobs
        self.scratch = inference.Scratch()

    def expect(self, parameters) -> Point:
        statistics = expectation(self.problem.under(*parameters), self.n_jobs, self.scratch)
        objective = statistics.loglik + prior(self.structure, *parameters)
        startprob, transmat, emission, endprob = parameters
        return Point(startprob, transmat, emission, endprob, statistics, objective)

    def maximise(self, point, statistics):
        return step(self.structure, statistics, *point.parameters)


def baum_welch(problem, structure, emission, options):
    """EM from several starts, of which the best is followed to its end."""
    max_iter = options.max_iter
    tol = options.tol * (1.0 if problem.weight is None else float(problem.weight.max()))
    seen = starts.sample(problem, structure, emission)
    em = EM(seen, structure, options.n_jobs)
    n_init = starts.N_STARTS if options.n_init == "auto" else options.n_init
    drawn = starts.draw(seen, structure, emission, n_init, options.rng)
    runs = [Run(em, start, tol, options.accelerate, MEMORY // len(drawn)) for start in drawn]
    run = starts.race(runs, max_iter)
    if len(seen.index) < len(problem.index):
        run.advance(min(starts.ON_PIECES, max_iter - run.n_steps))
        em = EM(problem, structure, options.n_jobs)
        run = Run(em, widened(problem, structure, run.point), tol, options.accelerate)
    run.advance(max_iter - run.n_steps)
    point, parameters, loglik = run.point, run.point.parameters, run.point.statistics.loglik
    if not run.converged and not run.fell:
        parameters = em.maximise(point, point.statistics)
        outcome = inference.log_likelihood(problem.under(*parameters), options.n_jobs)
        loglik = total_loglik(outcome, problem.weight)
    if run.fell:
        warnings.warn(
            f"EM stopped at an objective of {run.history[-1]:.9g} because its next step lowered it: the numbers are "
            "too large for this emission (rescale them), or, if it is your own, its update is no maximiser",
            ConvergenceWarning,
            stacklevel=5,
        )
    elif not run.converged:
        warnings.warn(
            f"EM stopped after max_iter = {max_iter} steps, before the gain fell to tol = {options.tol}; fit with a "
            "larger max_iter, or a larger tol if the fit is good enough",
            ConvergenceWarning,
            stacklevel=5,
        )
    startprob, transmat, emission, endprob = parameters
    return Fit(
        startprob, transmat, emission, structure.states, structure.allowed, column_names(problem.data),
        np.array(run.history), len(run.history), run.converged, loglik, point.statistics, endprob=endprob,
    )  # fmt: skip


def started(problem, structure, emission, rng) -> Fit:
    """Start values, as one start of a fit."""
    seen = starts.sample(problem, structure, emission)
    (start,) = starts.draw(seen, structure, emission, 1, rng)
    columns = column_names(problem.data)
    startprob, transmat, emission, endprob = start
    return Fit(
        startprob, transmat, emission, structure.states, structure.allowed, columns, np.empty(0), converged=False,
        endprob=endprob,
    )  # fmt: skip


def widened(problem, structure, point):
    """The M-step from pieces of the data, and a little of all of it: what no piece showed must not be impossible."""
    observed, n = problem.observed, structure.n
    times = np.bincount(observed.index, minlength=len(observed.distinct) + 1)[:-1]
    little = np.repeat((times / max(times.sum(), 1))[:, None], n, axis=1)
    extra = point.emission.statistics(observed.distinct, little)
    seen = point.statistics
    emission = {key: value + extra[key] for key, value in seen.emission.items()}
    end = None if seen.end is None else seen.end + 0.01
    more = replace(seen, start=seen.start + 0.01, trans=seen.trans + 0.01, emission=emission, end=end)
    return step(structure, more, *point.parameters)


def expectation(problem, n_jobs=1, scratch=None, shards=frozenset()) -> Statistics:
    """The E-step: Statistics of all sequences."""
    emission, chain, weight = problem.rows.emission, problem.chain, problem.weight
    # weights at most 1 inside, so that nothing overflows
    top = 1.0 if weight is None else float(weight.max())
    (start, trans, weights, end), outcome = inference.expected_counts(
        problem, None if weight is None else weight / top, scratch, n_jobs
    )
    problem.require_possible(outcome.step)
    observed, bounds = problem.observed, problem.bounds
    startprob, transmat, endprob = chain.given
    digest = Digest(startprob, transmat, emission, endprob)
    del problem, chain  # its rows may be as large as the data times the states
    return Statistics(
        top * start,
        top * trans,
        emission.statistics(observed.distinct, weights if top == 1 else top * weights),  # no copy unless it must be
        total_loglik(outcome, weight),
        int((np.diff(bounds) > 0).sum()),
        int(bounds[-1]),
        digest,
        shards,
        None if endprob is None else top * end,
    )


def total_loglik(outcome, weight):
    return compensated_sum(outcome.loglik if weight is None else outcome.loglik * weight)


def step(structure, statistics, startprob, transmat, emission, endprob=None):
    """The M-step: new (startprob, transmat, emission, endprob)."""
    emission = copy.copy(emission)
    emission.update(statistics.emission)
    end = maximise_end(structure, statistics, endprob)
    return *maximise(structure, statistics, startprob, transmat), emission, end


def next_fit(structure, statistics, fit) -> Fit:
    """An EM step by hand, from statistics that were taken with the parameters of `fit`."""
    parameters = fit.parameters
    if statistics.digest is not None and statistics.digest != Digest(*parameters):
        raise ValueError(
            "these statistics were made with other parameters: call m_step of the model whose e_step took them"
        )
    history = np.append(fit.history, statistics.loglik + prior(structure, *parameters))
    startprob, transmat, emission, endprob = step(structure, statistics, *parameters)
    return replace(
        fit, endprob=endprob, startprob=startprob, transmat=transmat, emission=emission.published(), history=history,
        n_iter=fit.n_iter + 1, converged=False, statistics=statistics, loglik=None,
    )  # fmt: skip


def report(problem, structure, learnt):
    """What the fit met, as a dict."""
    statistics, observed, data = learnt.statistics, problem.observed, problem.data
    visits = statistics.start + statistics.trans.sum(axis=0)
    top = 1.0 if problem.weight is None else problem.weight.max()
    dust = int(((learnt.transmat > 0) & (learnt.transmat <= learnt.least_transition)).sum())
    return {
        "n_sequences": statistics.n_sequences,
        "n_steps": statistics.n_steps,
        "kind": data.kind,
        **({"labelled": problem.known.n_known} if problem.known is not None else {}),
        "missing": int(np.count_nonzero(observed.index == len(observed.distinct))),
        "states_without_evidence": [
            name for name, mass in zip(structure.states.names, visits, strict=True) if not mass > EVIDENCE * top
        ],
        "structural_zeros": sum(int((~free).sum()) for free in structure.free.values()),
        **({"transitions_without_evidence": dust} if dust else {}),
        **observed.notes,
        **learnt.emission.report(statistics.emission),
    }
