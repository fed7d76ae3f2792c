"""Baum-Welch (EM): from several starts, of which the best is followed to its end."""

import time
import warnings
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from . import m_step, starts
from .acceleration import MEMORY, Run
from .emissions import Emission
from .exceptions import ConvergenceWarning, outside
from .fit import Fit
from .gathering import PROBED
from .ordering import canonical
from .passes import Whole, expect, likelihood, little
from .report import twins
from .statistics import Digest, Statistics
from .symbols import shown

AGREE = 0.1  # nats: starts that end so near to each other found the same optimum


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
    """The two steps of EM, over all pieces of the data."""

    def __init__(self, passes, told, options):
        self.passes, self.told, self.options = passes, told, options

    def expect(self, parameters) -> Point:
        startprob, transmat, emission, endprob = parameters
        statistics = sum(self.passes.map(expect, self.told, parameters, self.passes.within(self.options)))
        statistics = replace(statistics, digest=Digest(*parameters), shards=self.passes.shards)
        objective = statistics.loglik + m_step.prior(self.told.structure, *parameters)
        return Point(startprob, transmat, emission, endprob, statistics, objective)

    def maximise(self, point, statistics):
        return m_step.step(self.told.structure, statistics, *point.parameters)


class Halt(Exception):
    """The callback asked a fit to stop, or raised the error that caused this one: which is no failure of a run."""


class Search(NamedTuple):
    """How the search for a start went."""

    alike: list  # pairs of states that were given the same start values
    fates: list  # of the starts
    k: int  # of the start that is followed
    own: bool = True  # whether the run that is followed is that start's, rather than one that began where it ended
    n_moved: int = 0  # states
    misses: int = 0  # states that it did not lead higher to move, in a row
    over: bool = False  # whether the run that is followed is the last one, which sees all data

    def known(self, run):
        """The fates, when the run that is followed has come so far."""
        return [*self.fates[: self.k], Fate.of(run), *self.fates[self.k + 1 :]] if self.own else self.fates

    def left(self, run):
        """When another run goes on where this one ended."""
        return self._replace(fates=self.known(run), own=False)


class Fate(NamedTuple):
    """What became of a start."""

    objective: float
    failed: bool
    n_dropped: int

    @classmethod
    def of(cls, run):
        return cls(run.history[-1] if run.history else -np.inf, run.failed, run.n_dropped)


