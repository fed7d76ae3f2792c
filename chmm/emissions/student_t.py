"""Numbers with heavy tails."""

import numpy as np

from .base import Emission, check_parameter, checked_floor, frozen_names, same_shape
from .exponential_family import squeeze_feature
from .quadratic import spread
from .special import half_step, newton, newton_ascent

DOFS = 0.1, 1e6
FIRST_DOFS = 30.0  # light tails to start with: heavy ones let one state take everything


class StudentT(Emission):
    """Heavy tails: log b_i(o) = sum_d log Gamma((v+1)/2) - log Gamma(v/2) - log(v pi s^2)/2 - (v+1)/2 log(1 + z^2/v),
    z = (o_d - locations[i, d]) / s, s = scales[i, d], v = dofs[i, d].

    Parameters
    ----------
    locations : (n_states, n_features) or (n_states,). scales, dofs : the same shape, > 0. Where a fit starts. Columns
        are independent given the state, and a missing one (NaN) says nothing.
    floor : a prior on the scales, -(floor / 2) sum (log s^2 + S / s^2) with S the variance of all data, as in
        `Gaussian`.
    frozen : names of parameters that stay as given.

    The t is a normal with a random precision u, so an update is a step of EM itself: weighted by E u = (v + 1)/(v +
    z^2), means and scatter; then v by Newton, between 0.1 and 1e6 (Liu & Rubin 1995). It never lowers the objective,
    and single values far out pull no state.

    >>> from chmm import Model, StudentT
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=StudentT([0, 5], [1, 1], [3, 3]))
    >>> m.decode([0.1, 0.4, -90, 0.2, 5.2, 4.8]).path.tolist()
    [0, 0, 0, 0, 1, 1]
    """

    parameters = ("locations", "scales", "dofs")
    gaps = True
    max_inner_iter = 200

    def __init__(self, locations=None, scales=None, dofs=None, *, floor=1e-3, frozen=()):
        self.floor = checked_floor(floor)
        self.locations = check_parameter(locations, "locations")
        self.scales = check_parameter(scales, "scales", least=1e-100, most=1e100)  # of which squares are numbers, too
        self.dofs = check_parameter(dofs, "dofs", least=DOFS[0], most=DOFS[1])
        same_shape(locations=self.locations, scales=self.scales, dofs=self.dofs)
        self.frozen = frozen_names(frozen, self.parameters)
        self.centre = self.variance = None

    def prepare(self, data, n_states, pseudocount):
        self.centre, self.variance = spread(self.numbers(data))

    def _z(self, values, d):
        return (values[:, d, None] - self.locations[:, d]) / self.scales[:, d]

    def log_likelihood(self, values):
        out = np.zeros((len(values), len(self.locations)))
        v, s = self.dofs, self.scales
        constants = half_step(v / 2)[0] - 0.5 * np.log(2 * np.pi) - np.log(s)
        for d in range(values.shape[1]):
            seen = ~np.isnan(values[:, d])
            z = self._z(values[seen], d)
            out[seen] += constants[:, d] - (v[:, d] + 1) / 2 * np.log1p(z * z / v[:, d])
        return out

    def statistics(self, values, weights):
        """Weighted sums (N, D) of 1, u, u y and u y^2, y the distance to the location, and, given it and the scale, of
        the first two derivatives by v of -(v + 1)/2 log(1 + z^2/v)."""
        n, d = weights.shape[1], values.shape[1]
        total = {key: np.zeros((n, d)) for key in ("weights", "u", "uy", "uyy", "slopes", "bends")}
        for i, k in np.ndindex(n, d):
            w = weights[:, i]
            rows = np.flatnonzero((w > 0) & ~np.isnan(values[:, k]))  # labels leave few to each state
            w, y = w[rows], values[rows, k] - (self.centre[k] if self.locations is None else self.locations[i, k])
            wu, slopes, bends = w, 0.0, 0.0
            if self.complete:
                v = self.dofs[i, k]
                x = (y / self.scales[i, k]) ** 2 / v
                wu = w * ((1 + 1 / v) / (1 + x))
                part = x / (1 + x)
                slopes = w * (0.5 * (part * (1 + 1 / v) - np.log1p(x)))
                bends = w * (0.5 / v * (part**2 - part / v * (1 + 1 / (1 + x))))
            wuy = wu * y
            parts = (w, wu, wuy, wuy * y, slopes, bends)
            for key, part in zip(total, parts, strict=True):
                total[key][i, k] = np.sum(part)
        return total

    def update(self, statistics):
        mass, u, uy, uyy, slopes, bends = statistics.values()
        alive = mass > 0
        n, d = mass.shape
        count = np.where(alive, mass, 1.0)
        start = np.broadcast_to(np.zeros(d) if self.centre is None else self.centre, (n, d))
        start = start if self.locations is None else self.locations
        shift = np.zeros((n, d)) if self.is_frozen("locations") else np.divide(uy, u, out=np.zeros((n, d)), where=u > 0)
        variance = np.ones(d) if self.variance is None else self.variance
        scatter = np.maximum(uyy - shift * (2 * uy - u * shift), 0.0)
        squares = (scatter + self.floor * variance) / (count + self.floor)
        if (alive & ~(squares > 0)).any() and not self.is_frozen("scales"):
            i = int(np.argwhere(alive & ~(squares > 0))[0][0])
            raise ValueError(
                f"the scale of state {i} became 0: one single value fell on it; floor = {self.floor} must be larger"
            )
        scales = np.sqrt(np.where(alive, squares, variance))
        new = {"locations": start + shift, "scales": scales, "dofs": np.full((n, d), FIRST_DOFS)}
        if self.complete:
            gain = 0.5 * (uyy + self.floor * variance) / self.scales**2
            gain = gain - 0.5 * (scatter + self.floor * variance) / scales**2
            gain = gain - (count + self.floor) * np.log(scales / self.scales)
            new["dofs"], more = self._dofs(mass, slopes, bends)
            turn = alive & (more > gain) & (not self.is_frozen("dofs"))
            for name in self.parameters:
                new[name] = np.where(turn == (name == "dofs"), new[name], getattr(self, name))
        self.assign(new, alive)

    def _dofs(self, mass, slopes, bends):
        """The dofs at the top of a bound from below on the log likelihood, and how far it rises there.

        In t = v / (v + 1), -(v + 1)/2 log(1 + z^2/v) is concave, and its second derivative grows no faster than the
        cubes of (1 - t0)/(1 - t), going up, and of t0/t, going down, whatever z. So the bound agrees with the
        likelihood to second order: the steps converge as Newton's, and never lower it.
        """
        v0 = self.dofs
        bend = np.minimum((v0 + 1) * bends + 2 * slopes, 0.0)

        def value(v):
            t, far = (v - v0) / (v + 1), np.maximum(v0 / v, 1.0)
            return mass * half_step(v / 2)[0] + (v0 + 1) * slopes * t + 0.5 * bend * (v - v0) * t * far

        def gradient(v):
            t, far = (v - v0) / (v + 1), np.maximum(v0 / v, 1.0)
            turn = (v0 + 1) / (v + 1) ** 2
            rise = (t + (v - v0) * turn) * far - np.where(v < v0, (v - v0) * t * far / v, 0.0)
            return 0.5 * mass * half_step(v / 2)[1] + (v0 + 1) * slopes * turn + 0.5 * bend * rise

        def step(v):
            here = gradient(v)
            return newton(here, (gradient(v * (1 + 1e-4)) - here) / (1e-4 * v), v)

        v = newton_ascent(v0[..., None], lambda v: value(v[..., 0]), lambda v: step(v[..., 0])[..., None], *DOFS)[..., 0]
        return v, value(v) - value(v0)

    def log_prior(self):
        if not self.floor or self.variance is None:
            return 0.0
        squares = self.scales**2
        return -0.5 * self.floor * float((np.log(squares) + self.variance / squares).sum())

    def settings(self):
        return {"floor": self.floor, **super().settings()}

    def sample(self, states, rng):
        return squeeze_feature(self.locations[states] + self.scales[states] * rng.standard_t(self.dofs[states]))
