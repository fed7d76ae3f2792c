"""Vectors of counts: the number of times that each of D symbols was drawn."""

import numpy as np

from ..checks import check_counts, check_frozen, check_probabilities, read_only, refuse_row_names
from ..symbols import shown
from .constructors import Frozen, Given
from .exponential_family import MINUS_INFINITY, log_factorial, not_counts, with_infinities
from .special import beta_cdf, log_poisson, stirling
from .table import Table

LARGE = 1e6  # counts up to here lose nothing as a matrix product


class Multinomial(Table):
    """Count vectors: how often each symbol occurred among the n = sum_d o_d draws of a step.

        log b_i(o) = log n! - sum_d log o_d! + sum_d o_d log probs[i, d]

    For one symbol per step use `Categorical`.

    Parameters
    ----------
    probs : (n_states, n_symbols), rows summing to 1; a fit starts from given values. A given 0 is structural and stays
        0. n itself is not modelled.
    pseudocount : added to every count; a number or an array that broadcasts to `probs`; None: the model's. The
        maximiser is probs[i, d] = (weight of counts d + pseudocount) / (sum over d).
    n_draws : the n for vectors that `sample` draws.
    frozen : ("probs",) keeps them as given.

    >>> import numpy as np
    >>> from chmm import Model, Multinomial
    >>> topics = Multinomial([[0.9, 0.1], [0.2, 0.8]])
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.8, 0.2], [0.2, 0.8]], emission=topics)
    >>> m.decode(np.array([[5, 1], [4, 0], [1, 6]])).path.tolist()
    [0, 0, 1]
    """

    domain = "counts 0, 1, 2 ..."

    def __init__(self, probs: Given = None, *, pseudocount: float | None = None, n_draws: int = 1, frozen: Frozen = ()):
        refuse_row_names(probs, "probs")
        self.probs = None if probs is None else read_only(check_probabilities(probs, "probs", (None, None)))
        self.free = None if self.probs is None else self.probs > 0
        self.pseudocount = None if pseudocount is None else check_counts(pseudocount, "Multinomial's pseudocount")
        if isinstance(n_draws, bool) or not isinstance(n_draws, int | np.integer) or not 0 <= n_draws < 2**63:
            raise ValueError(f"n_draws = {shown(n_draws)} must be an integer from 0 to 2**63 - 1")
        self.n_draws = int(n_draws)
        self.frozen = check_frozen(frozen, self.parameters, **self._known())

    def survey(self, data):
        if self.numbers(data).shape[1] == 1:
            raise ValueError(
                "X has one column; Multinomial takes a count for each symbol, (T, n_symbols); "
                "for one symbol a step use Categorical()"
            )

    def support(self, values):
        return ~not_counts(values)

    def embed(self, values):
        return values / np.maximum(values.sum(axis=1, keepdims=True), 1)

    def log_likelihood(self, values):
        n = values.sum(axis=1, keepdims=True)
        if n.max(initial=0) > LARGE:  # Poisson counts with means n probs, given that they add up to n
            parts = [log_poisson(o[:, None], n * p) for o, p in zip(values.T, self.probs.T, strict=True)]
            return sum(parts, stirling(n))
        out = values @ np.maximum(np.log(self.probs), MINUS_INFINITY).T
        out += (log_factorial(values.sum(axis=1)) - log_factorial(values).sum(axis=1))[:, None]
        return with_infinities(out)

    def statistics(self, values, weights):
        return {"counts": weights.T @ values}

    def report(self, statistics):
        impossible = np.flatnonzero(self.probs.max(axis=0) == 0).tolist()
        return {"impossible_symbols": impossible} if impossible else {}

    def settings(self):
        return {"pseudocount": np.asarray(self.pseudocount).tolist(), "n_draws": self.n_draws, **super().settings()}

    def mean(self):
        """Of vectors of `n_draws` counts."""
        return self.n_draws * self.probs

    def variance(self):
        return self.n_draws * self.probs * (1 - self.probs)

    def cdf(self, values):
        """Of vectors of `n_draws` counts; each column is binomial."""
        counts, n, p = np.floor(values)[:, None], self.n_draws, self.probs
        inside = np.clip(counts, 0, n - 1)
        tail = beta_cdf(n - inside, inside + 1, 1 - p, p)[0]
        return np.where(counts < 0, 0.0, np.where(counts >= n, 1.0, tail))

    def sample(self, states, rng):
        return rng.multinomial(self.n_draws, self.probs[states])
