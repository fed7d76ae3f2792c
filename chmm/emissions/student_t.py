"""Numbers with heavy tails."""

import numpy as np

from ..checks import check_frozen
from ..coordinates import POSITIVE, REAL
from .base import Emission
from .constructors import Frozen, Given, check_parameter, check_prior, same_shape
from .exponential_family import squeeze_feature
from .quadratic import LARGEST, SMALLEST, moments, shifted, spread
from .special import half_step, half_step_slope, newton, newton_ascent_of_one, student_cdf
from .survey import Survey

KEYS = "weights", "u", "uy", "uyy", "slopes", "bends"
DOFS = 0.1, 1e6
FIRST_DOFS = 30.0  # a fit starts with light tails: with heavy ones, one state takes everything


class StudentT(Emission):
    """Measurements with outliers, by Student's t distribution.

        log b_i(o) = sum_d log Gamma((v + 1)/2) - log Gamma(v/2) - log(v pi s^2)/2 - (v + 1)/2 log(1 + z^2/v)
        z = (o_d - locations[i, d]) / s, s = scales[i, d], v = dofs[i, d]

    Parameters
    ----------
    locations : (n_states, n_features) or (n_states,). scales, dofs : the same shape, > 0. A fit starts from given
        values. Columns are independent given the state; a missing one (NaN) is ignored.
    prior : strength, in steps, of a prior on the scales, -(prior / 2) sum (log s^2 + S / s^2) with S the variance of
        all data, as in `Gaussian`.
    frozen : names of parameters to keep as given, or {name: mask}.

    The t distribution is a normal with a random precision u. For each state and column, an update takes the better of
    two steps: an EM step for location and scale, with weights E u = (v + 1)/(v + z^2); or a step in v, between 0.1 and
    1e6, on the likelihood itself, because EM steps in v are very small (Liu & Rubin 1995). Neither lowers the
    objective. A fit starts with light tails, v = 30. A single outlier has little influence on a state.

    `mean()` is the location, even where v <= 1; `variance()` is infinite where v <= 2.

    >>> from chmm import Model, StudentT
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=StudentT([0, 5], [1, 1], [3, 3]))
    >>> m.decode([0.1, 0.4, -90, 0.2, 5.2, 4.8]).path.tolist()
    [0, 0, 0, 0, 1, 1]
    """

    parameters = ("locations", "scales", "dofs")
    ranges = (REAL, POSITIVE, POSITIVE)
    gaps = True
    prepared = ("centre", "spread")
    max_inner_iter = 200

    def __init__(
        self, locations: Given = None, scales: Given = None, dofs: Given = None, *, prior: float = 1e-3,
        frozen: Frozen = (),
    ):  # fmt: skip
        self.prior = check_prior(prior)
        self.locations = check_parameter(locations, "locations")
        self.scales = check_parameter(scales, "scales", least=SMALLEST, most=LARGEST)
        self.dofs = check_parameter(dofs, "dofs", least=DOFS[0], most=DOFS[1])
        same_shape(locations=self.locations, scales=self.scales, dofs=self.dofs)
        self.frozen = check_frozen(frozen, self.parameters, **self._known())
        self.centre, self.spread = np.zeros(1), np.ones(1)

    def survey(self, data):
        return Survey(moments=moments(self.numbers(data)))

    def prepare(self, survey, n_states, pseudocount):
        self.centre, self.spread = spread(survey["moments"])

    def _z(self, values, d):
        return (values[:, d, None] - self.locations[:, d]) / self.scales[:, d]

    def log_likelihood(self, values):
        out = np.zeros((len(values), len(self.locations)))
        v, s = self.dofs, self.scales
        constants = half_step(v / 2) - 0.5 * np.log(2 * np.pi) - np.log(s)
        for d in range(values.shape[1]):
            seen = ~np.isnan(values[:, d])
            z = self._z(values[seen], d)
            out[seen] += constants[:, d] - (v[:, d] + 1) / 2 * np.log1p(z * z / v[:, d])
        return out

    def statistics(self, values, weights):
        """Weighted sums (N, D) of 1, u, u y and u y^2, where y is the distance to the location, and of the first two
        derivatives with respect to v of -(v + 1)/2 log(1 + z^2/v), at the present location and scale."""
        n, d = weights.shape[1], values.shape[1]
        total = {key: np.zeros((n, d)) for key in KEYS}
        for i, k in np.ndindex(n, d):
            w = weights[:, i]
            rows = np.flatnonzero((w > 0) & ~np.isnan(values[:, k]))  # with labels, each state has few
            w, y = w[rows], values[rows, k] - self._centres(n, d)[i, k]
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

    def _centres(self, n, d):
        """(N, D): the origin of the distances in the statistics."""
        return np.broadcast_to(self.centre if self.locations is None else self.locations, (n, d))

    def update(self, statistics):
        mass, u, uy, uyy, slopes, bends = (statistics[key] for key in KEYS)
        prior = self.prior * self.spread
        old = self._centres(*mass.shape)
        shift = np.where((u > 0) & ~np.asarray(self.held("locations")), uy / u, 0.0)
        locations = old + shift
        shift = locations - old
        scatter = np.maximum(uyy - shift * (2 * uy - u * shift), 0.0)
        total = mass + self.prior
        squares = np.where(total > 0, (scatter + prior) / total, self.spread if self.scales is None else self.scales**2)
        if (~(squares > 0) & ~np.asarray(self.held("scales"))).any():
            i = int(np.argwhere(~(squares > 0))[0][0])
            raise ValueError(
                f"the scale of state {i} became 0: one single value fell on it; prior = {self.prior} must be larger"
            )
        new = {"locations": locations, "scales": np.sqrt(squares), "dofs": np.full(mass.shape, FIRST_DOFS)}
        if self.complete:
            scales = np.where(self.held("scales"), self.scales, new["scales"])
            gain = 0.5 * (uyy + prior) / self.scales**2 - 0.5 * (scatter + prior) / scales**2
            gain = gain - total * np.log(scales / self.scales)
            new["dofs"], more = self._dofs(mass, slopes, bends)
            turn = (more > gain) & ~np.asarray(self.held("dofs"))
            for name in self.parameters:
                new[name] = np.where(turn == (name == "dofs"), new[name], getattr(self, name))
        self.assign(new)

    def gradient(self, values, weights):
        mass, _, uy, uyy, slopes, _ = (self.statistics(values, weights)[key] for key in KEYS)
        squares = self.scales**2
        return {
            "locations": uy / squares,
            "scales": (uyy / squares - mass) / self.scales,
            "dofs": 0.5 * mass * half_step_slope(self.dofs / 2) + slopes,
        }

    def unconstrained(self):
        return super().unconstrained() | {"locations": self._coordinates("locations", self.scales)}

    def recentre(self, statistics, other):
        moved = shifted(
            {"weights": statistics["u"], "sums": statistics["uy"], "squares": statistics["uyy"]},
            other._centres(*statistics["u"].shape) - self._centres(*statistics["u"].shape),
        )
        return {**statistics, "uy": moved["sums"], "uyy": moved["squares"]}

    def _dofs(self, mass, slopes, bends):
        """The dofs that maximise a lower bound on the log likelihood, and the gain in that bound.

        In t = v / (v + 1), -(v + 1)/2 log(1 + z^2/v) is concave, and its second derivative grows no faster than the
        cube of (1 - t0)/(1 - t) for rising t, and of t0/t for falling t, whatever z is. The bound therefore agrees with
        the likelihood to second order: the steps converge like Newton's, and never lower it.
        """
        v0 = self.dofs
        bend = np.minimum((v0 + 1) * bends + 2 * slopes, 0.0)

        def value(v):
            t, far = (v - v0) / (v + 1), np.maximum(v0 / v, 1.0)
            return mass * half_step(v / 2) + (v0 + 1) * slopes * t + 0.5 * bend * (v - v0) * t * far

        def gradient(v):
            t, far = (v - v0) / (v + 1), np.maximum(v0 / v, 1.0)
            turn = (v0 + 1) / (v + 1) ** 2
            rise = (t + (v - v0) * turn) * far - np.where(v < v0, (v - v0) * t * far / v, 0.0)
            return 0.5 * mass * half_step_slope(v / 2) + (v0 + 1) * slopes * turn + 0.5 * bend * rise

        def step(v):
            here = gradient(v)
            return newton(here, (gradient(v * (1 + 1e-4)) - here) / (1e-4 * v), v)

        v = newton_ascent_of_one(v0, value, step, *DOFS)
        return v, value(v) - value(v0)

    def log_prior(self):
        squares = self.scales**2
        return -0.5 * self.prior * float((np.log(squares) + self.spread / squares).sum())

    def limits(self):
        return {"dofs": DOFS}

    def mean(self):
        return self.locations

    def variance(self):
        return np.where(self.dofs > 2, self.scales**2 * self.dofs / (self.dofs - 2), np.inf)

    def cdf(self, values):
        return student_cdf((values[:, None] - self.locations) / self.scales, self.dofs)

    def sample(self, states, rng):
        return squeeze_feature(self.locations[states] + self.scales[states] * rng.standard_t(self.dofs[states]))
