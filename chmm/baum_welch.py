"""Baum-Welch (EM): from several starts, of which the best is followed to its end."""

import time
import warnings
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

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

    def facts(self, run):
        """What became of the starts, for the report."""
        fates = self.known(run)
        best = max(fate.objective for fate in fates)
        facts = {"n_starts": len(fates), "n_agreed": sum(best - fate.objective < AGREE for fate in fates)}
        n_failed = sum(fate.failed for fate in fates)
        n_dropped = sum(fate.n_dropped for fate in fates) + (0 if self.own else run.n_dropped)
        facts |= {name: n for name, n in (("n_failed", n_failed), ("n_dropped", n_dropped)) if n}
        facts |= {"left": float(run.left)} if np.isfinite(run.left) else {}
        facts |= {"n_moved": self.n_moved} if self.n_moved else {}
        return facts | ({"identical_starts": self.alike} if self.alike else {})


class Fate(NamedTuple):
    """What became of a start."""

    objective: float
    failed: bool
    n_dropped: int

    @classmethod
    def of(cls, run):
        return cls(run.history[-1] if run.history else -np.inf, run.failed, run.n_dropped)


class BaumWelch:
    """EM from several starts, of which the best is followed to its end.

    tell(learnt, **facts) : is called after each E-step; learnt() is the Fit so far. If it returns True, the fit stops.
    keep : is told of the leading run before each trial to move a state, and of each step of the last run; it may know
        such a run to go on with.
    """

    def __init__(self, material, options, tell=None, keep=None):
        self.material, self.options, self.tell, self.keep = material, options, tell, keep
        passes, told = material.passes, material.told
        self.em = EM(Whole(material.seen, passes.shards), told, options)
        self.whole = EM(passes, told, options) if material.partial else self.em
        self.accelerate = options.accelerate and options.training != "viterbi"
        self.tol = options.tol * material.top
        self.began = time.monotonic()
        self.search: Any = None  # how the search for a start went; None while they race
        self.runs: list = []  # in the race
        self.stage: list = []  # the runs of which one leads, if the callback stops the fit
        self.run: Any = None  # the one that is followed
        self.first: Any = None  # the winner of the race, from which states are moved
        self.alike: list = []  # as of `Search`
        self.n_starts = 0

    def fit(self) -> Fit:
        max_iter, halted = self.options.max_iter, False
        try:
            if self.keep is not None and self.keep.resumed is not None:
                self.resume(*self.keep.resumed)
            else:
                self.race()
            self.move_states()
            if self.material.partial and not self.search.over:
                self.run.advance(min(starts.ON_PIECES, max_iter - self.run.n_steps))
                self.widen(self.watched(self.search.k))
            self.search = self.search._replace(over=True)
            self.run.advance(max_iter - self.run.n_steps)
        except Halt as halt:
            if halt.__cause__ is not None:
                raise halt.__cause__ from None
            self.break_off()
            halted = True
        self.save(self.run)
        return self.finished(halted)

    # The way -----------------------------------------------------------------------------------------------------

    def resume(self, search, state):
        self.search, self.n_starts = search, len(search.fates)
        self.first = self.run = self.follow(self.whole if search.over else self.em, None, search.k)
        self.run.restore(state)
        self.stage = [self.run]

    def race(self):
        """From all starts; the winner leads."""
        seen, options = self.material.seen, self.options
        structure, emission = self.material.structure, self.material.emission
        movable, n_init = starts.free(seen, structure, emission), options.n_init
        if n_init == "auto":
            n_init = starts.enough(structure.n, emission.exchangeable)
        drawn = starts.draw(seen, structure, emission, n_init, options.rng)
        self.alike, self.n_starts = identical(seen, structure, emission, drawn[0]), len(drawn)
        self.runs = self.stage = [self.follow(self.em, start, k, len(drawn)) for k, start in enumerate(drawn)]
        self.first = self.run = starts.race(self.runs, options.max_iter)
        movable = movable and len(drawn) > 1 and options.max_iter >= starts.TRIED
        if movable:
            self.run.advance(starts.TRIED - self.run.n_steps)
        self.search = self.searched(0 if movable else starts.MISSES)

    def move_states(self):
        """As long as that leads higher."""
        search = self.search
        if search.misses < starts.MISSES:
            self.run, n_moved = starts.exchange(
                self.run, self.em, self.pursue, self.options.rng, search.misses, search.n_moved, self.lead
            )
            self.lead(self.run, starts.MISSES, n_moved)

    def widen(self, watch=None):
        """From part of the data to all of them."""
        self.search = self.search.left(self.run)
        start = widened(self.material, self.run.point)
        self.run = Run(self.whole, start, self.tol, self.accelerate, MEMORY, watch)

    def break_off(self):
        """The best run so far is what was learnt, with statistics of all data."""
        if self.search is not None and self.search.over:
            return
        self.run = leader(self.stage)
        if self.search is None:
            self.search = self.searched(starts.MISSES)
        else:
            self.search = self.search._replace(own=self.search.own and self.run is self.first)
        if self.material.partial:
            self.widen()
            self.run.advance(1)
        self.search = self.search._replace(misses=starts.MISSES, over=True)

    # Its steps -------------------------------------------------------------------------------------------------------

    def follow(self, em, start, k, n_others=1):
        """A run that shares its memory with others."""
        return Run(em, start, self.tol, self.accelerate, MEMORY // n_others, self.watched(k))

    def pursue(self, begun, goal):
        tried = [self.follow(self.em, start, self.search.k, len(begun)) for start in begun]
        self.stage = [leader(self.stage), *tried]
        return starts.pursued(tried, goal, self.options.max_iter)

    def lead(self, run, misses, n_moved):
        self.search = self.search._replace(own=self.search.own and run is self.first, misses=misses, n_moved=n_moved)
        self.save(run)

    def searched(self, misses):
        return Search(self.alike, list(map(Fate.of, self.runs)), self.runs.index(self.run), misses=misses)

    def save(self, run):
        if self.keep is not None:
            self.keep.step(self.search, run.state(), so_far(self.material, run))

    def watched(self, k):
        return None if self.tell is self.keep is None else partial(self.watch, k)

    def watch(self, k, run):
        if self.search is not None and self.search.over:
            self.save(run)
        if self.tell is None:
            return
        facts = {"start": k, "n_starts": self.n_starts, "step": run.n_steps, "seconds": time.monotonic() - self.began}
        facts |= {"objective": run.history[-1], "gain": run.gain, "left": run.left}
        try:
            stop = bool(self.tell(partial(so_far, self.material, run), **facts))
        except Exception as error:
            raise Halt from error
        if stop:
            raise Halt

    # The end ---------------------------------------------------------------------------------------------------------

    def finished(self, halted) -> Fit:
        """What was learnt in the end; halted : whether the callback ended it."""
        material, run, search, em = self.material, self.run, self.search, self.whole
        point, parameters, onward = run.point, run.point.parameters, not (run.stopped or halted)
        if onward:
            parameters = em.maximise(point, point.statistics)
        if self.options.state_order is not None:
            visits = point.statistics.start + point.statistics.trans.sum(axis=0)
            order = canonical(parameters[2], visits)
            if (np.diff(order) < 0).any():
                point = em.expect(reordered(point.parameters, order))
                parameters = em.maximise(point, point.statistics) if onward else point.parameters
        loglik = point.statistics.loglik
        if onward or self.options.training == "viterbi":
            passes = material.passes
            loglik = sum(passes.map(likelihood, material.told, parameters, passes.within(self.options)))
        for message in complaints(run, self.options, search.alike, onward):
            warnings.warn(message, ConvergenceWarning, stacklevel=outside())  # at the line that called fit
        why = "callback" if halted else "fall" if run.fell else "tol" if run.converged else "max_iter"
        facts = {"stopped": why, **search.facts(run)}
        return so_far(material, run, point, parameters, loglik, facts)


def leader(runs):
    return max((run for run in runs if run.history), key=lambda run: run.history[-1])


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


def identical(problem, structure, emission, start):
    """Pairs of states that were given the same start values; what is drawn tells them apart."""
    given = structure.startprob is not None and structure.transmat is not None and emission.complete
    if not given or problem.known is not None:
        return []
    return twins(start, problem.observed.distinct[:PROBED], structure.states.names)


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
