"""Values with zeros that have a cause of their own."""

import copy
from dataclasses import replace

import numpy as np

from ..checks import check_frozen, read_only
from ..coordinates import SHARE, ratio
from ..symbols import shown
from .alternatives import Alternatives
from .base import Emission
from .bernoulli import Bernoulli
from .constructors import Frozen, Given, check_parameter, check_prior
from .exponential_family import MINUS_INFINITY, with_infinities
from .mixture import Mixture, mixed
from .multinomial import Multinomial
from .precomputed import Precomputed
from .special import from_minus_pi


class ZeroInflated(Alternatives):
    """A family, plus zeros with a separate cause.

        b_i(o) = prod_d (zeros[i, d] [o_d = 0] + (1 - zeros[i, d]) f_i(o_d))

    Parameters
    ----------
    family : the `Emission` of all other values, such as Gamma(), Poisson() or Gaussian(), or a Mixture.
    zeros : (n_states, n_features) or (n_states,), the probability of a zero with the separate cause, for each state and
        column; a fit starts from given values. A given 0 or 1 is structural and is kept.
    prior : number of pseudo-steps, half of them zeros, added to each state and column; the family has its own prior.
    frozen : ("zeros",) keeps them as given; {"zeros": mask} keeps some of them.

    With measurements, every 0 has the separate cause: the family is learnt from the other values, and
    zeros[i, d] = (weight of zeros + prior / 2) / (weight of all + prior). (This combines a probability with a density,
    so do not compare log P with that of a model without zero inflation.) With counts, a 0 may also come from the
    family; the cause is hidden, and an update is a step of EM. `family` is the learnt family.

    Put it inside a mixture, a product or a family for one state: Mixture(ZeroInflated(Gamma()), 2),
    Product(rain=ZeroInflated(Gamma()), wind=Gamma()).

    >>> from chmm import Gamma, Model, ZeroInflated
    >>> rain = ZeroInflated(Gamma([1, 3], [2, 0.2]), zeros=[0.9, 0.1])
    >>> m = Model(states=["dry", "wet"], startprob=[0.5, 0.5], transmat=[[0.8, 0.2], [0.2, 0.8]], emission=rain)
    >>> m.decode([0, 0, 0.3, 0, 12.1, 0, 15.4, 7.7]).path.tolist()
    ['dry', 'dry', 'dry', 'dry', 'wet', 'wet', 'wet', 'wet']
    """

    parameters = ("zeros",)
    ranges = (SHARE,)
    keys = ("family",)
    family = property(lambda self: self.members[0])
    domain = property(lambda self: f"0, or {self.family.domain}")
    # whose zero it is depends on the parameters
    max_inner_iter = property(lambda self: 200 if self.counts else self.family.max_inner_iter)

    def __init__(self, family: Emission, zeros: Given = None, *, prior: float = 1e-3, frozen: Frozen = ()):
        known = isinstance(family, Emission) and not isinstance(family, Bernoulli | Multinomial | Precomputed)
        if not known or family.kind != "numbers" or (family.members and not isinstance(family, Mixture)):
            raise TypeError(
                f"family = {shown(family)} must be a family of measurements or counts, such as Gamma(), or a Mixture; "
                "Tied, Product and PerState go around it: Tied(ZeroInflated(Gamma()), [0, 0, 1])"
            )
        self.members = (copy.deepcopy(family),)
        self.zeros = check_parameter(zeros, "zeros", least=0, most=1)
        self.free = None if self.zeros is None else (self.zeros > 0) & (self.zeros < 1)
        self.prior = check_prior(prior)
        self.frozen = check_frozen(frozen, self.parameters, **self._known())
        for what, axis in (("states", 0), ("features", 1)):
            inner = getattr(family, f"n_{what}")
            if inner is not None and self.zeros is not None and inner != self.zeros.shape[axis]:
                raise ValueError(f"the family has parameters for {inner} {what}; zeros has shape {self.zeros.shape}")

    @property
    def n_states(self):
        return self.family.n_states if self.zeros is None else len(self.zeros)

    @property
    def n_features(self):
        return self.family.n_features if self.zeros is None else self.zeros.shape[1]

    def title(self, k):
        return ""

    # Data -----------------------------------------------------------------------------------------------------------

    def support(self, values):
        return (values == 0) | self.family.support(values)

    inside, misfit = Emission.inside, Emission.misfit

    def observe(self, data):
        seen = self.family.observe(data)
        d = seen.distinct.shape[1]
        if d > 1 and (not self.family.gaps or (self.counts and self.family.members)):
            raise ValueError(
                f"X has {d} columns, of which {self.family!r} cannot leave out one; give each column a family of its "
                "own: Product(ZeroInflated(...), ...), or mix outside: Mixture(ZeroInflated(...), 2)"
            )
        return seen

    def parts(self, data):
        values = self.numbers(data)
        if self.counts or not (values == 0).any():
            return [data]
        return [replace(data, values=without_zeros(values), kind="numbers", missing=None)]

    def embed(self, values):
        """The family's points; zeros of measurements are missing there, and have a column of their own."""
        if self.counts:
            return self.family.embed(values)
        zero = values == 0
        return np.hstack([self.family.embed(without_zeros(values)), zero])

    # The four methods -----------------------------------------------------------------------------------------------

    @property
    def _at_zero(self):
        """(D, D): a zero in one column, the others missing."""
        n = self.n_features or 1
        return np.where(np.eye(n, dtype=bool), 0.0, np.nan)

    def _own(self):
        """log f_i(0), (n_states, n_features)."""
        return self.family.log_likelihood(self._at_zero).T if self.counts else np.full(self.zeros.shape, -np.inf)

    def log_likelihood(self, values):
        zero, seen = values == 0, ~np.isnan(values)
        rest = without_zeros(values)
        some = (seen & ~zero).any(axis=1)
        out = np.zeros((len(values), len(self.zeros)))
        out[some] = self.family.log_likelihood(rest[some])
        at_zero = np.logaddexp(np.log(self.zeros), np.log1p(-self.zeros) + self._own())
        factors = np.maximum(np.hstack([at_zero, np.log1p(-self.zeros)]), MINUS_INFINITY)
        return with_infinities(np.maximum(out, MINUS_INFINITY) + np.hstack([zero, seen & ~zero]) @ factors.T)

    def _other_cause(self, shape):
        """(n_states, n_features), the probability that a zero is not the family's."""
        if not self.counts:
            return np.ones(shape)
        if not self.family.complete:
            return np.where(self.zeros > 0, 0.5, 0.0)
        other, own = np.log(self.zeros), np.log1p(-self.zeros) + self._own()
        return np.where(self.zeros > 0, np.exp(other - np.logaddexp(other, own)), 0.0)

    def statistics(self, values, weights):
        """Weights (n_states, n_features) of zeros of the other cause, and of the rest, and the family's statistics."""
        mine, rest = self._counts(values, weights)
        return {"zeros.counts": mine, "rest.counts": rest, **super().statistics(values, weights)}

    def _counts(self, values, weights):
        zero, mass = weights.T @ (values == 0), weights.T @ ~np.isnan(values)
        mine = zero * self._other_cause(zero.shape)
        return mine, mass - mine

    def shares(self, values, weights):
        rest = without_zeros(values)
        some = ~np.isnan(rest).all(axis=1)
        rest, kept = rest[some], weights[some]
        if self.counts and not (values != 0).all():
            zero = weights.T @ (values == 0)
            own = zero * (1 - self._other_cause(zero.shape))
            rest, kept = np.vstack([rest, self._at_zero]), np.vstack([kept, own.T])
        return [(rest, kept)]

    def gradient(self, values, weights):
        mine, rest = self._counts(values, weights)
        slope = ratio(mine, self.zeros) - ratio(rest, 1 - self.zeros)
        return {"zeros": slope, **super().gradient(values, weights)}

    def update(self, statistics):
        mine, rest = statistics["zeros.counts"], statistics["rest.counts"]
        total = mine + rest + self.prior
        new = np.where(total > 0, (mine + self.prior / 2) / np.where(total > 0, total, 1.0), 0.5)
        self.assign({"zeros": new}, (total > 0) & (True if self.free is None else self.free))
        super().update(statistics)

    def start(self, values, weights, rng):
        if self.complete:
            return
        if self.zeros is None:
            zero, mass = weights.T @ (values == 0), weights.T @ ~np.isnan(values)
            self.zeros = read_only(((0.5 if self.counts else 1.0) * zero + 0.5) / (mass + 1.0))
        super().start(values, weights, rng)

    def log_prior(self):
        z = self.zeros if self.free is None else self.zeros[self.free]
        own = 0.5 * self.prior * float((np.log(z) + np.log(1 - z)).sum()) if self.prior else 0.0
        return own + super().log_prior()

    def sample(self, states, rng):
        return self._with_zeros(self.family.sample(states, rng), states, rng)

    def _with_zeros(self, drawn, states, rng):
        blank = rng.random((len(states), self.zeros.shape[1])) < self.zeros[states]
        return np.where(blank.reshape(drawn.shape), 0, drawn)

    # ----------------------------------------------------------------------------------------------------------------

    def mean(self):
        return self._moments()[0]

    def variance(self):
        return self._moments()[1]

    def _moments(self):
        """Of a mixture of 0 and the family."""
        mean, variance = self.family.mean(), self.family.variance()
        if mean is None or variance is None:
            return None, None
        nothing = np.zeros(mean.shape)
        weights = np.stack([self.zeros, 1 - self.zeros], axis=-1)
        both = (np.stack([nothing, table], axis=-1)[..., None] for table in (mean, variance))
        return tuple(m[..., 0] for m in mixed(weights, *both, np.expand_dims(self.circular, -1)))

    def cdf(self, values):
        places = np.where(self.circular, from_minus_pi(values), values)[:, None]
        return self.zeros * (places >= 0) + (1 - self.zeros) * self.family.cdf(values)

    def expected(self, values):
        """A zero of the other cause is 0, or an angle of 0."""
        rest = values if self.counts else without_zeros(values)
        return self.zeros * np.asarray(self.circular) + (1 - self.zeros) * self.family.expected(rest)

    def sample_given(self, values, states, rng):
        rest = values if self.counts else without_zeros(values)
        return self._with_zeros(self.family.sample_given(rest, states, rng), states, rng)

    def summary(self, state):
        return f"{super().summary(state)}, {self.family.summary(state)}"

    def __repr__(self):
        return f"ZeroInflated({self.family!r})"


def without_zeros(values):
    return np.where(values == 0, np.nan, values)
