"""Positive numbers: amounts, durations, step lengths."""

import numpy as np

from ..coordinates import POSITIVE
from .constructors import Frozen, Given, check_parameter
from .exponential_family import ExponentialFamily, squeeze_feature
from .special import digamma, gamma_cdf, gammaln, newton, newton_ascent_of_one, trigamma

RANGE = 1e-6, 1e6
EULER = 0.5772156649015329
LEAST, LARGEST = 1e-290, 1e300  # of values, of rates: a rate is at most RANGE[1] / LEAST


class Gamma(ExponentialFamily):
    """Positive numbers, by the gamma distribution.

        log b_i(o) = sum_d a log b - log Gamma(a) + (a - 1) log o_d - b o_d
        a = shapes[i, d], b = rates[i, d]

    Parameters
    ----------
    shapes, rates : (n_states, n_features) or (n_states,), > 0; a fit starts from given values. The mean is shape /
        rate, the variance shape / rate^2. Columns are independent given the state, and a missing one (NaN) is ignored.
    prior : number of pseudo-steps, with the mean and the mean logarithm of all data, added to each state and column; if
        all data are the same value, with those of the exponential distribution of that mean.
    frozen : names of parameters to keep as given, or {name: mask}.

    The maximiser solves log a - digamma(a) = log mean - mean log (Newton; Minka 2002), b = a / mean. Shapes stay
    between 1e-6 and 1e6.

    >>> from chmm import Gamma, Model
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gamma([2, 9], [2, 1]))
    >>> m.decode([0.8, 1.3, 8.1, 9.5]).path.tolist()
    [0, 0, 1, 1]
    """

    parameters = ("shapes", "rates")
    ranges = (POSITIVE, POSITIVE)
    features = ("sums", "logs")
    domain = f"numbers > 0, from {LEAST:g} on; for zeros, ZeroInflated(Gamma())"

    def __init__(self, shapes: Given = None, rates: Given = None, *, prior: float = 1e-3, frozen: Frozen = ()):
        super().__init__(
            prior,
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

    def maximiser(self, means):
        mean, mean_log = means
        shapes = _shape(np.log(mean) - mean_log)
        if np.any(self.held("rates")):
            # a log b - log Gamma(a) + a mean_log
            pull = np.log(self.rates) + mean_log
            given_rates = newton_ascent_of_one(
                mean * self.rates,
                lambda a: a * pull - gammaln(a),
                lambda a: newton(pull - digamma(a), -trigamma(a), a),
                *RANGE,
            )
            shapes = np.where(self.held("rates"), given_rates, shapes)
        if np.any(self.held("shapes")):
            shapes = np.where(self.held("shapes"), self.shapes, shapes)
        return {"shapes": shapes, "rates": shapes / mean}

    def derivatives(self, mass, sums, logs):
        by_shape = logs + mass * (np.log(self.rates) - digamma(self.shapes))
        return {"shapes": by_shape, "rates": mass * self.shapes / self.rates - sums}

    def typical(self, mean, mean_log):
        mean = np.where(mean > 0, mean, 1.0)
        varied = np.log(mean) - mean_log > 0.5 / RANGE[1]
        return mean, np.where(varied, mean_log, np.log(mean) - EULER)

    def limits(self):
        return {"shapes": RANGE}

    def mean(self):
        return self.shapes / self.rates

    def variance(self):
        return self.shapes / self.rates**2

    def cdf(self, values):
        return gamma_cdf(self.shapes, np.maximum(values, 0.0)[:, None] * self.rates)[0]

    def sample(self, states, rng):
        # drawn values underflow where shapes are small
        return squeeze_feature(np.maximum(rng.gamma(self.shapes[states], 1 / self.rates[states]), LEAST))


def _shape(s):
    """a with log a - digamma(a) = s, the maximiser of a log a - a - log Gamma(a) - a s."""
    s = np.maximum(s, 1e-9)
    a = (3 - s + np.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)  # within 1.5 % of it
    for _ in range(8):
        before = a
        a = np.clip(1 / (1 / a + (np.log(a) - digamma(a) - s) / (a * a * (1 / a - trigamma(a)))), *RANGE)
        if (np.abs(a - before) <= 1e-14 * a).all():
            break
    return a
