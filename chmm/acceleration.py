"""EM in a quarter of its steps: statistics are extrapolated, and only what climbs is kept.

EM maps expected counts to parameters (the M-step) and parameters to expected counts (the E-step). Near the end, each
step reduces the distance to the fixed point by nearly the same factors, so that a few steps predict many. What is
extrapolated are the statistics, not the parameters: statistics add up by contract, and the M-step turns any of them
into valid parameters, whose rows sum to 1, with zeros and frozen parameters as they were, and priors included.
"""

from collections import deque
from copy import copy
from typing import NamedTuple

import numpy as np

from .statistics import Statistics

SECANTS = 5  # pairs of steps that a quasi-Newton jump uses; it needs all but one of them
WARM = 5  # EM steps before the first jump: they change most, and a jump among them may lead to a lower optimum
CALM = 10  # this many E-steps, the last ones, must have gained no more than tol
MEMORY = 2**26  # bytes for vectors of statistics; above it SQUAREM alone, which keeps four of them

FALL = 1e-6  # of the objective: what a step of EM may lose to rounding
ROUNDING = 1e-14  # of the objective: a gain below it says that EM is at its fixed point, and its rate is noise


class Run:
    """EM from one start, a few steps at a time.

    point : the parameters reached, with their statistics and objective. history : the objective at the parameters of
    every E-step that was kept; it never falls. n_steps : E-steps taken, including dropped jumps. left : what more steps
    would gain, by extrapolation. gain : what the last E-step gained. fell : a step of EM itself lowered the objective,
    to `fallen`, so the M-step is no maximiser. failed : a step was impossible. watch : is called with the run after
    every E-step.
    """

    def __init__(self, em, start, tol, accelerate=True, memory=MEMORY, watch=None):
        self.tol, self.accelerate, self.watch = tol, accelerate, watch
        self.point, self.history, self.left, self.gain = None, [], np.inf, np.inf
        self.n_steps = self.n_dropped = 0
        self.converged = self.fell = self.failed = False
        self.fallen = None
        self.climb = Climb(em, start, accelerate, memory)
        self.reached: deque = deque(maxlen=CALM)  # objectives after the last E-steps
        self.calm = 0  # EM steps in a row after which nothing seemed left

    @property
    def stopped(self):
        return self.converged or self.fell

    def advance(self, n_steps):
        """Take at most this many more E-steps."""
        for _ in range(n_steps):
            if self.stopped:
                break
            self._keep(*self.climb.step())
            if self.watch is not None:
                self.watch(self)

    def state(self) -> dict:
        """What a run is between two E-steps, as data that stay as they are when it goes on."""
        return data(self, "tol", "accelerate", "watch") | {"climb": self.climb.state()}

    def restore(self, state: dict) -> None:
        """Go on from the state of another run, with the bits of that one."""
        state = dict(state)
        self.climb.restore(state.pop("climb"))
        vars(self).update(copied(state))

    def _keep(self, point, rate):
        self.n_steps += 1
        if point is None:
            self.n_dropped += 1
            self.gain = 0.0
        else:
            gain = point.objective - self.history[-1] if self.history else np.inf
            if gain < -FALL * max(1.0, abs(point.objective)):
                self.fell, self.fallen = True, point.objective
                return
            if gain >= 0:  # what is lost to rounding is not kept
                self.history.append(point.objective)
                self.point = point
            gain = max(gain, 0.0)
            if not self.accelerate:
                self.converged = gain <= self.tol
                rate = np.sqrt(gain / self.gain) if 0 < self.gain < np.inf else None
            self.gain = gain
            if gain <= ROUNDING * abs(point.objective) and rate is not None:
                rate = 0.0
            if rate is not None:
                self.left = gain * rate**2 / (1 - rate**2) if rate < 1 else np.inf
                self.calm = self.calm + 1 if self.left <= self.tol else 0
        self.reached.append(self.history[-1])
        if self.accelerate and self.calm >= 2 and len(self.reached) == CALM:
            self.converged = self.reached[-1] - self.reached[0] <= self.tol


