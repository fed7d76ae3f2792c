"""Several components of one family in each state."""

import copy

import numpy as np

from ..checks import check_probabilities
from ..kernels.rows import scale_rows
from ..memory import blocks
from ..statistics import log_prior, probabilities, rounded
from ..symbols import shown
from .base import Emission, check_frozen, read_only
from .composite import Composite
from .exponential_family import log
from .precomputed import Precomputed
from .seeding import shares


class Mixture(Composite):
    """A mixture of n members of a family in each state: b_i(o) = sum_k weights[i, k] f(o; components[i * n + k]).

    Parameters
    ----------
    family : the `Emission` to mix, such as Gaussian(). With parameters, these are of all components: n_states * n rows,
        those of state 0 first. Mixtures and products mix as well.
    n : number of components of each state.
    weights : (n_states, n), rows summing to 1; where a fit starts.
    frozen : ("weights",) keeps them; the components' own parameters are frozen in `family`.

    An update is a step of EM: a value's weight is shared among the components by their posteriors, then each component
    takes its family's own update. The model's pseudocount counts for the weights too. `components` is the family with
    n_states * n states.

    >>> from chmm import Gaussian, Mixture, Model
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]],
    ...           emission=Mixture(Gaussian([-9, 9, -1, 1], [1, 1, 1, 1]), 2, [[0.5, 0.5], [0.5, 0.5]]))
    >>> m.decode([-9.3, 8.8, 9.4, 0.7, -1.2]).path.tolist()
    [0, 0, 0, 1, 1]
    """

    parameters = ("weights",)
    max_inner_iter = 200

    def __init__(self, family, n=2, weights=None, *, frozen=()):
        if not isinstance(family, Emission):
            raise TypeError(f"family = {shown(family)} must be an Emission such as Gaussian()")
        if isinstance(family, Precomputed):
            raise TypeError("Precomputed has nothing to mix: its values are the log likelihoods of whole states")
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"n = {shown(n)} must be a number of components >= 1")
        self.n = int(n)
        self.members = (copy.deepcopy(family),)
        self.weights = None if weights is None else read_only(check_probabilities(weights, "weights", (None, self.n)))
        self.free = None if self.weights is None else self.weights > 0
        self.frozen = check_frozen(frozen, self.parameters, **self._known())
        self.pseudocount = 0.0
        rows = self.components.n_states
        if rows is not None and rows % self.n:
            raise ValueError(f"the family has parameters for {rows} components, which is no multiple of n = {self.n}")
        if None not in (rows, self.n_states) and rows != self.n_states * self.n:
            raise ValueError(
                f"the family has parameters for {rows} components; weights say {len(self.weights)} x {self.n}"
            )

    @property
    def n_states(self):
        if self.weights is not None:
            return len(self.weights)
        return None if self.components.n_states is None else self.components.n_states // self.n

    keys = ("components",)
    components = property(lambda self: self.members[0])
    kind = property(lambda self: self.components.kind)
    gaps = property(lambda self: self.components.gaps)
    domain = property(lambda self: self.components.domain)
    n_features = property(lambda self: self.components.n_features)

    def title(self, k):
        return ""

    def members_states(self, n_states):
        return n_states * self.n

    def prepare(self, survey, n_states, pseudocount):
        self.pseudocount = pseudocount
        super().prepare(survey, n_states, pseudocount)
        if self.weights is None and self.components.complete:
            self.weights = read_only(np.full((n_states, self.n), 1 / self.n))

    def observe(self, data):
        return self.components.observe(data)

    def inside(self, values):
        return self.components.inside(values)

    def misfit(self, values, r, names=None):
        return self.components.misfit(values, r, names)

    def embed(self, values):
        return self.components.embed(values)

    def alphabet(self):
        return self.components.alphabet()

    def _parts(self, values):
        """(parts (R, n_states * n), total (R, n_states), shift (R, n_states)): weight times density of each component,
        and their sums, by exp(shift)."""
        logs = self.components.log_likelihood(values) + log(self.weights).ravel()
        parts, shift = np.empty(logs.shape), np.empty((len(logs), len(self.weights)))  # by rows, unlike some logs
        lost = np.empty(shift.size, dtype=np.uint8)
        scale_rows(logs.reshape(-1, self.n), parts.reshape(-1, self.n), shift.reshape(-1), lost)
        return parts, (parts.reshape(-1, self.n) @ np.ones(self.n)).reshape(shift.shape), shift

    def log_likelihood(self, values):
        _, total, shift = self._parts(values)
        return shift + log(total)

    def statistics(self, values, weights):
        """counts (n_states, n), and the components' statistics, each key with "components." before it."""
        total = None
        for where, block in blocks(values, self.weights.size):
            part = self._statistics(block, weights[where])
            total = part if total is None else {key: total[key] + part[key] for key in part}
        return total

    def _statistics(self, values, weights):
        share, total, _ = self._parts(values)
        share *= np.repeat(weights / np.maximum(total, 1e-300), self.n, axis=1)
        inner = self.components.statistics(values, share)
        counts = (np.ones(len(share)) @ share).reshape(self.weights.shape)
        return {"counts": counts, **{f"components.{key}": value for key, value in inner.items()}}

    def update(self, statistics):
        counts = statistics["counts"]
        self.assign({"weights": probabilities(counts, self.weights, self.pseudocount, self.free, self.held("weights"))})
        super().update(statistics)

    def start(self, values, weights, rng):
        """Who takes what before there are components: clusters within each state."""
        if self.complete:
            return
        n_states = weights.shape[1]
        share = np.empty((len(weights), n_states, self.n))
        points = self.embed(values)
        for i in range(n_states):
            # what is mostly another state's says nothing of this one's components
            own = weights[:, i] * (weights[:, i] >= weights.max(axis=1))
            share[:, i] = shares(points, own if own.any() else weights[:, i], self.n, rng)
        share *= weights[:, :, None]
        if self.weights is None:
            even = np.full((n_states, self.n), 1 / self.n)
            self.weights = read_only(probabilities(share.sum(axis=0), even, self.pseudocount))
        self.components.start(values, share.reshape(len(share), n_states * self.n), rng)

    def log_prior(self):
        return log_prior(self.weights, self.pseudocount, self.free, self.held("weights")) + super().log_prior()

    def sample(self, states, rng):
        drawn = rng.random(len(states))[:, None] > np.cumsum(self.weights, axis=1)[states][:, :-1]
        return self.components.sample(states * self.n + drawn.sum(axis=1), rng)

    def describe(self, data, t):
        return self.components.describe(data, t)

    def placed(self, k, item):
        if not isinstance(item, tuple):
            return item
        return item[0] // self.n, f"component {item[0] % self.n}, {item[1]}"

    def reordered(self, order):
        other = super().reordered(order)
        inside = (np.asarray(order)[:, None] * self.n + np.arange(self.n)).ravel()
        other.members = (self.components.reordered(inside),)
        return other

    def mean(self):
        means = self.components.mean()
        return None if means is None else np.einsum("ik,ikd->id", self.weights, self._by_state(means))

    def variance(self):
        means, variances = self.components.mean(), self.components.variance()
        if means is None or variances is None:
            return None
        apart = self._by_state(means) - self.mean()[:, None]
        return np.einsum("ik,ikd->id", self.weights, self._by_state(variances) + apart**2)

    def _by_state(self, table):
        return table.reshape(len(self.weights), self.n, -1)

    def summary(self, state):
        best = np.argsort(-self.weights[state], kind="stable")[:2]
        told = [(self.weights[state, k], self.components.summary(state * self.n + k)) for k in best]
        return "; ".join(f"{rounded(weight)} of {component}" for weight, component in told)

    def settings(self):
        return {"n": self.n, **super().settings()}

    @classmethod
    def made_of(cls, members, settings, arrays):
        return cls(*members, **arrays, **settings)

    def __repr__(self):
        return f"Mixture({self.components!r}, {self.n})"
