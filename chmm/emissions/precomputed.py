"""Log likelihoods that something else has computed."""

import numpy as np

from .base import Emission, Observed


class Precomputed(Emission):
    """Values that are the log likelihoods themselves: log b_i(o_t) = X[t, i], from a neural network, say.

    A sequence is an array (n_steps, n_states). Only differences between states tell them apart, so log posteriors
    divided by class frequencies do as well. -inf: impossible in this state. A row of NaN is a missing step. There is
    nothing to learn here (fit learns the chain), and nothing to draw.

    >>> import numpy as np
    >>> from chmm import Model, Precomputed
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Precomputed())
    >>> m.decode(np.log([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]])).path.tolist()
    [0, 0, 0]
    """

    complete = True
    n_states = None
    domain = "log likelihoods below infinity"

    def observe(self, data):
        values = (
            np.asarray(data.values, dtype=np.float64) if data.kind in ("numbers", "integers") else self.numbers(data)
        )
        values = values.reshape(len(values), -1)
        wrong = (values == np.inf) | (np.isnan(values) & ~np.isnan(values).all(axis=1, keepdims=True))
        if wrong.any():
            t, i = np.argwhere(wrong)[0].tolist()
            raise ValueError(
                f"X, {data.where(t)}, state {i}: {values[t, i]} is no log likelihood; -inf is impossible, "
                "a whole row of NaN is missing"
            )
        missing = np.isnan(values).all(axis=1)
        index = np.cumsum(~missing, dtype=np.int32) - 1
        index[missing] = len(values) - missing.sum()
        return Observed(np.ascontiguousarray(values[~missing]), index, False)

    def log_likelihood(self, values):
        return values

    def statistics(self, values, weights):
        return {}

    def update(self, statistics):
        pass

    def summary(self, state):
        return "log likelihoods as given"

    @classmethod
    def restored(cls, settings, arrays):
        return cls()