class Climb:
    """EM's way up from some parameters, an E-step at a time.

    em : expect(parameters) -> point, with the statistics and the objective at these parameters, and
        maximise(point, statistics) -> parameters.

    After a few steps of EM, a cycle is three E-steps: a step of EM, a jump, and a step of EM that steadies it. The jump
    is SQUAREM's S3 (Varadhan & Roland 2008) until there are four pairs of EM steps, then quasi-Newton (Zhou, Alexander
    & Lange 2011). It is kept only if the objective is at least that of the EM step before it.

    Between two E-steps a climb is nothing but data: the point it stands on (None before the first E-step); the vectors
    of this point and of those before it, as far as a step of EM led from each to the next (`trail`); the pairs of such
    steps that are remembered; and the jump it will try next, if any.
    """

    def __init__(self, em, start, accelerate=True, memory=MEMORY):
        self.em, self.start, self.memory = em, start, memory
        self.point, self.vectors, self.trail, self.jump = None, None, [], None
        self.firsts: deque = deque(maxlen=SECANTS)
        self.seconds: deque = deque(maxlen=SECANTS)
        self.warm = WARM if accelerate else None  # steps of EM until the first pair begins; None: there is none
        self.longest = 4.0  # of a SQUAREM jump
        self.rest, self.wait = 0, 2  # cycles without quasi-Newton, now and after the next failure

    def step(self):
        """(point, rate) after one more E-step; (None, None) after a jump that failed.

        rate : the factor by which EM's own steps shrink, after the second of two in a row; otherwise None.
        """
        return self._walk() if self.jump is None else self._leap()

    def state(self) -> dict:
        anchor = None if self.vectors is None else self.vectors.anchor
        return data(self, "em", "start", "vectors") | {"anchor": anchor}

    def restore(self, state: dict) -> None:
        state = dict(state)
        anchor = state.pop("anchor")
        vars(self).update(copied(state))
        self.vectors = None if anchor is None else Vectors(self.point, anchor)

    def _walk(self):
        """A step of EM."""
        here = self.point
        self.point = self.em.expect(self.start if here is None else self.em.maximise(here, here.statistics))
        if self.warm is None:
            return self.point, None
        if self.warm:
            self.warm -= here is not None
        if self.warm:
            return self.point, None
        if self.vectors is None:
            self.vectors = Vectors(self.point)
        self.trail.append(self.vectors.of(self.point))
        return self.point, self._aim() if len(self.trail) == 3 else None

    def _aim(self):
        """Where to jump after two steps of EM in a row, and the rate at which they shrink."""
        x0, x1, x2 = self.trail
        self.trail = [x1, x2]
        r, s = x1 - x0, x2 - x1
        unit = self.vectors.unit(x2)
        size, change = length(r, unit), length(s - r, unit)
        reach = size / change if change > 0 else 0.0
        if not reach > 0:  # a fixed point
            return 0.0
        secants = SECANTS if (2 * SECANTS + 4) * self.vectors.n_bytes <= self.memory else 0
        if secants:
            self.firsts.append(r)
            self.seconds.append(s)
        ahead = None
        if secants and len(self.firsts) >= secants - 1 and self.rest <= 0:
            ahead = quasi_newton(np.array(self.firsts), np.array(self.seconds), s, unit)
        newton = ahead is not None
        if newton:
            x = x2 + ahead
        else:
            self.rest -= 1
            step = min(max(reach, 1.0), self.longest)
            x = x0 + 2 * step * r + step * step * (s - r) if step >= 1.01 else None
        if x is not None:
            self.jump = Jump(np.where(self.vectors.masses, np.maximum(x, 0.01 * x2), x), float(reach), newton)
        return max(1 - 1 / reach, length(s, unit) / size)

    def _leap(self):
        """The jump, from which EM goes on if it led higher."""
        (x, reach, newton), self.jump = self.jump, None
        trial = attempt(self.em, self.point, self.vectors.statistics(x, self.point))
        if trial is not None and trial.objective >= self.point.objective:
            if newton:
                self.wait = 2
            elif reach >= self.longest:
                self.longest *= 4
            self.point, self.trail = trial, [self.vectors.of(trial)]
            return trial, None
        if newton:
            self.firsts.clear()
            self.seconds.clear()
            self.rest, self.wait = self.wait, min(2 * self.wait, 64)
        else:
            self.longest = max(2.0, min(reach, self.longest) / 4)
        return None, None


