"""EM in a quarter of its steps: statistics are extrapolated, and only what climbs is kept.

EM maps expected counts to parameters (the M-step) and parameters to expected counts (the E-step). Near the end, each
step reduces the distance to the fixed point by nearly the same factors, so that a few steps predict many. What is
extrapolated are the statistics, not the parameters: statistics add up by contract, and the M-step turns any of them
into valid parameters, whose rows sum to 1, with zeros and frozen parameters as they were, and priors included.
"""

from collections import deque
from itertools import islice

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
    so the M-step is no maximiser. failed : a step was impossible. watch : is called with the run after every E-step.
    """

    def __init__(self, em, start, tol, accelerate=True, memory=MEMORY, watch=None):
        self.tol, self.accelerate, self.watch = tol, accelerate, watch
        self.point, self.history, self.left, self.gain = None, [], np.inf, np.inf
        self.n_steps = self.n_dropped = 0
        self.converged = self.fell = self.failed = False
        self._reached = deque(maxlen=CALM)  # objectives after the last E-steps
        self._calm = 0  # EM steps in a row after which nothing seemed left
        self._steps = self._climb(em, start, memory)

    def _climb(self, em, start, memory):
        point = em.expect(start)
        yield point, None
        steps = plain(em, point)
        if self.accelerate:
            for point, rate in islice(steps, WARM):
                yield point, rate
            steps = ascend(em, point, memory)
        yield from steps

    @property
    def stopped(self):
        return self.converged or self.fell

    def advance(self, n_steps):
        """Take at most this many more E-steps."""
        for _ in range(n_steps):
            if self.stopped:
                break
            self._keep(*next(self._steps))
            if self.watch is not None:
                self.watch(self)

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
                self._calm = self._calm + 1 if self.left <= self.tol else 0
        self._reached.append(self.history[-1])
        if self.accelerate and self._calm >= 2 and len(self._reached) == CALM:
            self.converged = self._reached[-1] - self._reached[0] <= self.tol


def ascend(em, point, memory=MEMORY):
    """Yield (point, rate) after every E-step from that of `point` on, without end; (None, None) after a failed jump.

    em : expect(parameters) -> point, with the statistics and the objective at these parameters, and
        maximise(point, statistics) -> parameters.
    rate : the factor by which EM's own steps shrink, after the second of two in a row; otherwise None.

    A cycle is three E-steps: a step of EM, a jump, and a step of EM that steadies it. The jump is SQUAREM's S3
    (Varadhan & Roland 2008) until there are four pairs of EM steps, then quasi-Newton (Zhou, Alexander & Lange 2011).
    It is kept only if the objective is at least that of the EM step before it.
    """
    vectors = Vectors(point)
    secants = SECANTS if (2 * SECANTS + 4) * vectors.n_bytes <= memory else 0
    firsts, seconds = deque(maxlen=secants), deque(maxlen=secants)
    longest, rest, wait = 4.0, 0, 2  # of a SQUAREM jump; cycles without quasi-Newton, now and after the next failure
    before, x0 = point, vectors.of(point)
    own = em.expect(em.maximise(before, before.statistics))
    x1 = vectors.of(own)
    yield own, None
    while True:
        last = em.expect(em.maximise(own, own.statistics))
        x2 = vectors.of(last)
        r, s = x1 - x0, x2 - x1
        unit = vectors.unit(x2)
        size, change = length(r, unit), length(s - r, unit)
        reach = size / change if change > 0 else 0.0
        yield last, max(1 - 1 / reach, length(s, unit) / size) if reach > 0 else 0.0
        if not reach > 0:  # a fixed point
            before, own, x0, x1 = own, last, x1, x2
            continue
        firsts.append(r)
        seconds.append(s)
        jump, capped = None, reach >= longest
        if secants and len(firsts) >= secants - 1 and rest <= 0:
            jump = quasi_newton(np.array(firsts), np.array(seconds), s, unit)
        newton = jump is not None
        if newton:
            x = x2 + jump
        else:
            rest -= 1
            step = min(max(reach, 1.0), longest)
            if step < 1.01:
                before, own, x0, x1 = own, last, x1, x2
                continue
            x = x0 + 2 * step * r + step * step * (s - r)
        x = np.where(vectors.masses, np.maximum(x, 0.01 * x2), x)
        trial = attempt(em, last, vectors.statistics(x, last))
        climbs = trial is not None and trial.objective >= last.objective
        yield (trial if climbs else None), None
        if climbs:
            if newton:
                wait = 2
            elif capped:
                longest *= 4
            before, x0 = trial, vectors.of(trial)
            own = em.expect(em.maximise(before, before.statistics))
            x1 = vectors.of(own)
            yield own, None
        else:
            if newton:
                firsts.clear()
                seconds.clear()
                rest, wait = wait, min(2 * wait, 64)
            else:
                longest = max(2.0, min(reach, longest) / 4)
            before, own, x0, x1 = own, last, x1, x2


def plain(em, point):
    """`ascend` with EM's own steps only."""
    while True:
        point = em.expect(em.maximise(point, point.statistics))
        yield point, None


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

    def __init__(self, point):
        statistics = point.statistics
        self.anchor = point.emission
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
