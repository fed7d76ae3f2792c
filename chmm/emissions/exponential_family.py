"""The base of families with independent columns: log densities and statistics as matrix products of features."""

import numpy as np

from ..checks import check_frozen, read_only
from ..exceptions import quiet
from .base import Emission
from .constructors import check_prior, same_shape
from .quadratic import moments
from .special import gammaln
from .survey import Survey

MINUS_INFINITY = -1e300  # used in products, where 0 * -inf would be NaN


class ExponentialFamily(Emission):
    """Independent columns of an exponential family: log b_i(o) = sum_d c_id + sum_k e_ikd f_k(o_d).

    A subclass defines the features f_k, the factors e and c, and the maximiser. Columns that are NaN drop out.

    The prior adds `prior` steps to each cell (state and column). In these steps the features have the means of a fixed
    reference, r_kd, made once from all data, so prior * sum_id (c_id + sum_k e_ikd r_kd) is part of the objective. It
    is bounded, since some density of the family has these means.
    """

    gaps = True
    prepared = ("reference",)
    features: tuple[str, ...] = ()  # names of the sums that the statistics keep
    placeholder = 1.0  # any allowed value; it replaces missing ones, with weight 0

    def __init__(self, prior, frozen=(), **parameters):
        for name, values in parameters.items():
            setattr(self, name, values)
        same_shape(**{name: getattr(self, name) for name in self.parameters})
        self.prior = check_prior(prior)
        self.frozen = check_frozen(frozen, self.parameters, **self._known())
        self.reference = self._reference(np.full((len(self.features), 1), np.nan))

    # Defined by a subclass ----------------------------------------------------------------------------------------

    def sufficient_statistics(self, values):
        """f: the features, a list of (R, D)."""
        raise TypeError(f"{type(self).__name__} has no sufficient_statistics(values)")

    def natural_parameters(self):
        """(e, c): a list of (N, D) factors of the features, and the (N, D) constants."""
        raise TypeError(f"{type(self).__name__} has no natural_parameters()")

    def maximiser(self, means):
        """{parameter: (N, D)} from the weighted means of the features, given the entries that are `held`."""
        raise TypeError(f"{type(self).__name__} has no maximiser(means)")

    def derivatives(self, mass, *sums):
        """{parameter: (N, D)}: derivatives of sum_k e_k sums_k + c mass, where sums are those of the features."""
        raise TypeError(f"{type(self).__name__} has no derivatives(mass, *sums)")

    def typical(self, *means):
        """The prior's reference: means of the features, from those of all data, which are NaN for an unseen column."""
        raise TypeError(f"{type(self).__name__} has no typical(*means)")

    # Derived from these -------------------------------------------------------------------------------------------

    def survey(self, data):
        return Survey(moments=moments(np.hstack(self.sufficient_statistics(self.numbers(data)))))

    def prepare(self, survey, n_states, pseudocount):
        pool = survey["moments"]
        means = np.where(pool.count > 0, pool.mean, np.nan)
        self.reference = self._reference(means.reshape(len(self.features), -1))

    @classmethod
    def restored(cls, settings, arrays, members):
        emission = super().restored(settings, arrays, members)
        shape, columns = np.shape(emission.reference), (1, emission.n_features)
        if len(shape) != 2 or shape[0] != len(cls.features) or shape[1] not in columns:
            raise ValueError(f"reference has shape {shape}; it must hold {len(cls.features)} means for each column")
        return emission

    @quiet
    def _reference(self, means):
        return read_only(np.stack(self.typical(*means)))

    def log_likelihood(self, values):
        return self._log_density(values, *self._tables())

    def density(self):
        if type(self).log_likelihood is not ExponentialFamily.log_likelihood:
            return self.log_likelihood
        factors, constants, constant = quiet(self._tables)()

        @quiet
        def of(values):
            if values.size == 1:  # a step that is all missing never comes here
                return self._of_whole(values, factors, constant)
            return self._log_density(values, factors, constants, constant)

        return of

    def _tables(self):
        """Factors of the features side by side, (F * D, N), and constants, (D, N) and their sum (N,)."""
        factors, constants = self.natural_parameters()
        factors, constants = _finite(np.hstack(factors)).T, _finite(constants).T
        return factors, constants, constants.sum(axis=0)

    def _log_density(self, values, factors, constants, constant):
        seen = ~np.isnan(values)
        if seen.all():
            return self._of_whole(values, factors, constant)
        values = np.where(seen, values, self.placeholder)
        features = [f * seen for f in self.sufficient_statistics(values)]
        return with_infinities(np.hstack([*features, seen]) @ np.vstack([factors, constants]))

    def _of_whole(self, values, factors, constant):
        out = np.concatenate(self.sufficient_statistics(values), axis=1) @ factors
        out += constant
        return with_infinities(out)

    def statistics(self, values, weights):
        """weights (N, D), and for each feature its weighted sum (N, D)."""
        seen = ~np.isnan(values)
        if seen.all():
            mass = np.tile(weights.sum(axis=0)[:, None], (1, values.shape[1]))
        else:
            mass, values = weights.T @ seen, np.where(seen, values, self.placeholder)
        sums = [weights.T @ (f * seen) for f in self.sufficient_statistics(values)]
        return {"weights": mass, **dict(zip(self.features, sums, strict=True))}

    def gradient(self, values, weights):
        statistics = self.statistics(values, weights)
        return self.derivatives(statistics["weights"], *(statistics[f] for f in self.features))

    def prior_gradient(self):
        shape = np.shape(getattr(self, self.parameters[0]))
        return self.derivatives(*(np.broadcast_to(self.prior * r, shape) for r in (1.0, *self.reference)))

    def update(self, statistics):
        total = statistics["weights"] + self.prior
        alive = total > 0
        means = [
            np.where(alive, (statistics[f] + self.prior * r) / total, r)
            for f, r in zip(self.features, self.reference, strict=True)
        ]
        self.assign(self.maximiser(means), alive if self.free is None else alive & self.free)

    def log_prior(self):
        if not self.prior:
            return 0.0
        factors, constants = self.natural_parameters()
        terms = constants + sum(e * r for e, r in zip(factors, self.reference, strict=True))
        return self.prior * float(terms.sum() if self.free is None else terms[self.free].sum())


def _finite(factors):
    return np.maximum(factors, MINUS_INFINITY)


def with_infinities(logs):
    """Sums of products with MINUS_INFINITY in them as what they stand for: -inf, in place."""
    logs[logs < MINUS_INFINITY / 2] = -np.inf
    return logs


def not_counts(values):
    """Whether each number is not a count 0, 1, 2 ...; False for NaN."""
    return (values < 0) | (values != np.round(values)) & ~np.isnan(values)


def log_factorial(values):
    return gammaln(values + 1)


def squeeze_feature(values):
    """A sample (T, D); (T,) for one column."""
    return values[:, 0] if values.shape[1] == 1 else values
