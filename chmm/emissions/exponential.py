"""Waiting times."""

import numpy as np

from ..coordinates import POSITIVE
from .constructors import Frozen, Given, check_parameter
from .exponential_family import ExponentialFamily, squeeze_feature

LARGEST = 1e12  # of a rate, times the mean of all data


class Exponential(ExponentialFamily):
    """Waiting times, o_d >= 0.

        log b_i(o) = sum_d log rates[i, d] - rates[i, d] o_d

    Parameters
    ----------
    rates : (n_states, n_features) or (n_states,), > 0; a fit starts from given values. Columns are independent given
        the state, and a missing one (NaN) is ignored.
    prior : number of pseudo-steps, with the mean of all data (1 if that is 0), added to each state and column.
    frozen : ("rates",) keeps them as given; {"rates": mask} keeps some of them.

    The maximiser is 1 / weighted mean. With `prior=0` it is limited to 1e12 / mean of all data, because a state with
    only zeros would have an infinite density.

    >>> from chmm import Exponential, Model
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Exponential([10, 0.1]))
    >>> m.decode([0.1, 0.05, 12, 7]).path.tolist()
    [0, 0, 1, 1]
    """

    parameters = ("rates",)
    ranges = (POSITIVE,)
    features = ("sums",)
    domain = "numbers >= 0"

    def __init__(self, rates: Given = None, *, prior: float = 1e-3, frozen: Frozen = ()):
        super().__init__(prior, frozen, rates=check_parameter(rates, "rates", above=0, most=1e300))

    def support(self, values):
        return values >= 0

    def embed(self, values):
        return values**0.25  # nearly normal

    def sufficient_statistics(self, values):
        return [values]

    def natural_parameters(self):
        return [-self.rates], np.log(self.rates)

    def maximiser(self, means):
        return {"rates": 1 / np.maximum(means[0], self.reference[0] / LARGEST)}

    def derivatives(self, mass, sums):
        return {"rates": mass / self.rates - sums}

    def typical(self, mean):
        return [np.where(mean > 0, mean, 1.0)]

    def limits(self):
        return {"rates": (-np.inf, LARGEST / self.reference[0])}

    def mean(self):
        return 1 / self.rates

    def variance(self):
        return 1 / self.rates**2

    def cdf(self, values):
        return -np.expm1(-np.maximum(values, 0.0)[:, None] * self.rates)

    def sample(self, states, rng):
        return squeeze_feature(rng.exponential(1 / self.rates[states]))
