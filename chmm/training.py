"""Learning: by counting where the states are known, by Baum-Welch (EM) where they are not."""

import copy
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from . import checks, inference, starts
from .acceleration import MEMORY, Run
from .display import Display, duration
from .emissions import Emission, Precomputed, Survey, choose
from .exceptions import ConvergenceWarning, ImpossibleError
from .fit import Fit, column_names
from .kernel_input import pose
from .kernels import counting
from .known import resolve, with_gaps
from .log_space import compensated_sum
from .memory import tally, windows
from .ordering import canonical, exchangeable
from .parallel import run
from .paths import EVIDENCE, require_names
from .report import Progress, twins, unreachable
from .sequences import Sequences
from .stationary import ascend, settled
from .statistics import Digest, Statistics, log_prior, probabilities, spread
from .structure import structure_of
from .symbols import shown

PROBED = 1000  # values at which states are compared
AGREE = 0.1  # nats: starts that end so near to each other found the same optimum
ASCENTS = 2  # steps uphill that an M-step takes where startprob follows transmat


def survey(family, data) -> tuple[Emission, Survey]:
    """The emission that learns from these data, and what it must know of all data before its first step."""
    emission = choose(family, data)
    checks.frozen_given(emission)
    counts = {"n_sequences": n_sequences(data), "n_steps": data.n_steps, "n_columns": {data.n_columns}}
    return emission, Survey({type(emission).__name__: emission.survey(data), **counts})


def n_sequences(data):
    return int((np.diff(data.bounds) > 0).sum())


def prepared(model, data, seen=None, labels=None, weight=None, ended=None, counting=False):
    """(structure, emission, problem): what a model is told, its emission ready to learn, and the data as a Problem that
    waits for parameters.

    counting : if the state of every step is known, the problem is only counted and needs no rows."""
    if isinstance(labels, Sequences):
        labels = with_gaps(labels)
        if labels is not None:
            require_names(labels, "y")
    emission, own = survey(model.emission, data)
    seen, name, emission = own if seen is None else seen, type(emission).__name__, copy.deepcopy(emission)
    if not isinstance(seen, Survey):
        raise TypeError(f"survey = {shown(seen)} must be a Survey, such as sum(model.survey(X) for X in shards)")
    if name not in seen:
        raise ValueError(f"survey is of {next(iter(seen))}, the model learns {name}")
    if seen["n_columns"] != own["n_columns"]:
        raise ValueError(f"survey is of data with {min(seen['n_columns'])} columns, sample has {data.n_columns}")
    structure = structure_of(model, emission, labels)
    emission.prepare(seen[name], structure.n, structure.pseudocount.emission)
    observed, known = emission.check(data), resolve(labels, data, structure.states, "y")
    ended = checks.ended_sequences(ended, data, structure.ends)
    if known is not None and known.path is not None:
        checks.agreeing_labels(known.path, data, structure, "y", ended)
    final = None if structure.endprob is not None else structure.allowed
    if counting and known is not None and known.complete:
        return structure, emission, pose(data, observed, ended=ended, weight=weight)._replace(known=known, final=final)
    problem = pose(
        data, observed, ends=structure.ends, final=final, known=known, ended=ended, weight=weight, learning=True
    )
    return structure, emission, problem


def possible(model, data, labels=None, ended=None):
    """(S,) bool: which sequences are possible where EM starts. What is given may exclude some, never what is drawn."""
    structure, emission, problem = prepared(model, data, None, labels, None, ended)
    start = started(problem, structure, emission, np.random.default_rng(0))
    found = inference.log_likelihood(problem.under(*start.parameters)).loglik > -np.inf
    if not found[np.diff(data.bounds) > 0].any():
        raise ImpossibleError("all sequences are impossible: none is left to learn from", range(len(found)))
    return found


