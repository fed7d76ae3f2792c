"""Shares: numbers between 0 and 1."""

import numpy as np

from ..coordinates import POSITIVE
from .constructors import Frozen, Given, check_parameter
from .exponential_family import ExponentialFamily, squeeze_feature
from .special import beta_cdf, digamma, gammaln, newton, newton_ascent, trigamma

RANGE = 1e-6, 1e6


class Beta(ExponentialFamily):
    """Proportions, 0 < o_d < 1, by the beta distribution.

        log b_i(o) = sum_d (a - 1) log o_d + (b - 1) log(1 - o_d) - log B(a, b)

    Parameters
    ----------
    a, b : (n_states, n_features) or (n_states,), > 0; a fit starts from given values. The mean is a / (a + b). Columns
        are independent given the state, and a missing one (NaN) is ignored.
    prior : number of pseudo-steps, with the mean logarithms of all data, added to each state and column; if all data
        are the same value, with those of the uniform distribution.
    frozen : names of parameters to keep as given, or {name: mask}.

    The maximiser solves digamma(a) - digamma(a + b) = mean log o, and the same with b and 1 - o, by Newton's method
    (the problem is concave). Both stay between 1e-6 and 1e6.

    >>> from chmm import Beta, Model
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Beta([2, 8], [8, 2]))
    >>> m.decode([0.1, 0.2, 0.9, 0.7]).path.tolist()
    [0, 0, 1, 1]
    """

    parameters = ("a", "b")
    ranges = (POSITIVE, POSITIVE)
    features = ("logs", "rest_logs")
    domain = "numbers between 0 and 1, both excluded"
    placeholder = 0.5

    def __init__(self, a: Given = None, b: Given = None, *, prior: float = 1e-3, frozen: Frozen = ()):
        super().__init__(
            prior,
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

    def maximiser(self, means):
        mean = np.stack(means, axis=-1)
        held = np.stack([np.broadcast_to(self.held(name), mean.shape[:-1]) for name in ("a", "b")], axis=-1)
        coupled = ~held.any(axis=-1, keepdims=True)

        def value(ab):
            return (ab * mean).sum(axis=-1) - gammaln(ab).sum(axis=-1) + gammaln(ab.sum(axis=-1))

        def step(ab):
            # the Hessian is -diag(trigamma(ab)) + trigamma(a + b)
            slope, bend = mean - digamma(ab) + digamma(ab.sum(axis=-1, keepdims=True)), trigamma(ab)
            both = trigamma(ab.sum(axis=-1, keepdims=True))
            shared = both * (slope / bend).sum(axis=-1, keepdims=True)
            shared = shared / (1 - both * (1 / bend).sum(axis=-1, keepdims=True))
            return np.where(coupled, (slope + shared) / bend, np.where(held, 0.0, newton(slope, both - bend, ab)))

        start = np.stack([np.ones_like(mean[..., 0]) if old is None else old for old in (self.a, self.b)], axis=-1)
        ab = newton_ascent(start, value, step, *RANGE)
        return {"a": ab[..., 0], "b": ab[..., 1]}

    def derivatives(self, mass, logs, rest_logs):
        both = digamma(self.a + self.b)
        return {"a": logs + mass * (both - digamma(self.a)), "b": rest_logs + mass * (both - digamma(self.b))}

    def typical(self, mean_log, mean_rest_log):
        # the geometric means of o and of 1 - o add up to 1 only where all values are the same
        small, large = np.minimum(mean_log, mean_rest_log), np.maximum(mean_log, mean_rest_log)
        varied = -np.expm1(large) - np.exp(small) > np.exp(small) / RANGE[1]
        return [np.where(varied, mean, -1.0) for mean in (mean_log, mean_rest_log)]

    def limits(self):
        return {"a": RANGE, "b": RANGE}

    def mean(self):
        return self.a / (self.a + self.b)

    def variance(self):
        total = self.a + self.b
        return (self.a / total) * (self.b / total) / (total + 1)

    def cdf(self, values):
        shares = np.clip(values, 0.0, 1.0)[:, None]
        return beta_cdf(self.a, self.b, shares, 1 - shares)[0]

    def sample(self, states, rng):
        # drawn values round to 0 or 1 where a and b are small
        return squeeze_feature(np.clip(rng.beta(self.a[states], self.b[states]), 1e-300, 1 - 1e-16))
