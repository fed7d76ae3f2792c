"""Log likelihoods that something else has computed."""

import numpy as np

from .base import Emission
from .observing import unshared


class Precomputed(Emission):
    """Values that are themselves log likelihoods, such as the output of a neural network.

        log b_i(o_t) = X[t, i]

    A sequence is an array (n_steps, n_states). Only differences between states matter, so logarithms of posterior
    probabilities divided by class frequencies (the scaled likelihoods of hybrid models) work as well. -inf means that a
    state is impossible, and a row of NaN is a missing step. The family itself has nothing to learn (fit learns the
    chain) and nothing to sample.

    >>> import numpy as np
    >>> from chmm import Model, Precomputed
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Precomputed())
    >>> m.decode(np.log([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]])).path.tolist()
    [0, 0, 0]
    """

    complete = True
    n_states = None
    domain = "log likelihoods below infinity"

    def support(self, values):
        return values < np.inf

    def observe(self, data):
        if data.kind not in ("numbers", "integers"):
            return super().observe(data)
        values = np.asarray(data.values, dtype=np.float64)  # -inf is legal here
        values = values.reshape(len(values), -1)
        self._require_whole(data, values)
        return unshared(values, np.isnan(values).all(axis=1), {})

    def log_likelihood(self, values):
        return values

    def statistics(self, values, weights):
        return {}

    def update(self, statistics):
        pass

    def cdf(self, values):
        raise TypeError("Precomputed holds log likelihoods, and knows no distribution of values")

    def expected(self, values):
        raise TypeError("Precomputed holds log likelihoods, of which none can be said to be missing")

    def summary(self, state):
        return "log likelihoods as given"

    @classmethod
    def restored(cls, settings, arrays, members):
        return cls()
