"""Several components in each state, of one family or of several."""

import copy
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from ..checks import check_counts, check_frozen, check_probabilities, read_only, refuse_row_names
from ..coordinates import SIMPLEX, ratio
from ..kernels.rows import scale_rows
from ..memory import blocks
from ..statistics import log_prior, probabilities, rounded
from ..symbols import shown
from .alternatives import Alternatives, check_alternatives, density
from .base import Emission
from .constructors import Frozen, Given
from .precomputed import Precomputed
from .seeding import shares
from .tied import Tied

OUTSIDE = -1e4  # a log density for values outside a family's support, while families are assigned to clusters


class Mixture(Alternatives):
    """A mixture of several components in each state.

        b_i(o) = sum_k weights[i, k] f_ik(o)

    Parameters
    ----------
    family : the `Emission` to mix, such as Gaussian(). If it has parameters, they are those of all components: n_states
        * n rows, those of state 0 first. Or a list of families, Mixture([Gamma(), Exponential()]), which gives every
        state one component of each. Mixtures and products can be mixed, too.
    n : number of components of each state; None: 2, or the length of the list.
    weights : (n_states, n), rows summing to 1; a fit starts from them.
    frozen : ("weights",) keeps them as given; the components' own parameters are frozen in their family.

    If a value is outside the support of a component in a list, its density there is 0; a value that no component allows
    is an error. An update is a step of EM: the weight of a value is divided among the components by their posterior
    probabilities, and each component is then updated by its family. The model's pseudocount also applies to the
    weights. `components` is the family with n_states * n states, or the tuple of the families.

    >>> from chmm import Exponential, Gaussian, Mixture, Model
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]],
    ...           emission=Mixture(Gaussian([-9, 9, -1, 1], [1, 1, 1, 1]), 2, [[0.5, 0.5], [0.5, 0.5]]))
    >>> m.decode([-9.3, 8.8, 9.4, 0.7, -1.2]).path.tolist()
    [0, 0, 0, 1, 1]
    >>> Mixture([Gaussian([0, 5], [1, 1]), Exponential([0.1, 0.1])], weights=[[0.9, 0.1], [0.5, 0.5]]).n_states
    2
    """

    parameters = ("weights",)
    ranges = (SIMPLEX,)
    max_inner_iter = 200

    def __init__(
        self, family: Emission | Sequence[Emission], n: int | None = None, weights: Given = None, *,
        frozen: Frozen = (),
    ):  # fmt: skip
        self.listed = not isinstance(family, Emission)
        if not isinstance(family, Emission | list | tuple):
            raise TypeError(f"family = {shown(family)} must be an Emission such as Gaussian(), or a list of them")
        if isinstance(family, Precomputed):
            raise TypeError("Precomputed has nothing to mix: its values are the log likelihoods of whole states")
        one = (copy.deepcopy(family),) if isinstance(family, Emission) else None
        self.members = check_alternatives(family, "components") if one is None else one
        if any(map(ties, self.members)):
            raise TypeError("Tied cannot be mixed, for it ties states; put the mixture inside: Tied(Mixture(...), ...)")
        if self.listed and n not in (None, len(self.members)):
            raise ValueError(f"n = {shown(n)}; a list of {len(self.members)} families has as many components")
        if n is None:
            n = len(self.members) if self.listed else 2
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"n = {shown(n)} must be a number of components >= 1")
        self.n = int(n)
        refuse_row_names(weights, "weights")
        self.weights = None if weights is None else read_only(check_probabilities(weights, "weights", (None, self.n)))
        self.free = None if self.weights is None else self.weights > 0
        self.frozen = check_frozen(frozen, self.parameters, **self._known())
        self.pseudocount = 0.0
        for rows in (member.n_states for member in self.members):
            if rows is not None and rows % self._each:
                raise ValueError(f"the family has parameters for {rows} components, which is not a multiple of n = {n}")
            if None not in (rows, self.n_states) and rows != self.n_states * self._each:
                raise ValueError(
                    f"the family has parameters for {rows} components; "
                    f"{'the others' if weights is None else 'weights'} say {self.n_states} x {self._each}"
                )

    @property
    def n_states(self) -> int | None:
        known = (member.n_states for member in self.members if member.n_states is not None)
        rows = next(known, None)
        return len(self.weights) if self.weights is not None else None if rows is None else rows // self._each

    _each = property(lambda self: 1 if self.listed else self.n)  # each member's number of components in a state
    keys = property(lambda self: super().keys if self.listed else ("components",))
    components = property(lambda self: self.members if self.listed else self.members[0])
    family = property(lambda self: list(self.members) if self.listed else self.members[0])
    domain = property(lambda self: " or ".join(dict.fromkeys(member.domain for member in self.members)))

    def title(self, k: int) -> str:
        return f"components[{k}], {type(self.members[k]).__name__}" if self.listed else ""

    def members_states(self, n_states: int) -> int:
        return n_states * self._each

    def prepare(self, survey, n_states, pseudocount):
        self.pseudocount = pseudocount
        super().prepare(survey, n_states, pseudocount)
        if self.weights is None and all(member.complete for member in self.members):
            self.weights = read_only(np.full((n_states, self.n), 1 / self.n))

    def _parts(self, values):
        """(parts (R, n_states * n), total (R, n_states), shift (R, n_states)): the weight times the density of each
        component and the sums of these over components, all divided by exp(shift)."""
        if self.listed:
            logs = np.stack([density(member, values) for member in self.members], axis=2)
            logs = logs.reshape(len(values), self.weights.size)
        else:
            logs = self.components.log_likelihood(values)
        logs = logs + np.log(self.weights).ravel()
        parts, shift = np.empty(logs.shape), np.empty((len(logs), len(self.weights)))  # in C order; logs may not be
        lost = np.empty(shift.size, dtype=np.uint8)
        scale_rows(logs.reshape(-1, self.n), parts.reshape(-1, self.n), shift.reshape(-1), lost)
        return parts, (parts.reshape(-1, self.n) @ np.ones(self.n)).reshape(shift.shape), shift

    def log_likelihood(self, values):
        _, total, shift = self._parts(values)
        return shift + np.log(total)

    def statistics(self, values, weights):
        """counts (n_states, n), and the statistics of the components, each key prefixed with the component's."""
        total = None
        for where, block in blocks(values, self.weights.size):
            part = self._statistics(block, weights[where])
            total = part if total is None else {key: total[key] + part[key] for key in part}
        return total

    def _statistics(self, values, weights):
        share, counts = self._shared_out(values, weights)
        return {"counts": counts, **super().statistics(values, share)}

    def _shared_out(self, values, weights):
        """(share (R, n_states * n), counts (n_states, n)): the weights by component."""
        share, total, _ = self._parts(values)
        share *= np.repeat(weights / np.maximum(total, 1e-300), self.n, axis=1)
        return share, (np.ones(len(share)) @ share).reshape(self.weights.shape)

    def gradient(self, values, weights):
        slopes: dict = {}
        for where, block in blocks(values, self.weights.size):
            share, counts = self._shared_out(block, weights[where])
            part = {"weights": ratio(counts, self.weights), **super().gradient(block, share)}
            slopes = {key: slopes.get(key, 0.0) + part[key] for key in part}
        return slopes

    def shares(self, values: Any, share: np.ndarray) -> Iterator[tuple[Any, np.ndarray]]:
        """share : (R, n_states * n), the weight of each value in each component."""
        if not self.listed:
            yield values, share
            return
        for k, member in enumerate(self.members):
            inside, mine = member.inside(values), share[:, k :: self.n]
            yield (values, np.ascontiguousarray(mine)) if np.all(inside) else (values[inside], mine[inside])

    def update(self, statistics):
        counts = statistics["counts"]
        self.assign({"weights": probabilities(counts, self.weights, self.pseudocount, self.free, self.held("weights"))})
        super().update(statistics)

    def start(self, values, weights, rng):
        """Before the components are known, the values of each state are clustered."""
        if self.complete:
            return
        n_states = weights.shape[1]
        share = np.empty((len(weights), n_states, self.n))
        points = self.embed(values)
        for i in range(n_states):
            # a value that belongs mostly to another state tells nothing about the components of this one
            own = weights[:, i] * (weights[:, i] >= weights.max(axis=1))
            share[:, i] = shares(points, own if own.any() else weights[:, i], self.n, rng)
        if self.listed:
            share = self._assigned(values, share, weights, rng)
        share *= weights[:, :, None]
        if self.weights is None:
            even = np.full((n_states, self.n), 1 / self.n)
            self.weights = read_only(probabilities(share.sum(axis=0), even, self.pseudocount))
        super().start(values, share.reshape(len(share), n_states * self.n), rng)

    def _assigned(self, values, share, weights, rng):
        """The shares, with each state's clusters given to the families that explain them best."""
        inside = np.stack([np.broadcast_to(m.inside(values), len(values)) for m in self.members], axis=1)
        fits = np.empty((share.shape[1], self.n, self.n))  # of cluster c to member k in each state
        for k, member in enumerate(self.members):
            for c in range(self.n):
                mine = share[inside[:, k], :, c] * weights[inside[:, k]]
                trial = copy.deepcopy(member)
                trial.start(values[inside[:, k]], mine, rng)
                logs = trial.log_likelihood(values[inside[:, k]])
                lost = (share[~inside[:, k], :, c] * weights[~inside[:, k]]).sum(axis=0)
                fits[:, k, c] = (mine * np.maximum(logs, OUTSIDE)).sum(axis=0) + OUTSIDE * lost
        some = permutations(range(self.n)) if self.n <= 4 else (rng.permutation(self.n) for _ in range(24))
        orders = list(map(list, some))
        for i, fit in enumerate(fits):
            share[:, i] = share[:, i, max(orders, key=lambda order: fit[range(self.n), order].sum())]
        share *= inside[:, None]
        return share / np.maximum(share.sum(axis=2, keepdims=True), 1e-300)

    def log_prior(self):
        return log_prior(self.weights, self.pseudocount, self.free, self.held("weights")) + super().log_prior()

    def sample(self, states, rng):
        drawn = (rng.random(len(states))[:, None] > np.cumsum(self.weights, axis=1)[states][:, :-1]).sum(axis=1)
        return self._drawn(None, states, drawn, rng)

    def _drawn(self, values, states, component, rng):
        """Draws from these components of the states, given what is seen of `values`; None: of nothing."""

        def draw(member, rows, states):
            return member.sample(states, rng) if values is None else member.sample_given(values[rows], states, rng)

        if not self.listed:
            return draw(self.components, slice(None), states * self.n + component)
        return self.drawn(component, lambda member, rows: draw(member, rows, states[rows]))

    def placed(self, k: int, item: Any) -> Any:
        if not isinstance(item, tuple):
            return item
        state, component = (item[0], k) if self.listed else divmod(item[0], self.n)
        return state, f"component {component}, {item[1]}"

    def members_order(self, order):
        return (order[:, None] * self._each + np.arange(self._each)).ravel()

    def mean(self):
        return self._moments()[0]

    def variance(self):
        return self._moments()[1]

    def _moments(self):
        found = [[member.mean() for member in self.members], [member.variance() for member in self.members]]
        if any(table is None for tables in found for table in tables):
            return None, None
        means, variances = (self._by_component(tables) for tables in found)
        return mixed(self.weights, means, variances, self.circular)

    def _by_component(self, tables):
        """(..., n_states, n, n_features) from those of the members."""
        if self.listed:
            return np.stack(tables, axis=-2)
        *others, _, width = tables[0].shape
        return tables[0].reshape(*others, len(self.weights), self.n, width)

    def cdf(self, values):
        parts = self._by_component([member.cdf(values) for member in self.members])
        return np.einsum("ik,rikd->rid", self.weights, parts)

    def _posteriors(self, values):
        """(R, n_states, n): of the components, given what is seen of each value."""
        parts, total, _ = self._parts(values)
        whole = np.repeat(total, self.n, axis=1)
        prior = np.broadcast_to(self.weights.ravel(), parts.shape)
        share = np.where(whole > 0, parts / np.where(whole > 0, whole, 1.0), prior)
        return share.reshape(len(values), *self.weights.shape)

    def expected(self, values):
        parts = self._by_component([member.expected(values) for member in self.members])
        return np.einsum("rik,rikf->rif", self._posteriors(values), parts)

    def sample_given(self, values, states, rng):
        share = np.cumsum(self._posteriors(values)[np.arange(len(states)), states], axis=1)
        return self._drawn(values, states, (rng.random((len(states), 1)) > share[:, :-1]).sum(axis=1), rng)

    def summary(self, state):
        best = np.argsort(-self.weights[state], kind="stable")[:2]
        return "; ".join(f"{rounded(self.weights[state, k])} of {self._component(state, k)}" for k in best)

    def _component(self, state, k):
        if self.listed:
            return f"{type(self.members[k]).__name__}: {self.members[k].summary(state)}"
        return self.components.summary(state * self.n + k)

    def settings(self):
        counts = np.asarray(self.pseudocount).tolist()  # the model's, which the prior needs
        return {"n": self.n, "listed": self.listed, "pseudocount": counts, **super().settings()}

    @classmethod
    def restored(cls, settings, arrays, members):
        settings = dict(settings)
        listed, counts = settings.pop("listed"), settings.pop("pseudocount")
        if not listed and len(members) != 1:
            raise ValueError(f"it mixes one family and has {len(members)}")
        mixture = cls(members if listed else members[0], **arrays, **settings)
        mixture.pseudocount = check_counts(counts, "pseudocount")
        return mixture

    def __repr__(self):
        if self.listed:
            return f"Mixture([{', '.join(map(repr, self.members))}])"
        return f"Mixture({self.components!r}, {self.n})"


def ties(family: Emission) -> bool:
    """Whether the family, or one that it is made of, ties states."""
    return isinstance(family, Tied) or any(map(ties, family.members))


def mixed(weights, means, variances, circular=False):
    """(means, variances) (..., D) of mixtures: weights (..., K) of components with means and variances (..., K, D).

    Of angles, directions and circular variances: 1 - the length of the mean vector.
    """
    weights = np.asarray(weights)[..., None]

    def average(table):
        return np.where(weights > 0, weights * table, 0.0).sum(axis=-2)  # what has no weight may be infinite

    with np.errstate(all="ignore"):
        mean = average(means)
        variance = np.where(np.isfinite(mean), average(variances + (means - mean[..., None, :]) ** 2), np.inf)
        if np.any(circular):
            vector = average((1 - variances) * np.exp(1j * means))
            mean = np.where(circular, np.angle(vector), mean)
            variance = np.where(circular, np.maximum(1 - np.abs(vector), 0.0), variance)
    return mean, variance
