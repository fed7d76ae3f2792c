"""Positive numbers: amounts, durations, step lengths."""

import numpy as np

from .base import check_parameter
from .exponential_family import ExponentialFamily, squeeze_feature
from .special import digamma, gammaln, newton, newton_ascent, trigamma

RANGE = 1e-6, 1e6
LEAST, LARGEST = 1e-290, 1e300  # of values, of rates: a rate is at most RANGE[1] / LEAST


class Gamma(ExponentialFamily):
    """Positive numbers: log b_i(o) = sum_d a log b - log Gamma(a) + (a - 1) log o_d - b o_d, a = shapes, b = rates.

    Parameters
    ----------
    shapes, rates : (n_states, n_features) or (n_states,), > 0; where a fit starts. The mean is shape / rate, the
        variance shape / rate^2. Columns are independent given the state, and a missing one (NaN) says nothing.
    frozen : names of parameters that stay as given.

    The maximiser solves log a - digamma(a) = log mean - mean log (Newton; Minka 2002), b = a / mean. Shapes stay
    between 1e-6 and 1e6: a state on one single value would have an infinite density.

    >>> from chmm import Gamma, Model
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gamma([2, 9], [2, 1]))
    >>> m.decode([0.8, 1.3, 8.1, 9.5]).path.tolist()
    [0, 0, 1, 1]
    """

    parameters = ("shapes", "rates")
    features = ("sums", "logs")
    domain = f"numbers > 0, from {LEAST:g} on; rescale smaller ones"

    def __init__(self, shapes=None, rates=None, *, frozen=()):
        super().__init__(
            frozen,
            shapes=check_parameter(shapes, "shapes", least=RANGE[0], most=RANGE[1]),
            rates=check_parameter(rates, "rates", above=0, most=LARGEST),
        )

    def support(self, values):
        return values >= LEAST

    def embed(self, values):
        return np.log(values)

    def sufficient_statistics(self, values):
        return [values, np.log(values)]

    def natural_parameters(self):
        return [-self.rates, self.shapes - 1], self.shapes * np.log(self.rates) - gammaln(self.shapes)

    def maximiser(self, moments, mass):
        mean, mean_log = moments
        if self.is_frozen("rates"):
            # a log b - log Gamma(a) + a mean_log
            pull = np.log(self.rates) + mean_log
            shapes = newton_ascent(
                np.maximum(mean * self.rates, RANGE[0])[..., None],
                lambda a: a[..., 0] * pull - gammaln(a[..., 0]),
                lambda a: newton(pull[..., None] - digamma(a), -trigamma(a), a),
                *RANGE,
            )[..., 0]
            return {"shapes": shapes, "rates": self.rates}
        shapes = self.shapes if self.is_frozen("shapes") else _shape(np.maximum(np.log(mean) - mean_log, 0.0))
        return {"shapes": shapes, "rates": shapes / mean}

    def sample(self, states, rng):
        return squeeze_feature(rng.gamma(self.shapes[states], 1 / self.rates[states]))


def _shape(s):
    """a with log a - digamma(a) = s, the maximiser of a log a - a - log Gamma(a) - a s."""
    s = np.maximum(s, 1e-9)
    a = (3 - s + np.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)  # within 1.5 % of it
    for _ in range(8):
        with np.errstate(over="ignore"):
            a = np.clip(1 / (1 / a + (np.log(a) - digamma(a) - s) / (a * a * (1 / a - trigamma(a)))), *RANGE)
    return a