class Jump(NamedTuple):
    """Where to, as a vector of statistics; how far EM's steps would lead, in steps; and by which method."""

    x: np.ndarray
    reach: float
    newton: bool


def data(what, *context) -> dict:
    """The attributes of an object, without those that are the context it works in."""
    return copied({name: value for name, value in vars(what).items() if name not in context})


def copied(attributes) -> dict:
    """With copies of what grows; arrays and points never change."""
    return {name: copy(value) if isinstance(value, list | deque) else value for name, value in attributes.items()}


def length(x, unit):
    """The length of a vector in these units."""
    x = x * unit  # before the square, which may be beyond all numbers
    return np.sqrt(x @ x)


def quasi_newton(firsts, seconds, step, unit):
    """The jump beyond the last step, from pairs of successive steps (q, K); None if it is useless."""
    scaled = firsts * unit
    try:
        coefficients = np.linalg.solve(scaled @ ((firsts - seconds) * unit).T, scaled @ (step * unit))
    except np.linalg.LinAlgError:
        return None
    jump = coefficients @ seconds
    return jump if length(jump, unit) <= 1e4 * length(step, unit) else None  # NaN is not, either


def attempt(em, point, statistics):
    """The point that extrapolated statistics lead to; None if they give no parameters, or make the data impossible."""
    try:
        with np.errstate(all="ignore"):
            trial = em.expect(em.maximise(point, statistics))
    except (ValueError, ArithmeticError):
        return None  # extrapolated sums need not belong to any data: a variance may be negative
    return trial if np.isfinite(trial.objective) else None


class Vectors:
    """Statistics as vectors, all about the parameters of one emission, so that they can be combined."""

    def __init__(self, point, anchor=None):
        statistics = point.statistics
        self.anchor = point.emission if anchor is None else anchor
        self.chain = ["start", "trans"] if statistics.end is None else ["start", "trans", "end"]
        arrays = [getattr(statistics, name) for name in self.chain] + [*statistics.emission.values()]
        self.names = [*self.chain, *statistics.emission]
        self.shapes = [a.shape for a in arrays]
        self.sizes = np.array([a.size for a in arrays])
        self.ends = np.cumsum(self.sizes)
        self.n_bytes = 8 * int(self.ends[-1])
        # what is a mass stays positive: the chain's counts, and by its name an emission's
        kinds = [name in self.chain or name.split(".")[-1] in ("counts", "weights") for name in self.names]
        self.masses = np.repeat(kinds, self.sizes)

    def of(self, point):
        """(K,)"""
        statistics = point.statistics
        emission = self.anchor.recentre(statistics.emission, point.emission)
        chain = [getattr(statistics, name).ravel() for name in self.chain]
        return np.concatenate(chain + [emission[name].ravel() for name in self.names[len(chain) :]])

    def statistics(self, x, point):
        """The statistics of a vector, about the parameters of `point`."""
        parts = [part.reshape(shape) for part, shape in zip(np.split(x, self.ends[:-1]), self.shapes, strict=True)]
        k, like = len(self.chain), point.statistics
        emission = point.emission.recentre(dict(zip(self.names[k:], parts[k:], strict=True)), self.anchor)
        end = parts[2] if k > 2 else None
        return Statistics(parts[0], parts[1], emission, like.loglik, like.n_sequences, like.n_steps, end=end)

    def unit(self, x):
        """(K,), factors that remove the units: squares are weighted by about 1 / x in each block, as for counts."""
        size = np.abs(x)
        means = np.add.reduceat(size, np.minimum(self.ends - self.sizes, len(x) - 1)) / np.maximum(self.sizes, 1)
        n_states, mass = self.sizes[0], size[: self.ends[len(self.chain) - 1]].sum()
        factors = means * n_states / mass
        factors[0] = 1.0
        scale = np.repeat(np.sqrt(factors), self.sizes) * np.sqrt(size + 0.01 * np.repeat(means, self.sizes))
        return np.divide(1.0, scale, out=np.zeros(len(x)), where=scale > 0)
