"""Vectors of marks: each is there or not."""

import numpy as np

from ..statistics import check_pseudocount
from .base import check_parameter
from .exponential_family import ExponentialFamily, log, squeeze_feature


class Bernoulli(ExponentialFamily):
    """Marks, 0 or 1, independent given the state: log b_i(o) = sum_d log(probs[i, d] if o_d else 1 - probs[i, d]).

    Parameters
    ----------
    probs : (n_states, n_features), the probability of each mark; where a fit starts. A missing mark (NaN) says nothing.
        A given 0 or 1 is structural and stays.
    pseudocount : added to the counts of 0 and of 1; None: the model's. The maximiser is
        probs[i, d] = (weight of the marks + pseudocount) / (weight + 2 pseudocount).
    frozen : ("probs",) keeps them as given.

    Rows of marks recur: each distinct row is looked at once.

    >>> from chmm import Bernoulli, Model
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.8, 0.2], [0.2, 0.8]], emission=Bernoulli([[0.9, 0.1], [0.2, 0.7]]))
    >>> m.decode([[1, 0], [1, 0], [0, 1], [0, 1]]).path.tolist()
    [0, 0, 1, 1]
    """

    parameters = ("probs",)
    features = ("ones", "zeros")
    domain = "marks 0 or 1"

    def __init__(self, probs=None, *, pseudocount=None, frozen=()):
        super().__init__(frozen, probs=check_parameter(probs, "probs", least=0, most=1))
        self.free = True if self.probs is None else (self.probs > 0) & (self.probs < 1)
        self.pseudocount = None if pseudocount is None else check_pseudocount(pseudocount, "Bernoulli's pseudocount")

    def prepare(self, survey, n_states, pseudocount):
        if self.pseudocount is None:
            self.pseudocount = pseudocount

    def support(self, values):
        return (values == 0) | (values == 1)

    def sufficient_statistics(self, values):
        return [values, 1 - values]

    def natural_parameters(self):
        return [log(self.probs), log(1 - self.probs)], np.zeros(self.probs.shape)

    def maximiser(self, moments, mass):
        extra = (self.pseudocount or 0.0) / np.where(mass > 0, mass, 1.0)
        new = (moments[0] + extra) / (1 + 2 * extra)
        return {"probs": new if self.probs is None else np.where(self.free, new, self.probs)}

    def log_prior(self):
        if not self.pseudocount:
            return 0.0
        return float(self.pseudocount * (log(self.probs) + log(1 - self.probs))[self.free].sum())

    def settings(self):
        return {"pseudocount": self.pseudocount, **super().settings()}

    def sample(self, states, rng):
        return squeeze_feature((rng.random((len(states), self.probs.shape[1])) < self.probs[states]).astype(np.int64))