def baum_welch(material, options, tell=None, keep=None) -> Fit:
    """EM from several starts, of which the best is followed to its end.

    keep : is told of the leading run before each trial to move a state, and of each step of the last run; it may know
        such a run to go on with.
    """
    passes, told, seen = material.passes, material.told, material.seen
    structure, emission = material.structure, material.emission
    max_iter, hard = options.max_iter, options.training == "viterbi"
    accelerate = options.accelerate and not hard
    tol = options.tol * material.top
    began = time.monotonic()
    search = state = None
    if keep is not None and keep.resumed is not None:
        search, state = keep.resumed

    def watch(k, run):
        if keep is not None and search is not None and search.over:
            keep.step(search, run.state(), so_far(material, run))
        if tell is None:
            return
        facts = {"start": k, "n_starts": n_starts, "step": run.n_steps, "seconds": time.monotonic() - began}
        facts |= {"objective": run.history[-1], "gain": run.gain, "left": run.left}
        try:
            stop = bool(tell(partial(so_far, material, run), **facts))
        except Exception as error:
            raise Halt from error
        if stop:
            raise Halt

    def follow(em, start, k, memory=MEMORY):
        return Run(em, start, tol, accelerate, memory, None if tell is keep is None else partial(watch, k))

    def leader(runs):
        return max((run for run in runs if run.history), key=lambda run: run.history[-1])

    def pursue(begun, goal):
        nonlocal stage
        tried = [follow(em, start, search.k, MEMORY // len(begun)) for start in begun]
        stage = [leader(stage), *tried]
        return starts.pursued(tried, goal, max_iter)

    def leads(run, misses, n_moved):
        nonlocal search
        search = search._replace(own=search.own and run is first, misses=misses, n_moved=n_moved)
        if keep is not None:
            keep.step(search, run.state(), so_far(material, run))

    em = EM(Whole(seen, passes.shards), told, options)
    whole = EM(passes, told, options) if material.partial else em
    halted = False
    try:
        if search is None:
            movable, n_init = starts.free(seen, structure, emission), options.n_init
            if n_init == "auto":
                n_init = starts.enough(structure.n, emission.exchangeable)
            drawn = starts.draw(seen, structure, emission, n_init, options.rng)
            alike, n_starts = identical(seen, structure, emission, drawn[0]), len(drawn)
            runs = stage = [follow(em, start, k, MEMORY // len(drawn)) for k, start in enumerate(drawn)]
            run = starts.race(runs, max_iter)
            movable = movable and len(runs) > 1 and max_iter >= starts.TRIED
            if movable:
                run.advance(starts.TRIED - run.n_steps)
            search = Search(alike, list(map(Fate.of, runs)), runs.index(run), misses=0 if movable else starts.MISSES)
        else:
            n_starts, run = len(search.fates), follow(whole if search.over else em, None, search.k)
            run.restore(state)
            stage = [run]
        first = run
        if search.misses < starts.MISSES:
            run, n_moved = starts.exchange(run, em, pursue, options.rng, search.misses, search.n_moved, leads)
            leads(run, starts.MISSES, n_moved)
        if material.partial and not search.over:
            run.advance(min(starts.ON_PIECES, max_iter - run.n_steps))
            search, run = search.left(run), follow(whole, widened(material, run.point), search.k)
        search = search._replace(over=True)
        run.advance(max_iter - run.n_steps)
    except Halt as halt:
        if halt.__cause__ is not None:
            raise halt.__cause__ from None
        halted = True
        if search is None or not search.over:
            run = leader(stage)
            if search is None:
                search = Search(alike, list(map(Fate.of, runs)), runs.index(run))
            else:
                search = search._replace(own=search.own and run is first)
            if material.partial:
                search, run = search.left(run), Run(whole, widened(material, run.point), tol, accelerate)
                run.advance(1)
            search = search._replace(misses=starts.MISSES, over=True)
    if keep is not None:
        keep.step(search, run.state(), so_far(material, run))
    return finished(material, whole, run, search, options, halted)


def finished(material, em, run, search, options, halted=False) -> Fit:
    """What a run has learnt in the end; halted : whether the callback ended it."""
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
    if onward or options.training == "viterbi":
        passes = material.passes
        loglik = sum(passes.map(likelihood, material.told, parameters, passes.within(options)))
    for message in complaints(run, options, search.alike, onward):
        warnings.warn(message, ConvergenceWarning, stacklevel=outside())  # at the line that called fit
    why = "callback" if halted else "fall" if run.fell else "tol" if run.converged else "max_iter"
    facts = {"stopped": why, **followed(search, run), **({"n_moved": search.n_moved} if search.n_moved else {})}
    if search.alike:
        facts["identical_starts"] = search.alike
    return so_far(material, run, point, parameters, loglik, facts)


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


def so_far(material, run, point=None, parameters=None, loglik=None, facts=None) -> Fit:
    """What a run has learnt until now."""
    point = run.point if point is None else point
    startprob, transmat, emission, endprob = point.parameters if parameters is None else parameters
    return Fit(
        startprob.copy(), transmat.copy(), emission.published(), material.structure.states, material.structure.allowed,
        material.columns, np.array(run.history), len(run.history), run.converged,
        point.statistics.loglik if loglik is None else loglik, point.statistics, point.emission, facts or {},
        endprob=endprob,
    )  # fmt: skip


def followed(search, run):
    """What became of the starts: facts for the report."""
    fates = search.known(run)
    best = max(fate.objective for fate in fates)
    facts = {"n_starts": len(fates), "n_agreed": sum(best - fate.objective < AGREE for fate in fates)}
    n_failed = sum(fate.failed for fate in fates)
    n_dropped = sum(fate.n_dropped for fate in fates) + (0 if search.own else run.n_dropped)
    facts |= {name: n for name, n in (("n_failed", n_failed), ("n_dropped", n_dropped)) if n}
    return facts | ({"left": float(run.left)} if np.isfinite(run.left) else {})


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


def widened(material, point):
    """The M-step from pieces of the data, and a little of all of it: what no piece showed must not be impossible."""
    top, told, seen = material.top, material.told, point.statistics
    n_seen = material.n_steps - material.n_missing
    extra = sum(material.passes.map(little, told, point.emission, top, n_seen))
    emission = {key: value + extra[key] for key, value in seen.emission.items()}
    end = None if seen.end is None else seen.end + 0.01 * top
    start, trans = seen.start + 0.01 * top, seen.trans + 0.01 * top
    more = replace(seen, start=start, trans=trans, emission=emission, end=end)
    return m_step.step(told.structure, more, *point.parameters)
