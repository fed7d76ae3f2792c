"""Counts that vary more than those of a Poisson distribution."""

from typing import NamedTuple

import numpy as np

from ..checks import check_frozen
from ..coordinates import POSITIVE, SHARE, ratio
from ..memory import windows
from .base import Emission
from .constructors import Frozen, Given, check_parameter, check_prior, same_shape
from .exponential_family import MINUS_INFINITY, not_counts, squeeze_feature
from .special import beta_cdf, digamma, log_poisson, newton, newton_ascent_of_one, stirling, trigamma
from .survey import Survey

RANGE = 1e-6, 1e6


class NegativeBinomial(Emission):
    """Counts whose variance exceeds their mean.

        log b_i(o) = sum_d log Gamma(o_d + r) - log Gamma(r) - log o_d! + r log p + o_d log(1 - p)
        r = sizes[i, d], p = probs[i, d]

    Parameters
    ----------
    sizes, probs : r > 0 and 0 < p <= 1, (n_states, n_features) or (n_states,); a fit starts from given values. The mean
        is r (1 - p) / p, the variance mean / p; near r = 1e6 this is a Poisson distribution. Columns are independent
        given the state; a missing one (NaN) is ignored.
    prior : number of pseudo-steps, with counts distributed like those of all data, added to each state and column; if
        all data are 0, half of the pseudo-counts are 0 and half are 1.
    frozen : names of parameters to keep as given, or {name: mask}. A given p of 1 is structural and is kept.

    The maximiser has p = r / (r + mean), and r between 1e-6 and 1e6, by Newton's method. The statistics are the weight
    of each distinct count in the data.

    >>> from chmm import Model, NegativeBinomial
    >>> calls = NegativeBinomial([2, 5], [0.5, 0.1])
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=calls)
    >>> m.decode([2, 0, 51, 34]).path.tolist()
    [0, 0, 1, 1]
    """

    parameters = ("sizes", "probs")
    ranges = (POSITIVE, SHARE)
    prepared = ("levels", "reference")
    gaps = True
    domain = "counts 0, 1, 2 ..."
    counts = True

    def __init__(self, sizes: Given = None, probs: Given = None, *, prior: float = 1e-3, frozen: Frozen = ()):
        self.sizes = check_parameter(sizes, "sizes", least=RANGE[0], most=RANGE[1])
        self.probs = check_parameter(probs, "probs", above=0, most=1)
        same_shape(sizes=self.sizes, probs=self.probs)
        self.free = None if self.probs is None else self.probs < 1
        self.prior = check_prior(prior)
        self.frozen = check_frozen(frozen, self.parameters, **self._known())
        self.levels = self.reference = None

    def survey(self, data):
        values = self.numbers(data)
        parts = [tally(values[where]) for where in windows(len(values))]
        return Survey(tallies=sum(parts[1:], parts[0]))

    def prepare(self, survey, n_states, pseudocount):
        tallies = survey["tallies"]
        silent = ~(tallies.counts @ tallies.levels > 0)[:, None]
        if silent.any():
            tallies = Tallies(tallies.levels, tallies.counts * ~silent) + Tallies(np.arange(2.0), silent * [0.5, 0.5])
        self.levels = tallies.levels
        self.reference = tallies.counts / tallies.counts.sum(axis=1, keepdims=True)

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
        counts = statistics["counts"] + self.prior * self.reference
        mass = counts.sum(axis=2)
        alive = mass > 0
        share = np.where(alive[..., None], counts / mass[..., None], self.reference)
        mean = share @ self.levels
        r = self.sizes if self.is_frozen("sizes") else self._sizes(share, mean)
        r = r if self.sizes is None else np.where(self.held("sizes"), self.sizes, r)
        self.assign({"sizes": r, "probs": r / (r + mean)}, alive if self.free is None else alive & self.free)

    def gradient(self, values, weights):
        by_size, by_prob = np.zeros(self.sizes.shape), np.zeros(self.probs.shape)
        for d in range(values.shape[1]):
            seen = ~np.isnan(values[:, d])
            x, w, r, p = values[seen, d], weights[seen], self.sizes[:, d], self.probs[:, d]
            mass = w.sum(axis=0)
            by_size[:, d] = (w * (digamma(x[:, None] + r) - digamma(r))).sum(axis=0) + mass * np.log(p)
            by_prob[:, d] = mass * r / p - ratio(w.T @ x, 1 - p)
        return {"sizes": by_size, "probs": by_prob}

    def _sizes(self, share, mean):
        used, held = self.levels, self.held("probs")

        def probs(r):
            best = r / (r + mean)
            return np.where(held, self.probs, best) if np.any(held) else best

        def value(r):
            p = probs(r)
            return (share * np.maximum(log_density(used, r[..., None], p[..., None]), MINUS_INFINITY)).sum(axis=-1)

        def step(r):
            gradient = (share * digamma(used + r[..., None])).sum(axis=-1) - digamma(r) + np.log(probs(r))
            curvature = (share * trigamma(used + r[..., None])).sum(axis=-1) - trigamma(r)
            return newton(gradient, curvature + np.where(held, 0.0, mean / (r * (r + mean))), r)

        if self.sizes is not None:
            start = self.sizes
        else:
            # mean + mean^2 / r is the variance
            scale = np.where(mean > 0, mean, 1.0)
            excess = (share * (used / scale[..., None] - 1) ** 2).sum(axis=-1) - 1 / scale
            start = np.where(excess > 0, 1 / np.where(excess > 0, excess, 1.0), 100.0)
        return newton_ascent_of_one(start, value, step, *RANGE)

    def log_prior(self):
        if not self.prior or self.levels is None:
            return 0.0
        logs = log_density(self.levels, self.sizes[..., None], self.probs[..., None])
        terms = (self.reference * np.maximum(logs, MINUS_INFINITY)).sum(axis=-1)
        return self.prior * float(terms.sum() if self.free is None else terms[self.free].sum())

    def report(self, statistics):
        return super().report({"weights": statistics["counts"].sum(axis=2)})

    def limits(self):
        return {"sizes": RANGE}

    def mean(self):
        return self.sizes * (1 - self.probs) / self.probs

    def variance(self):
        return self.mean() / self.probs

    def cdf(self, values):
        counts = np.floor(values)[:, None]
        tail = beta_cdf(self.sizes, np.maximum(counts, 0) + 1, self.probs, 1 - self.probs)[0]
        return np.where(counts < 0, 0.0, tail)

    def sample(self, states, rng):
        try:
            return squeeze_feature(rng.negative_binomial(self.sizes[states], self.probs[states]))
        except ValueError as error:
            mean = (self.sizes * (1 - self.probs) / self.probs).max()
            raise ValueError(f"the largest mean is {mean:g}: such counts are beyond 64 bits, and not drawn") from error


def log_density(x, r, p):
    """Of x + r Bernoulli draws, r succeed, among them the last: x and r as Poisson counts that add up to x + r."""
    n = x + r
    return np.log(r / n) + log_poisson(r, n * p) + log_poisson(x, n * (1 - p)) + stirling(n)


class Tallies(NamedTuple):
    """The frequencies in each column of all counts that occur in any; `+` pools two samples."""

    levels: np.ndarray  # (L,), ascending
    counts: np.ndarray  # (D, L)

    def __add__(self, other):
        levels = np.union1d(self.levels, other.levels)
        counts = np.zeros((len(self.counts), len(levels)))
        for part in (self, other):
            counts[:, np.searchsorted(levels, part.levels)] += part.counts
        return Tallies(levels, counts)


def tally(values):
    levels = np.unique(values[~np.isnan(values)])
    codes = np.searchsorted(levels, values)  # NaN sorts last
    return Tallies(levels, np.array([np.bincount(c, minlength=len(levels) + 1)[: len(levels)] for c in codes.T], float))