def fit(
    model, data, labels=None, weight=None, ended=None, callback: Callable | None = None, seen=None, n_skipped: int = 0,
    display: Display | None = None,
) -> Fit:  # fmt: skip
    """All of Model.fit once its data are read. labels : Sequences of names, or weights of the states.

    seen : the survey of more data than these. n_skipped : how many impossible sequences were left out, for the report.
    """
    options = checks.options(model)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback = {shown(callback)} must be a function that takes a Progress, or None")

    def tell(learnt, **told):
        progress = Progress(model=lambda: model._with(learnt()), **told)
        if display is not None:
            display.step(str(progress))
        return callback is not None and callback(progress)

    watched = callback is not None or (display is not None and display.active)

    structure, emission, problem = prepared(model, data, seen, labels, weight, ended, counting=True)
    known = problem.known
    if known is None or not known.complete:
        if options.state_order is None or known is not None or not unordered(model, structure, emission):
            options = options._replace(state_order=None)
        learnt = baum_welch(problem, structure, emission, options, tell if watched else None)
    else:
        learnt = supervised(problem, structure, emission, known.path, options.rng)
    facts = report(problem, structure, learnt) | ({"impossible_sequences": n_skipped} if n_skipped else {})
    learnt = replace(learnt, emission=learnt.emission.published(), report=facts)
    if display is not None:
        display.result(f"{learnt.outcome()}, {duration(display.seconds)}")
    return learnt


def unordered(model, structure, emission):
    """Whether nothing that is given tells one state from another."""
    given = (model.states, structure.startprob, structure.transmat, structure.allowed, structure.topology)
    fixed = isinstance(emission, Precomputed) or emission.partly_given or not emission.exchangeable
    return all(value is None for value in given) and not fixed and exchangeable(structure.pseudocount, structure.n)


# Labelled data --------------------------------------------------------------------------------------------------------


def count(path, index, bounds, weight, n_states, n_values):
    """(start (N,), trans (N, N), weights (n_values, N)): how often each state comes first, follows another, and goes
    with each value. path (T,) int32 or intp, index (T,) int32 or uint8: states and values."""
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
    anchor = copy.copy(emission)
    digest = Digest(None, None, anchor)
    end = None if structure.endprob is None else count_ends(problem, path, n)
    statistics = Statistics(start, trans, tallies, 0.0, n_sequences(problem.data), n_steps, digest, end=end)
    settle(emission, distinct, weights, tallies, n_steps)
    fits = starts.explained(emission, distinct, weights)
    if fits == -np.inf:
        checks.possible_labels(path, problem, structure, emission)
    startprob, transmat = maximise(structure, statistics)
    endprob = maximise_end(structure, statistics)
    chain = chain_loglik(start, trans, end, startprob, transmat, endprob)
    return Fit(
        startprob, transmat, emission, structure.states, structure.allowed, column_names(problem.data),
        np.empty(0), loglik=float(chain + fits), statistics=statistics, anchor=anchor, report={"stopped": "labels"},
        endprob=endprob,
    )  # fmt: skip


def count_ends(problem, path, n):
    """(N,), how often a sequence ends in each state."""
    some = np.diff(problem.bounds) > 0
    some = some if problem.ended is None else some & problem.ended
    last = path[problem.bounds[1:][some] - 1]
    return np.bincount(last, None if problem.weight is None else problem.weight[some], n)


def chain_loglik(start, trans, end, startprob, transmat, endprob):
    """log P of what was counted."""
    loglik = xlogy(start, startprob) + xlogy(trans, transmat)
    return loglik if end is None else loglik + xlogy(end, endprob) + xlogy(trans.sum(axis=1), 1 - endprob)


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

    def __init__(self, problem, structure, options):
        self.problem, self.structure, self.options = problem, structure, options
        self.scratch = inference.Scratch()

    def expect(self, parameters) -> Point:
        startprob, transmat, emission, endprob = parameters
        statistics = expectation(self.problem.under(*parameters), self.options, self.scratch)
        objective = statistics.loglik + prior(self.structure, *parameters)
        return Point(startprob, transmat, emission, endprob, statistics, objective)

    def maximise(self, point, statistics):
        return step(self.structure, statistics, *point.parameters)


class Halt(Exception):
    """The callback asked a fit to stop, or raised the error that caused this one: which is no failure of a run."""


