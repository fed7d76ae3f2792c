"""Positive numbers whose logarithm is normal."""

import numpy as np

from .gaussian import Gaussian


class LogNormal(Gaussian):
    """Positive numbers whose logarithm is normal.

        log b_i(o) = log N(log o; m_i, S_i) - sum_d log o_d
        m_i = means[i], S_i = the covariance matrix of state i

    Parameters
    ----------
    means, covariances, covariance, prior, frozen : as in `Gaussian`, for log o. The median is exp(means).

    The maximiser is that of `Gaussian` for the logarithms.

    >>> from chmm import LogNormal, Model
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=LogNormal([0, 5], [1, 1]))
    >>> m.decode([0.8, 1.3, 99, 180]).path.tolist()
    [0, 0, 1, 1]
    """

    domain = "numbers > 0"

    def support(self, values):
        return values > 0

    def survey(self, data):
        return self._survey(np.log(self.numbers(data)))

    def embed(self, values):
        return np.log(values)

    def log_likelihood(self, values):
        logs = np.log(values)
        return super().log_likelihood(logs) - np.nansum(logs, axis=1)[:, None]

    def statistics(self, values, weights):
        return super().statistics(np.log(values), weights)

    def mean(self):
        return self._transformed(self.means, super().variance())

    def _transformed(self, means, variances):
        return np.exp(means + variances / 2)

    def cdf(self, values):
        return super().cdf(np.log(np.maximum(values, 0.0)))

    def expected(self, values):
        return super().expected(np.log(values))

    def sample_given(self, values, states, rng):
        return np.exp(super().sample_given(np.log(values), states, rng))

    def variance(self):
        return np.expm1(super().variance()) * np.exp(2 * self.means + super().variance())

    def sample(self, states, rng):
        return np.exp(super().sample(states, rng))
