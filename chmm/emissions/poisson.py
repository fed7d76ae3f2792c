"""Counts without an upper limit."""

from typing import Any

import numpy as np

from ..coordinates import POSITIVE, ratio
from .constructors import Frozen, Given, check_parameter
from .exponential_family import ExponentialFamily, not_counts, squeeze_feature
from .special import gamma_cdf, log_poisson

MOST_DRAWN = 9.2e18  # a rate whose counts fit into int64


class Poisson(ExponentialFamily):
    """Counts, by the Poisson distribution.

        log b_i(o) = sum_d o_d log rates[i, d] - rates[i, d] - log o_d!

    Parameters
    ----------
    rates : (n_states, n_features) or (n_states,), >= 0, the expected counts; a fit starts from given values. Columns
        are independent given the state, and a missing one (NaN) is ignored.
    prior : number of pseudo-steps, with the mean of all data (1 if that is 0), added to each state and column.
    frozen : ("rates",) keeps them as given; {"rates": mask} keeps some of them.

    The maximiser is the weighted mean. A rate of 0 allows only the count 0; a given rate of 0 is structural and is
    kept.

    >>> from chmm import Model, Poisson
    >>> quakes = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Poisson([15, 26]))
    >>> quakes.decode([13, 14, 8, 30, 27]).path.tolist()
    [0, 0, 0, 1, 1]
    """

    parameters = ("rates",)
    ranges = (POSITIVE,)
    rates: Any
    features = ("sums",)
    domain = "counts 0, 1, 2 ..."
    counts = True

    def __init__(self, rates: Given = None, *, prior: float = 1e-3, frozen: Frozen = ()):
        super().__init__(prior, frozen, rates=check_parameter(rates, "rates", least=0))
        self.free = None if self.rates is None else self.rates > 0

    def support(self, values):
        return ~not_counts(values)

    def embed(self, values):
        return np.sqrt(values)  # their variance hardly depends on the mean

    def sufficient_statistics(self, values):
        return [values]

    def natural_parameters(self):
        return [np.log(self.rates)], -self.rates

    def log_likelihood(self, values):
        out = np.zeros((len(values), len(self.rates)))
        for d, rates in enumerate(self.rates.T):
            seen = ~np.isnan(values[:, d])
            out[seen] += log_poisson(values[seen, d, None], rates)
        return out

    def maximiser(self, means):
        return {"rates": means[0]}

    def derivatives(self, mass, sums):
        return {"rates": ratio(sums, self.rates) - mass}

    def typical(self, mean):
        return [np.where(mean > 0, mean, 1.0)]

    def mean(self):
        return self.rates

    def variance(self):
        return self.rates

    def cdf(self, values):
        counts = np.floor(values)[:, None]
        return np.where(counts < 0, 0.0, gamma_cdf(np.maximum(counts, 0) + 1, self.rates)[1])

    def sample(self, states, rng):
        if (self.rates[states] > MOST_DRAWN).any():
            i, d = np.argwhere((self.rates > MOST_DRAWN) & np.isin(np.arange(len(self.rates)), states)[:, None])[0]
            raise ValueError(f"rates[{i}, {d}] = {self.rates[i, d]:g}: state {i} draws counts beyond 64 bits")
        return squeeze_feature(rng.poisson(self.rates[states]))