def baum_welch(problem, structure, emission, options, tell=None):
    """EM from several starts, of which the best is followed to its end."""
    max_iter, hard = options.max_iter, options.training == "viterbi"
    accelerate = options.accelerate and not hard
    tol = options.tol * (1.0 if problem.weight is None else float(problem.weight.max()))
    seen = starts.sample(problem, structure, emission)
    on_pieces = len(seen.index) < len(problem.index)
    movable, n_init, n_moved = starts.free(problem, structure, emission), options.n_init, 0
    if n_init == "auto":
        n_init = starts.enough(structure.n, emission.exchangeable)
    drawn = starts.draw(seen, structure, emission, n_init, options.rng)
    alike = identical(seen, structure, emission, drawn[0])
    began = time.monotonic()

    def watch(k, run):
        told = {"start": k, "n_starts": len(drawn), "step": run.n_steps, "seconds": time.monotonic() - began}
        told |= {"objective": run.history[-1], "gain": run.gain, "left": run.left}
        try:
            stop = bool(tell(partial(so_far, problem, structure, run), **told))
        except Exception as error:
            raise Halt from error
        if stop:
            raise Halt

    def follow(em, start, k, memory=MEMORY):
        return Run(em, start, tol, accelerate, memory, None if tell is None else partial(watch, k))

    def leader(runs):
        return max((run for run in runs if run.history), key=lambda run: run.history[-1])

    def pursue(begun, goal):
        nonlocal stage
        tried = [follow(em, start, k, MEMORY // len(begun)) for start in begun]
        stage = [leader(stage), *tried]
        return starts.pursued(tried, goal, max_iter)

    em = EM(seen, structure, options)
    runs = stage = [follow(em, start, k, MEMORY // len(drawn)) for k, start in enumerate(drawn)]
    halted = False
    try:
        run = starts.race(runs, max_iter)
        k = runs.index(run)
        if movable and len(runs) > 1 and max_iter >= starts.TRIED:
            run.advance(starts.TRIED - run.n_steps)
            run, n_moved = starts.exchange(run, em, pursue, options.rng)
        if on_pieces:
            run.advance(min(starts.ON_PIECES, max_iter - run.n_steps))
            em = EM(problem, structure, options)
            stage = [follow(em, widened(problem, structure, run.point), k)]
            run = stage[0]
        run.advance(max_iter - run.n_steps)
    except Halt as halt:
        if halt.__cause__ is not None:
            raise halt.__cause__ from None
        halted = True
        run = leader(stage)
        if em.problem is not problem:
            em = EM(problem, structure, options)
            run = Run(em, widened(problem, structure, run.point), tol, accelerate)
            run.advance(1)
    point, parameters, onward = run.point, run.point.parameters, not (run.stopped or halted)
    if onward:
        parameters = em.maximise(point, point.statistics)
    if options.state_order is not None:
        visits = point.statistics.start + point.statistics.trans.sum(axis=0)
        order = canonical(parameters[2], visits)
        if (np.diff(order) < 0).any():
            point = em.expect(reordered(point.parameters, order))
            parameters = em.maximise(point, point.statistics) if onward else point.parameters
    loglik = point.statistics.loglik
    if onward or hard:
        last = problem.under(*parameters)
        loglik = total_loglik(inference.log_likelihood(last, options.n_jobs), last)
    for message in complaints(run, options, alike, onward):
        warnings.warn(message, ConvergenceWarning, stacklevel=6)  # at the line that called fit
    why = "callback" if halted else "fall" if run.fell else "tol" if run.converged else "max_iter"
    facts = {"stopped": why, **followed(runs, run), **({"n_moved": n_moved} if n_moved else {})}
    if alike:
        facts["identical_starts"] = alike
    return so_far(problem, structure, run, point, parameters, loglik, facts)


def complaints(run, options, alike, onward):
    """What a user should hear about a fit that is over; onward : whether EM would have gone on."""
    if alike:
        names = " and ".join(shown(name) for name in alike[0])
        yield (
            f"the states {names} were given the same parameters, so that EM cannot tell them apart: give start values "
            "that differ, or none"
        )
    if run.fell:
        yield (
            f"EM stopped because a step lowered the objective, from {run.history[-1]:.9g} to {run.fallen:.9g}: the "
            "numbers are too large for this emission (rescale them), or, if it is your own, its update is no maximiser"
        )
    elif onward:
        yield (
            f"EM stopped after max_iter = {options.max_iter} steps, before the gain fell to tol = {options.tol}; fit "
            "with a larger max_iter, or a larger tol if the fit is good enough"
        )


def so_far(problem, structure, run, point=None, parameters=None, loglik=None, facts=None) -> Fit:
    """What a run has learnt until now."""
    point = run.point if point is None else point
    startprob, transmat, emission, endprob = point.parameters if parameters is None else parameters
    return Fit(
        startprob.copy(), transmat.copy(), emission.published(), structure.states, structure.allowed,
        column_names(problem.data), np.array(run.history), len(run.history), run.converged,
        point.statistics.loglik if loglik is None else loglik, point.statistics, point.emission, facts or {},
        endprob=endprob,
    )  # fmt: skip


def followed(runs, winner):
    """What became of the starts: facts for the report."""
    best = max(run.history[-1] for run in runs if run.history)
    facts = {"n_starts": len(runs), "n_agreed": sum(bool(r.history) and best - r.history[-1] < AGREE for r in runs)}
    n_failed = sum(run.failed for run in runs)
    n_dropped = sum(run.n_dropped for run in {*runs, winner})
    facts |= {name: n for name, n in (("n_failed", n_failed), ("n_dropped", n_dropped)) if n}
    return facts | ({"left": float(winner.left)} if np.isfinite(winner.left) else {})


def identical(problem, structure, emission, start):
    """Pairs of states that were given the same start values; what is drawn tells them apart."""
    if structure.startprob is None or structure.transmat is None or not emission.complete:
        return []
    if problem.known is not None:
        return []
    return named_pairs(apart_by_end(twins(*start[:3], problem.observed.distinct[:PROBED]), start[3]), structure)


def apart_by_end(pairs, endprob):
    """Without the pairs of states that end with unlike probabilities."""
    return [pair for pair in pairs if endprob is None or endprob[pair[0]] == endprob[pair[1]]]


def named_pairs(pairs, structure):
    return [[structure.states.names[i] for i in pair] for pair in pairs]


def reordered(parameters, order):
    startprob, transmat, emission, endprob = parameters
    end = None if endprob is None else endprob[order]
    return startprob[order], transmat[np.ix_(order, order)], emission.reordered(order), end


def started(problem, structure, emission, rng) -> Fit:
    """Start values, as one start of a fit."""
    seen = starts.sample(problem, structure, emission)
    (start,) = starts.draw(seen, structure, emission, 1, rng)
    startprob, transmat, drawn, endprob = start
    columns = column_names(problem.data)
    return Fit(
        startprob, transmat, drawn, structure.states, structure.allowed, columns, np.empty(0), converged=False,
        endprob=endprob,
    )  # fmt: skip


def widened(problem, structure, point):
    """The M-step from pieces of the data, and a little of all of it: what no piece showed must not be impossible."""
    observed, n = problem.observed, structure.n
    top = 1.0 if problem.weight is None else float(problem.weight.max())
    times = tally(observed.index, len(observed.distinct) + 1)[:-1]
    little = np.repeat((top * times / max(times.sum(), 1))[:, None], n, axis=1)
    extra = point.emission.statistics(observed.distinct, little)
    seen = point.statistics
    emission = {key: value + extra[key] for key, value in seen.emission.items()}
    end = None if seen.end is None else seen.end + 0.01 * top
    start, trans = seen.start + 0.01 * top, seen.trans + 0.01 * top
    more = replace(seen, start=start, trans=trans, emission=emission, end=end)
    return step(structure, more, *point.parameters)


def expectation(problem, options, scratch=None, shards=frozenset()) -> Statistics:
    """The E-step: Statistics of all sequences; in hard EM those of their most probable paths, so that EM climbs
    log P(O, path) (segmental k-means, Juang & Rabiner 1990)."""
    if options.training == "viterbi":
        path, outcome = inference.viterbi(problem, options.n_jobs)
        problem.require_possible(outcome.step)
        return of_path(problem, path, total_loglik(outcome, problem), shards)
    emission, chain, weight = problem.rows.emission, problem.chain, problem.weight
    # weights at most 1 inside, so that nothing overflows
    top = 1.0 if weight is None else float(weight.max())
    (start, trans, weights, end), outcome = inference.expected_counts(
        problem, None if weight is None else weight / top, scratch, options.n_jobs
    )
    problem.require_possible(outcome.step)
    loglik, labelled = total_loglik(outcome, problem), problem.labelled
    observed, bounds = problem.observed, problem.bounds
    startprob, transmat, endprob = chain.given
    digest = Digest(startprob, transmat, emission, endprob)
    del problem, chain  # its rows may be as large as the data times the states
    weights = weights if top == 1 else top * weights  # no copy unless it must be
    weights = weights if labelled is None else weights + labelled
    return Statistics(
        top * start,
        top * trans,
        emission.statistics(observed.distinct, weights),
        loglik,
        int((np.diff(bounds) > 0).sum()),
        int(bounds[-1]),
        digest,
        shards,
        None if endprob is None else top * end,
    )


def of_path(problem, path, loglik=None, shards=frozenset()) -> Statistics:
    """The Statistics of one path (T,) under the parameters of the problem; loglik: log P(O, path), if known."""
    emission, (startprob, transmat, endprob) = problem.rows.emission, problem.chain.given
    observed, bounds, n = problem.observed, problem.bounds, problem.chain.n
    n_values = len(observed.distinct) + 1
    start, trans, weights = count(path, observed.index, bounds, problem.weight, n, n_values)
    end = None if endprob is None else count_ends(problem, path, n)
    if loglik is None:
        loglik = chain_loglik(start, trans, end, startprob, transmat, endprob)
        loglik += starts.explained(emission, observed.distinct, weights[:-1])
    return Statistics(
        start,
        trans,
        emission.statistics(observed.distinct, weights[:-1]),
        float(loglik),
        int((np.diff(bounds) > 0).sum()),
        int(bounds[-1]),
        Digest(startprob, transmat, emission, endprob),
        shards,
        end,
    )


def total_loglik(outcome, problem):
    """log P of all sequences, with that of labelled values which the recursions did not see."""
    emission, observed, weight = problem.rows.emission, problem.observed, problem.weight
    loglik = compensated_sum(outcome.loglik if weight is None else outcome.loglik * weight)
    if problem.labelled is None:
        return loglik
    apart = float(starts.explained(emission, observed.distinct, problem.labelled))
    if apart == -np.inf:
        cannot = np.pad(emission.log_likelihood(observed.distinct) == -np.inf, ((0, 1), (0, 1)))
        t = np.flatnonzero(cannot[observed.index, problem.known.path])[::-1]
        s = np.searchsorted(problem.bounds, t, "right") - 1
        step = np.full(problem.n_sequences, -1)
        step[s] = t - problem.bounds[s]
        problem.require_possible(step)
    return loglik + apart


def step(structure, statistics, startprob, transmat, emission, endprob=None):
    """The M-step: new (startprob, transmat, emission, endprob)."""
    emission = copy.copy(emission)
    emission.update(statistics.emission)
    end = maximise_end(structure, statistics, endprob)
    return *maximise(structure, statistics, startprob, transmat), emission, end


def next_fit(structure, statistics, fit) -> Fit:
    """An EM step by hand, from statistics that were taken with the parameters of `fit`."""
    if not isinstance(statistics, Statistics):
        raise TypeError(f"statistics = {shown(statistics)} must be Statistics, such as model.e_step(X)")
    parameters = fit.parameters
    if statistics.digest is not None and statistics.digest != Digest(*parameters):
        raise ValueError(
            "these statistics were made with other parameters: call m_step of the model whose e_step took them"
        )
    history = np.append(fit.history, statistics.loglik + prior(structure, *parameters))
    startprob, transmat, emission, endprob = step(structure, statistics, *parameters)
    return replace(
        fit, endprob=endprob, startprob=startprob, transmat=transmat, emission=emission.published(), history=history,
        n_iter=fit.n_iter + 1, converged=False, statistics=statistics, loglik=None, anchor=fit.emission,
    )  # fmt: skip


def report(problem, structure, learnt):
    """What the fit met, as a dict."""
    statistics, observed, data = learnt.statistics, problem.observed, problem.data
    n_steps = len(observed.index)
    visits = statistics.start + statistics.trans.sum(axis=0)
    top = 1.0 if problem.weight is None else problem.weight.max()
    alike = twins(learnt.startprob, learnt.transmat, learnt.emission, observed.distinct[:PROBED])
    twin = named_pairs(apart_by_end(alike, learnt.endprob), structure)
    lost = [structure.states.names[i] for i in unreachable(learnt.startprob, learnt.transmat)]
    dust = int(((learnt.transmat > 0) & (learnt.transmat <= learnt.least_transition)).sum())
    return {
        "n_sequences": statistics.n_sequences,
        "n_steps": statistics.n_steps,
        "kind": data.kind,
        **({"labelled": problem.known.n_known} if problem.known is not None else {}),
        "missing": sum(np.count_nonzero(observed.index[w] == len(observed.distinct)) for w in windows(n_steps)),
        "states_without_evidence": [
            name for name, mass in zip(structure.states.names, visits, strict=True) if not mass > EVIDENCE * top
        ],
        "structural_zeros": sum(int((~free).sum()) for free in structure.free.values()),
        **({"transitions_without_evidence": dust} if dust else {}),
        **({"twin_states": twin} if twin else {}),
        **({"unreachable_states": lost} if lost else {}),
        **learnt.report,
        **observed.notes,
        **learnt.emission.report({name: sums / top for name, sums in statistics.emission.items()}),
    }
