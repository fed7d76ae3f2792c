"""Vectors of marks, each of which is present or absent."""

from typing import Any

import numpy as np

from ..coordinates import SHARE, ratio
from .constructors import Frozen, Given, check_parameter
from .exponential_family import ExponentialFamily, squeeze_feature


class Bernoulli(ExponentialFamily):
    """Binary features, 0 or 1, independent given the state.

        log b_i(o) = sum_d log(probs[i, d] if o_d else 1 - probs[i, d])

    Parameters
    ----------
    probs : (n_states, n_features), the probability of a 1; a fit starts from given values. A given 0 or 1 is structural
        and is kept. A missing feature (NaN) is ignored.
    prior : number of pseudo-steps, half 0 and half 1, added to each state and column.
    frozen : ("probs",) keeps them as given; {"probs": mask} keeps some of them.

    The maximiser is probs[i, d] = (weight of the ones + prior / 2) / (weight + prior).

    >>> import numpy as np
    >>> from chmm import Bernoulli, Model
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.8, 0.2], [0.2, 0.8]], emission=Bernoulli([[0.9, 0.1], [0.2, 0.7]]))
    >>> m.decode(np.array([[1, 0], [1, 0], [0, 1], [0, 1]])).path.tolist()
    [0, 0, 1, 1]
    """

    parameters = ("probs",)
    ranges = (SHARE,)
    probs: Any
    features = ("ones", "zeros")
    domain = "marks 0 or 1"

    def __init__(self, probs: Given = None, *, prior: float = 1e-3, frozen: Frozen = ()):
        super().__init__(prior, frozen, probs=check_parameter(probs, "probs", least=0, most=1))
        self.free = None if self.probs is None else (self.probs > 0) & (self.probs < 1)

    def support(self, values):
        return (values == 0) | (values == 1)

    def sufficient_statistics(self, values):
        return [values, 1 - values]

    def natural_parameters(self):
        return [np.log(self.probs), np.log(1 - self.probs)], np.zeros(self.probs.shape)

    def maximiser(self, means):
        return {"probs": means[0] / (means[0] + means[1])}

    def derivatives(self, mass, ones, zeros):
        return {"probs": ratio(ones, self.probs) - ratio(zeros, 1 - self.probs)}

    def typical(self, ones, zeros):
        return np.full((2, *ones.shape), 0.5)

    def mean(self):
        return self.probs

    def variance(self):
        return self.probs * (1 - self.probs)

    def cdf(self, values):
        return np.where(values[:, None] < 1, np.where(values[:, None] < 0, 0.0, 1 - self.probs), 1.0)

    def sample(self, states, rng):
        return squeeze_feature((rng.random((len(states), self.probs.shape[1])) < self.probs[states]).astype(np.int64))
