"""Angles."""

import numpy as np

from ..coordinates import POSITIVE, REAL
from .constructors import Frozen, Given, check_parameter
from .exponential_family import ExponentialFamily, squeeze_feature
from .special import TURN, from_minus_pi, log_bessel, newton_ascent_of_one, von_mises_cdf

LARGEST = 1e6


class VonMises(ExponentialFamily):
    """Angles in radians, by the von Mises distribution.

        log b_i(o) = sum_d k cos(o_d - means[i, d]) - log(2 pi I_0(k))
        k = concentrations[i, d]

    Parameters
    ----------
    means : (n_states, n_features) or (n_states,), in radians. concentrations : the same shape, >= 0; 0 is uniform.
        A fit starts from given values. Columns are independent given the state, and a missing one (NaN) is ignored.
    prior : number of pseudo-steps, with uniformly distributed angles, added to each state and column.
    frozen : names of parameters to keep as given, or {name: mask}.

    The maximiser is the direction of the weighted mean of unit vectors, and the concentration k for which
    I_1(k) / I_0(k) is its length, by Newton's method, at most 1e6. `mean()` is the mean direction, `variance()` the
    circular variance 1 - I_1(k) / I_0(k), from 0 (a single angle) to 1 (uniform).

    >>> from chmm import Model, VonMises
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=VonMises([0, 3.1], [4, 4]))
    >>> m.decode([0.3, -0.2, 3.0, -3.1]).path.tolist()
    [0, 0, 1, 1]
    """

    parameters = ("means", "concentrations")
    ranges = (REAL, POSITIVE)
    features = ("cosines", "sines")
    domain = "angles in radians, from -2 pi to 2 pi (np.radians turns degrees into them)"
    placeholder = 0.0

    def __init__(self, means: Given = None, concentrations: Given = None, *, prior: float = 1e-3, frozen: Frozen = ()):
        super().__init__(
            prior,
            frozen,
            means=check_parameter(means, "means", least=-TURN, most=TURN),
            concentrations=check_parameter(concentrations, "concentrations", least=0, most=LARGEST),
        )

    def support(self, values):
        return np.abs(values) <= TURN * (1 + 1e-12)

    def embed(self, values):
        return np.hstack(self.sufficient_statistics(values))

    def sufficient_statistics(self, values):
        return [np.cos(values), np.sin(values)]

    def natural_parameters(self):
        k = self.concentrations
        return [k * np.cos(self.means), k * np.sin(self.means)], -log_bessel(k)[0] - np.log(TURN)

    def maximiser(self, means):
        cosine, sine = means
        direction = np.arctan2(sine, cosine)
        if np.any(self.held("means")):
            direction = np.where(self.held("means"), self.means, direction)
        length = np.clip(cosine * np.cos(direction) + sine * np.sin(direction), 0.0, 1.0)

        def step(k):
            ratio = log_bessel(k)[1]
            return (length - ratio) / np.maximum(1 - ratio / k - ratio**2, 1e-300)

        # within 2 % of the root (Banerjee et al. 2005)
        start = np.maximum(length * (2 - length**2) / np.maximum(1 - length**2, 1e-9), 1e-9)
        k = newton_ascent_of_one(start, lambda k: k * length - log_bessel(k)[0], step, 1e-9, LARGEST)
        return {"means": direction, "concentrations": np.where(length > 0, k, 0.0)}

    def derivatives(self, mass, cosines, sines):
        along = cosines * np.cos(self.means) + sines * np.sin(self.means)
        across = sines * np.cos(self.means) - cosines * np.sin(self.means)
        k = self.concentrations
        return {"means": k * across, "concentrations": along - mass * log_bessel(k)[1]}

    def typical(self, cosine, sine):
        return np.zeros((2, *cosine.shape))

    def limits(self):
        return {"concentrations": (-np.inf, LARGEST)}

    circular = True

    def mean(self):
        return self.means

    def variance(self):
        return 1 - log_bessel(self.concentrations)[1]

    def cdf(self, values):
        """Of angles from -pi to pi, as they are drawn; others are a turn away from one of these."""
        angles = from_minus_pi(values)[:, None] - self.means
        return von_mises_cdf(angles, self.concentrations) - von_mises_cdf(-np.pi - self.means, self.concentrations)

    def expected(self, values):
        """Mean vectors, as complex numbers."""
        vectors = log_bessel(self.concentrations)[1] * np.exp(1j * self.means)
        return np.broadcast_to(vectors, (len(values), *vectors.shape))

    def averaged(self, table):
        return np.angle(table)

    def sample(self, states, rng):
        return squeeze_feature(rng.vonmises(self.means[states], self.concentrations[states]))
