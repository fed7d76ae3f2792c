"""Shares: numbers between 0 and 1."""

import numpy as np

from .base import check_parameter
from .exponential_family import ExponentialFamily, squeeze_feature
from .special import digamma, gammaln, newton, newton_ascent, trigamma

RANGE = 1e-6, 1e6


class Beta(ExponentialFamily):
    """Shares: log b_i(o) = sum_d (a - 1) log o_d + (b - 1) log(1 - o_d) - log B(a, b), 0 < o_d < 1.

    Parameters
    ----------
    a, b : (n_states, n_features) or (n_states,), > 0; where a fit starts. The mean is a / (a + b). Columns are
        independent given the state, and a missing one (NaN) says nothing.
    frozen : names of parameters that stay as given.

    The maximiser solves digamma(a) - digamma(a + b) = mean log o, and for b with 1 - o (Newton, concave). Both stay
    between 1e-6 and 1e6: a state on one single value would have an infinite density.

    >>> from chmm import Beta, Model
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Beta([2, 8], [8, 2]))
    >>> m.decode([0.1, 0.2, 0.9, 0.7]).path.tolist()
    [0, 0, 1, 1]
    """

    parameters = ("a", "b")
    features = ("logs", "rest_logs")
    domain = "numbers between 0 and 1, both excluded"
    placeholder = 0.5

    def __init__(self, a=None, b=None, *, frozen=()):
        super().__init__(
            frozen,
            a=check_parameter(a, "a", least=RANGE[0], most=RANGE[1]),
            b=check_parameter(b, "b", least=RANGE[0], most=RANGE[1]),
        )

    def support(self, values):
        return (values > 0) & (values < 1)

    def sufficient_statistics(self, values):
        return [np.log(values), np.log1p(-values)]

    def natural_parameters(self):
        return [self.a - 1, self.b - 1], gammaln(self.a + self.b) - gammaln(self.a) - gammaln(self.b)

    def maximiser(self, moments, mass):
        mean = np.stack(moments, axis=-1)

        def value(ab):
            return (ab * mean).sum(axis=-1) - gammaln(ab).sum(axis=-1) + gammaln(ab.sum(axis=-1))

        def gradient(ab):
            return mean - digamma(ab) + digamma(ab.sum(axis=-1, keepdims=True))

        def step(ab):
            # the Hessian is -diag(trigamma(ab)) + trigamma(a + b)
            slope, bend = gradient(ab), trigamma(ab)
            both = trigamma(ab.sum(axis=-1, keepdims=True))
            shared = (
                both * (slope / bend).sum(axis=-1, keepdims=True) / (1 - both * (1 / bend).sum(axis=-1, keepdims=True))
            )
            return (slope + shared) / bend

        def one(k):
            def step_of_one(ab):
                curvature = trigamma(ab.sum(axis=-1, keepdims=True)) - trigamma(ab)
                return np.where(np.arange(2) == k, newton(gradient(ab), curvature, ab), 0.0)

            return step_of_one

        start = np.stack([np.ones_like(mean[..., 0]) if old is None else old for old in (self.a, self.b)], axis=-1)
        if self.is_frozen("a") or self.is_frozen("b"):
            step = one(1 if self.is_frozen("a") else 0)
        ab = newton_ascent(start, value, step, *RANGE)
        return {"a": ab[..., 0], "b": ab[..., 1]}

    def sample(self, states, rng):
        # drawn values round to 0 or 1 where a and b are small
        return squeeze_feature(np.clip(rng.beta(self.a[states], self.b[states]), 1e-300, 1 - 1e-16))
