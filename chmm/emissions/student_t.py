"""Numbers with heavy tails."""

import numpy as np

from .base import Emission, Survey, check_frozen, check_parameter, check_prior, same_shape
from .exponential_family import squeeze_feature
from .quadratic import moments, spread
from .special import digamma, gammaln, newton, newton_ascent, trigamma

DOFS = 0.1, 1e6


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
    prepared = ("centre", "variance")
    gaps = True
    max_inner_iter = 200

    def __init__(self, locations=None, scales=None, dofs=None, *, floor=1e-3, frozen=()):
        self.floor = check_prior(floor, "floor")
        self.locations = check_parameter(locations, "locations")
        self.scales = check_parameter(scales, "scales", least=1e-100, most=1e100)  # of which squares are numbers, too
        self.dofs = check_parameter(dofs, "dofs", least=DOFS[0], most=DOFS[1])
        same_shape(locations=self.locations, scales=self.scales, dofs=self.dofs)
        self.frozen = check_frozen(frozen, self.parameters, **self._known())
        self.centre = self.variance = None

    def survey(self, data):
        return Survey(moments=moments(self.numbers(data)))

    def prepare(self, survey, n_states, pseudocount):
        self.centre, self.variance = spread(survey["moments"])

    def _z(self, values, d):
        return (values[:, d, None] - self.locations[:, d]) / self.scales[:, d]

    def log_likelihood(self, values):
        out = np.zeros((len(values), len(self.locations)))
        v, s = self.dofs, self.scales
        constants = gammaln((v + 1) / 2) - gammaln(v / 2) - 0.5 * np.log(v * np.pi) - np.log(s)
        for d in range(values.shape[1]):
            seen = ~np.isnan(values[:, d])
            z = self._z(values[seen], d)
            out[seen] += constants[:, d] - (v[:, d] + 1) / 2 * np.log1p(z * z / v[:, d])
        return out

    def statistics(self, values, weights):
        """weights, and weighted sums of u, u y, u y^2 and log u, y the distance to the location; each (N, D)."""
        n, d = weights.shape[1], values.shape[1]
        total = {key: np.zeros((n, d)) for key in ("weights", "u", "uy", "uyy", "log_u")}
        for i, k in np.ndindex(n, d):
            w = weights[:, i]
            rows = np.flatnonzero((w > 0) & ~np.isnan(values[:, k]))  # labels leave few to each state
            w, y = w[rows], values[rows, k] - (self.centre[k] if self.locations is None else self.locations[i, k])
            if self.complete:
                half = (self.dofs[i, k] + 1) / 2
                rest = (self.dofs[i, k] + (y / self.scales[i, k]) ** 2) / 2
                wu, log_u = w * (half / rest), digamma(half) - np.log(rest)
            else:
                wu, log_u = w, -0.1
            wuy = wu * y
            for key, parts in (("weights", w), ("u", wu), ("uy", wuy), ("uyy", wuy * y), ("log_u", w * log_u)):
                total[key][i, k] = parts.sum()
        return total

    def update(self, statistics):
        mass, u, uy, uyy, log_u = (statistics[key] for key in ("weights", "u", "uy", "uyy", "log_u"))
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
        pull = (log_u - u) / count
        old = np.full((n, d), 10.0) if self.dofs is None else self.dofs
        dofs = newton_ascent(
            old[..., None],
            lambda v: v[..., 0] / 2 * (np.log(v[..., 0] / 2) + pull) - gammaln(v[..., 0] / 2),
            lambda v: newton(
                0.5 * (np.log(v / 2) + 1 + pull[..., None] - digamma(v / 2)), 0.5 / v - 0.25 * trigamma(v / 2), v
            ),
            *DOFS,
        )[..., 0]
        scales = np.sqrt(np.where(alive, squares, variance))
        self.assign({"locations": start + shift, "scales": scales, "dofs": np.where(alive, dofs, old)}, alive)

    def log_prior(self):
        if not self.floor or self.variance is None:
            return 0.0
        squares = self.scales**2
        return -0.5 * self.floor * float((np.log(squares) + self.variance / squares).sum())

    def settings(self):
        return {"floor": self.floor, **super().settings()}

    def sample(self, states, rng):
        return squeeze_feature(self.locations[states] + self.scales[states] * rng.standard_t(self.dofs[states]))
