"""Counts that vary more than Poisson's."""

import numpy as np

from .base import Emission, Survey, check_frozen, check_parameter, same_shape
from .exponential_family import MINUS_INFINITY, not_counts, squeeze_feature
from .special import digamma, log_poisson, newton, newton_ascent, stirling, trigamma

RANGE = 1e-6, 1e6


class NegativeBinomial(Emission):
    """Counts: log b_i(o) = sum_d log Gamma(o_d + r) - log Gamma(r) - log o_d! + r log p + o_d log(1 - p).

    Parameters
    ----------
    sizes : r > 0, probs : 0 < p <= 1, (n_states, n_features) or (n_states,); where a fit starts. The mean is
        r (1 - p) / p, the variance mean / p: near r = 1e6 it is Poisson's. Columns are independent given the state, and
        a missing one (NaN) says nothing.
    frozen : names of parameters that stay as given.

    The maximiser has p = r / (r + mean), and r by Newton, between 1e-6 and 1e6. The statistics are how much weight fell
    on each count that occurs in the data.

    >>> from chmm import Model, NegativeBinomial
    >>> calls = NegativeBinomial([2, 5], [0.5, 0.1])
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=calls)
    >>> m.decode([2, 0, 51, 34]).path.tolist()
    [0, 0, 1, 1]
    """

    parameters = ("sizes", "probs")
    prepared = ("levels",)
    gaps = True
    domain = "counts 0, 1, 2 ..."

    def __init__(self, sizes=None, probs=None, *, frozen=()):
        self.sizes = check_parameter(sizes, "sizes", least=RANGE[0], most=RANGE[1])
        self.probs = check_parameter(probs, "probs", above=0, most=1)
        same_shape(sizes=self.sizes, probs=self.probs)
        self.frozen = check_frozen(frozen, self.parameters, **self._known())
        self.levels = None

    def survey(self, data):
        values = self.numbers(data)
        return Survey(levels=set(np.unique(values[~np.isnan(values)]).tolist()))

    def prepare(self, survey, n_states, pseudocount):
        self.levels = np.array(sorted(survey["levels"]))

    def support(self, values):
        return ~not_counts(values)

    def embed(self, values):
        return np.log1p(values)

    def log_likelihood(self, values):
        out = np.zeros((len(values), len(self.sizes)))
        for d in range(values.shape[1]):
            seen = ~np.isnan(values[:, d])
            out[seen] += log_density(values[seen, d, None], self.sizes[:, d], self.probs[:, d])
        return out

    def statistics(self, values, weights):
        """counts (n_states, n_features, n_levels): the weight on each count in `levels`."""
        d = values.shape[1]
        counts = np.zeros((weights.shape[1], d, len(self.levels)))
        for k in range(d):
            seen = np.flatnonzero(~np.isnan(values[:, k]))
            place = np.searchsorted(self.levels, values[seen, k])
            for i in range(len(counts)):
                counts[i, k] = np.bincount(place, weights[seen, i], len(self.levels))
        return {"counts": counts}

    def update(self, statistics):
        counts = statistics["counts"]
        mass = counts.sum(axis=2)
        alive = mass > 0
        if not self.complete and not alive.all():
            counts = np.where(alive[..., None], counts, counts.sum(axis=0) + 1e-9)
            mass, alive = counts.sum(axis=2), np.ones_like(alive)
        share = counts / np.where(alive, mass, 1.0)[..., None]
        mean = share @ self.levels
        r = (
            self.sizes
            if self.is_frozen("sizes")
            else self._sizes(share, mean, self.probs if self.is_frozen("probs") else None)
        )
        self.assign({"sizes": r, "probs": r / (r + mean)}, alive)

    def _sizes(self, share, mean, probs):
        used = self.levels

        def value(r):
            p = r / (r + mean) if probs is None else probs
            return (share * np.maximum(log_density(used, r[..., None], p[..., None]), MINUS_INFINITY)).sum(axis=-1)

        def step(r):
            r = r[..., 0]
            gradient = (share * digamma(used + r[..., None])).sum(axis=-1) - digamma(r)
            curvature = (share * trigamma(used + r[..., None])).sum(axis=-1) - trigamma(r)
            if probs is None:
                gradient = gradient - np.log1p(mean / r)
                curvature = curvature + mean / (r * (r + mean))
            else:
                gradient = gradient + np.log(probs)
            return newton(gradient, curvature, r)[..., None]

        if self.sizes is not None:
            start = self.sizes
        else:
            # mean + mean^2 / r is the variance
            scale = np.where(mean > 0, mean, 1.0)
            excess = (share * (used / scale[..., None] - 1) ** 2).sum(axis=-1) - 1 / scale
            start = np.where(excess > 0, 1 / np.where(excess > 0, excess, 1.0), 100.0)
        return newton_ascent(start[..., None], lambda r: value(r[..., 0]), step, *RANGE)[..., 0]

    def sample(self, states, rng):
        try:
            return squeeze_feature(rng.negative_binomial(self.sizes[states], self.probs[states]))
        except ValueError as error:
            mean = (self.sizes * (1 - self.probs) / self.probs).max()
            raise ValueError(f"the largest mean is {mean:g}: such counts are beyond 64 bits, and not drawn") from error


def log_density(x, r, p):
    """r of x + r Bernoulli draws succeed, the last one among them: x and r given x + r, as Poisson's."""
    n = x + r
    return np.log(r / n) + log_poisson(r, n * p) + log_poisson(x, n - n * p) + stirling(n)
